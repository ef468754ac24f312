//! The canonical model: one Arrow schema per table, and the meaning of its columns.

pub mod alias;
mod clock;
mod correlation;
pub mod id;
mod key_table;
mod outcome;
mod schema;
mod table;
mod weight;

pub use clock::{Clock, SystemClock};
pub use correlation::{correlation_key, make_correlation_key};
pub use key_table::KeyTable;
pub use outcome::{Outcome, Signals, is_refusal, outcome};
pub use schema::{
    ColumnType, attempts_item, attributes_field, column_type, events_item, exemplars_item, links_item, quantiles_item,
};
pub use table::Table;
pub use weight::weight;
