//! What the tests share: processes, OTLP senders, SQL answers, and requests to send.

mod answer;
mod export;
mod grpc;
mod poll;
mod process;
mod requests;
mod server;

pub(crate) use answer::Rows;
pub(crate) use export::{Export, Partial, Refused, Transport, compressed};
pub(crate) use grpc::{RawAnswer, frame, message_of, retry_delay};
pub(crate) use poll::eventually;
pub(crate) use process::{Finished, Process, run, run_with_input};
pub(crate) use requests::{
    T0, attribute, double_value, gauge_point, integer_value, log_record, logs_request, metrics_request, span,
    spans_request, text_value, trace_id,
};
pub(crate) use server::{Server, Stopped};
