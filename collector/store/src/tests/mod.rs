//! Tests of the whole store.

mod appends;
mod crashes;
mod damage;
mod faults;
mod model;
mod tables;
