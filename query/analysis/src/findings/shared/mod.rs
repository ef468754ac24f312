//! What detectors have in common.
//!
//! | item | what |
//! |---|---|
//! | [`PerMinute`] | values by key for each minute, of bounded size, forgotten minute by minute |
//! | [`Weighted`], [`wilson`] | weighted counts, and the range that a share lies in |
//! | [`Demand`], [`Entries`] | requests per minute, counted once for all detectors |
//! | [`requests`] | requests from outside |
//! | [`Lost`] | what they lose by a condition |
//! | [`Baseline`] | what a measure usually is |
//! | [`Exemplars`], [`Extent`] | traces to look at; from when to when something was seen |
//! | [`Window`] | the minutes an evaluation looks at |
//! | [`sql`] | statements that show the rows behind a finding |
//! | [`roles`] | what services and operations are by their names |
//! | [`names`] | texts of services, nodes and environments; completeness of data |

mod baseline;
mod demand;
mod entries;
mod exemplars;
mod lost;
pub(crate) mod names;
mod per_minute;
pub(crate) mod roles;
pub(crate) mod sql;
mod weighted;
mod window;

pub(crate) use baseline::{Baseline, median};
pub(crate) use demand::{Demand, Served};
pub(crate) use entries::{Entries, EntryKey, EntryStats, requests};
pub(crate) use exemplars::{Exemplars, Extent};
pub(crate) use lost::{Lost, MAX_DRAGS};
pub(crate) use per_minute::{Additive, PerMinute};
pub(crate) use weighted::{Weighted, number, wilson};
pub(crate) use window::{MAX_WINDOW, Window, run_start, shortest};

/// Fewer observations than this say nothing of shares.
pub(crate) const MIN_SAMPLES: f64 = 30.0;
/// Fewer different traces than this are no finding.
pub(crate) const MIN_TRACES: usize = 3;
/// A finding that is open stays open while its measure is above this share of its threshold.
pub(crate) const STAYS: f64 = 0.8;
