//! Formats of application logs, which become rows of `logs`.

mod exception;
pub mod json;
mod keys;
pub mod klog;
pub mod logfmt;
mod reading;
mod severity;
pub mod spring;
mod template;
pub mod text;
mod text_ids;
mod when;

pub(crate) use exception::begins as begins_stack_trace;
pub(crate) use keys::Squeezed;
#[cfg(test)]
pub(crate) use text::tests::context as test_context;
