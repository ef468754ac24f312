//! How right the analysis is. Simulated systems whose truth is known are recorded, their telemetry is degraded, read and
//! analysed as the server does it, and the results are compared with the truth.
//!
//! | module | what |
//! |---|---|
//! | [`systems`] | the systems |
//! | [`cases`] | degradations by name |
//! | [`record`] | requests through the readers |
//! | [`observed`] | what the analysis says, under comparable names |
//! | [`compare`] | comparisons with the truth |
//! | [`analyse`] | what arrived, through the analysis |
//! | [`demo`] | what `spandrel demo` plays, minute by minute |
//! | [`results`] | all scores of a system |
//! | [`gates`], [`report`] | what they must be, and the page |

pub mod analyse;
pub mod cases;
pub mod compare;
pub mod demo;
pub mod gates;
pub mod observed;
pub mod record;
pub mod report;
pub mod results;
pub mod systems;
