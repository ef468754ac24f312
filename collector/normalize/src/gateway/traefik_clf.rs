//! The Common Log Format of Traefik, which is its default.

use std::sync::Arc;

use super::{
    common_log::{CommonLine, set_combined},
    duration, is_missing,
    request_line::url_authority,
    takes_no_log_format,
};
use crate::{
    format::{Format, FormatError, FormatOptions, LineContext, LineError, LineReason},
    record::{Output, Text},
};

/// Access logs of Traefik in its Common Log Format.
///
/// # Errors
/// When a `log_format` is configured, which there is none of.
pub(super) fn traefik_clf(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    takes_no_log_format("traefik", options)?;
    Ok(Arc::new(TraefikClf))
}

#[derive(Debug)]
struct TraefikClf;

impl Format for TraefikClf {
    fn name(&self) -> &'static str {
        "traefik"
    }

    fn parse<'a>(&self, line: &'a str, _: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        let mut common = CommonLine::parse(line)?;
        let mut next = || common.rest.word().ok_or_else(no_traefik);
        let (referrer, agent, count) = (next()?, next()?, next()?);
        let (router, server, took) = (next()?, next()?, next()?);
        let millis = took.strip_suffix("ms").ok_or_else(no_traefik)?;
        let mut record = common.record("traefik", "traefik.request")?;
        // The time is when the request came.
        record.start_time = Some(common.time);
        record.duration_ns = duration(millis, 3, "the duration")?;
        record.cancelled = record.status == Some(499);
        set_combined(&mut record, referrer, agent);
        record.attribute("traefik.request_count", count);
        if !is_missing(router) {
            // Of a chain, `root@file -> leaf@file`, the last one routed the request.
            let leaf = router.rsplit(" -> ").next().unwrap_or(router);
            record.route = Some(Text::Borrowed(leaf));
            if leaf != router {
                record.attribute("traefik.router", router);
            }
        }
        if !is_missing(server) {
            record.upstream_address = Some(Text::Borrowed(url_authority(server)));
        }
        output.requests.push(record);
        Ok(())
    }
}

fn no_traefik() -> LineError {
    LineError::new(LineReason::Format, "no count, \"router\", \"server\" and duration after a combined log")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gateway::testing::{parse, request};

    #[test]
    fn lines_are_read() {
        let format = traefik_clf(&FormatOptions::default()).unwrap();
        for (line, expected) in [
            (
                r#"10.0.0.9 - ann [04/Mar/2026:11:59:58 +0000] "GET /a?b HTTP/2.0" 200 352 "-" "k6" 244 "root@file -> cart@docker" "http://172.17.0.3:80" 42ms"#,
                "start=2026-03-04T11:59:58Z duration=42000us method=GET path=/a route=cart@docker status=200 client=10.0.0.9 \
                 agent=k6 out=352 upstream=172.17.0.3:80 user.name=ann network.protocol.version=2 url.query=b \
                 traefik.request_count=244 traefik.router=root@file -> cart@docker",
            ),
            (
                r#"10.0.0.9 - - [04/Mar/2026:11:59:58 +0000] "GET /a HTTP/1.1" - - "-" "-" 7 "-" "-" 0ms"#,
                "start=2026-03-04T11:59:58Z duration=0us method=GET path=/a client=10.0.0.9 network.protocol.version=1.1 \
                 traefik.request_count=7",
            ),
        ] {
            assert_eq!(request(&*format, line), expected, "{line}");
        }
        let combined = r#"10.0.0.9 - - [04/Mar/2026:11:59:58 +0000] "GET /a HTTP/1.1" 200 1 "-" "-""#;
        assert_eq!(parse(&*format, combined).unwrap_err().reason, LineReason::Format);
    }

    proptest! {
        #[test]
        fn hostile_lines_never_panic(tail in r#"(("[a-zé:/> -]{0,9}"|[0-9a-z-]{1,4}) ?){0,9}"#) {
            let format = traefik_clf(&FormatOptions::default()).unwrap();
            let _ = parse(&*format, &tail);
            let _ = parse(&*format, &format!("a - - [04/Mar/2026:11:59:58 +0000] \"GET /a HTTP/1.1\" {tail}"));
        }
    }
}
