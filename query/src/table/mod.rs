//! The tables that SQL sees over one snapshot of the store.
//!
//! A table has three schemas. *Stored* is what the hot batches and the files hold (`spandrel_proto::model`): ids are
//! bytes, times are integers. *Scanned* is what the sources produce: as stored, but the table's own time columns are
//! timestamps, which costs nothing and lets DataFusion prune files, row groups and pages by them, dynamic filters of
//! `ORDER BY time LIMIT n` included. *Exposed* is what users see: ids as lower-case hex text and every time a timestamp.
//! The step from scanned to exposed is an expression per column ([`present`]), and the comparisons of such an expression
//! with a literal are turned back into comparisons of bytes ([`adapter`]), so that they prune as well.

mod adapter;
mod exposed;
mod files;
mod filter;
mod hot;
mod latest;
mod present;
mod provider;
mod prune;
mod stored;

pub use exposed::exposed_schema;
pub(crate) use latest::{LatestRevision, latest_state};
pub(crate) use provider::{ScanCounters, SnapshotTable, store_url};
pub(crate) use prune::WantedIds;
pub(crate) use stored::{exposed_form, exposed_rows, stored_form};
