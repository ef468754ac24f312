//! Column buffers that wire readers push into.
//!
//! Each column is padded with nulls when it is next written or finished, so a column that a record does not have costs
//! that record nothing. Texts are collected as bytes and checked for UTF-8 once a column, not once a value.

mod bytes;
mod finisher;
mod nested;
mod numbers;

pub use bytes::{Bytes, Texts, text_prefix};
pub use finisher::Finisher;
pub use nested::{Maps, Nesting, NumberLists, finish_struct_lists, finish_text_lists};
pub use numbers::{Booleans, Float64s, Int32s, Int64s};
