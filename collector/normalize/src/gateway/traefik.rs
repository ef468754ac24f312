//! Traefik's access log, in either of its forms.

use std::sync::Arc;

use super::{takes_no_log_format, traefik_clf, traefik_json};
use crate::{
    format::{Format, FormatError, FormatOptions, LineContext, LineError},
    record::Output,
};

#[derive(Debug)]
struct Traefik {
    json: Arc<dyn Format>,
    common_log: Arc<dyn Format>,
}

/// JSON, or the Common Log Format with its additions.
///
/// # Errors
/// With options that do not apply.
pub fn traefik(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    takes_no_log_format("traefik", options)?;
    Ok(Arc::new(Traefik { json: traefik_json::traefik_json(options)?, common_log: traefik_clf::traefik_clf(options)? }))
}

impl Format for Traefik {
    fn name(&self) -> &'static str {
        "traefik"
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        let form = if line.starts_with('{') { &self.json } else { &self.common_log };
        form.parse(line, context, output)
    }
}
