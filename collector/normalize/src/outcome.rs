//! The outcome of a request as its gateway saw it.

use spandrel_proto::model::{Outcome, Signals, outcome};

use crate::record::RequestRecord;

/// The outcome, by the same rules as for spans.
pub(crate) fn of_request(record: &RequestRecord<'_>) -> Outcome {
    if record.cancelled {
        return Outcome::Cancelled;
    }
    let Some(status) = record.status else {
        return Outcome::Unknown;
    };
    outcome(&Signals {
        serves: true,
        is_http: true,
        http_status: Some(status),
        error_type: record.error.as_deref().unwrap_or_default().as_bytes(),
        rpc_status: record.rpc_status.as_deref().unwrap_or_default().as_bytes(),
        ..Signals::default()
    })
}
