//! Access logs of AWS load balancers: application and classic.

use std::sync::Arc;

use super::{
    bad_time, duration, integer, is_missing,
    request_line::{set_host, set_request_line, split_last_port},
    status, takes_no_log_format,
    tokens::{Escape, Tokens},
};
use crate::{
    format::{Format, FormatError, FormatOptions, LineContext, LineError, LineReason},
    record::{Attempt, Output, RequestRecord, Text},
    time::iso8601,
};

/// Access logs of AWS load balancers; each line tells whether it is an application load balancer's or a classic one's.
///
/// # Errors
/// When a `log_format` is configured, which there is none of.
pub fn aws_alb(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    takes_no_log_format("aws-alb", options)?;
    Ok(Arc::new(AwsLoadBalancer))
}

const KINDS: [&str; 6] = ["http", "https", "h2", "grpcs", "ws", "wss"];

#[derive(Debug)]
struct AwsLoadBalancer;

impl Format for AwsLoadBalancer {
    fn name(&self) -> &'static str {
        "aws-alb"
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        let mut words = Words { tokens: Tokens::new(line) };
        let first = words.next()?;
        let mut record = RequestRecord::new("aws-alb");
        let is_application = KINDS.contains(&first);
        let end_text = if is_application { words.next()? } else { first };
        // Another program's line is told from a broken one by its second word, which names the load balancer.
        let looks_like_time = end_text.as_bytes().get(10) == Some(&b'T');
        if !looks_like_time {
            return Err(no_load_balancer("no time where it should be"));
        }
        record.end_time = Some(time(end_text, context)?);
        let took = set_head(&mut record, &mut words)?;
        if is_application {
            record.attribute("aws.elb.type", first);
            set_tail(&mut record, &mut words, context)?;
        } else {
            record.source = "aws-elb";
            set_classic_tail(&mut record, &mut words);
        }
        if record.start_time.is_none() {
            record.duration_ns = took;
        }
        output.requests.push(record);
        Ok(())
    }
}

struct Words<'a> {
    tokens: Tokens<'a>,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Result<&'a str, LineError> {
        self.tokens.word().ok_or_else(|| no_load_balancer("it ends too early"))
    }

    /// The next word, if there is one: fields were added to the format over the years.
    fn optional(&mut self) -> &'a str {
        self.tokens.word().unwrap_or_default()
    }
}

fn no_load_balancer(what: &'static str) -> LineError {
    LineError::new(LineReason::Format, format!("not an access log of a load balancer of AWS: {what}"))
}

fn time(text: &str, context: &LineContext<'_>) -> Result<i64, LineError> {
    iso8601(text, context.zone).ok_or_else(|| bad_time(text))
}

/// Sets what both kinds have in common, from the name to the request; gives the time it took, where all parts are known.
fn set_head<'a>(record: &mut RequestRecord<'a>, words: &mut Words<'a>) -> Result<Option<i64>, LineError> {
    let name = words.next()?;
    // `app/<name>/<id>`, or the bare name of a classic one.
    record.gateway = Some(Text::Borrowed(name.split('/').nth(1).unwrap_or(name)));
    let client = words.next()?;
    let (address, port) = split_last_port(client);
    if !is_missing(address) {
        record.client_address = Some(Text::Borrowed(address));
    }
    record.attribute("client.port", port.unwrap_or_default());
    let target = words.next()?;
    let mut parts = [None; 3];
    for part in &mut parts {
        *part = duration(words.next()?, 0, "a processing time")?;
    }
    record.status = status(words.next()?, "elb_status_code")?;
    // 460: the client closed the connection before the idle timeout passed.
    record.cancelled = record.status == Some(460);
    let target_status = status(words.next()?, "target_status_code")?;
    if !is_missing(target) {
        record.upstream_address = Some(Text::Borrowed(target));
    }
    // A Lambda function has no address, but answers.
    record.upstream_status = target_status;
    record.upstream_duration_ns = parts[1];
    record.request_bytes = integer(words.next()?, "received_bytes")?;
    record.response_bytes = integer(words.next()?, "sent_bytes")?;
    set_request_line(record, Text::Borrowed(request_line(words.next()?)), "aws.elb.request");
    Ok(parts.into_iter().sum())
}

/// A request line without what a load balancer puts where the client sent nothing: `- http://host:80- `.
fn request_line(text: &str) -> &str {
    let text = text.trim_end();
    if text.starts_with("- ") { "" } else { text.strip_suffix(" -").unwrap_or(text) }
}

fn set_tail<'a>(
    record: &mut RequestRecord<'a>,
    words: &mut Words<'a>,
    context: &LineContext<'a>,
) -> Result<(), LineError> {
    set_agent(record, words.next()?);
    record.attribute("tls.cipher", words.optional());
    record.attribute("aws.elb.ssl_protocol", words.optional());
    let group = words.optional();
    record.attribute("aws.elb.target_group_arn", group);
    if let Some((_, rest)) = group.split_once(":targetgroup/") {
        record.upstream_service = rest.split('/').next().map(Text::Borrowed);
    }
    let trace = words.optional();
    record.ids.offer("x-amzn-trace-id", &Text::Borrowed(trace));
    // The name of TLS; the host of the request line came first.
    set_host(record, &Text::Borrowed(words.optional()));
    record.attribute("aws.elb.chosen_cert_arn", words.optional());
    record.attribute("aws.elb.matched_rule_priority", words.optional());
    let created = words.optional();
    if !is_missing(created) {
        record.start_time = Some(time(created, context)?);
    }
    record.attribute("aws.elb.actions_executed", words.optional());
    record.attribute("aws.elb.redirect_url", words.optional());
    let error = words.optional();
    if !is_missing(error) {
        record.error = Some(Text::Borrowed(error));
    }
    let (targets, statuses) = (words.optional(), words.optional());
    set_attempts(record, targets, statuses);
    record.attribute("aws.elb.classification", words.optional());
    record.attribute("aws.elb.classification_reason", words.optional());
    record.attribute("aws.elb.conn_trace_id", words.optional());
    Ok(())
}

fn set_classic_tail<'a>(record: &mut RequestRecord<'a>, words: &mut Words<'a>) {
    set_agent(record, words.optional());
    record.attribute("tls.cipher", words.optional());
    record.attribute("aws.elb.ssl_protocol", words.optional());
    set_attempts(record, "", "");
}

fn set_agent<'a>(record: &mut RequestRecord<'a>, agent: &'a str) {
    if !is_missing(agent) {
        record.user_agent = Some(Escape::Backslash.undo(agent));
    }
}

/// Sets the attempts from the lists of targets and of their statuses, or from the one target.
fn set_attempts<'a>(record: &mut RequestRecord<'a>, targets: &'a str, statuses: &'a str) {
    let mut statuses = statuses.split(' ');
    for target in targets.split(' ').filter(|target| !is_missing(target)) {
        let status = statuses.next().and_then(|status| status.parse().ok());
        let address = Some(Text::Borrowed(target));
        record.attempts.push(Attempt { address, status, duration_ns: None });
    }
    if record.attempts.is_empty() && (record.upstream_address.is_some() || record.upstream_status.is_some()) {
        let (address, status) = (record.upstream_address.clone(), record.upstream_status);
        record.attempts.push(Attempt { address, status, duration_ns: None });
    }
    // Of several tries the duration is the last one's.
    if let Some(last) = record.attempts.last_mut() {
        last.duration_ns = record.upstream_duration_ns;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gateway::testing::{parse, request};

    #[test]
    fn both_kinds_are_read() {
        let format = aws_alb(&FormatOptions::default()).unwrap();
        for (line, expected) in [
            (
                r#"https 2026-03-04T11:59:58.186641Z app/shop-lb/50dc6c495c0c9188 192.0.2.39:2817 10.0.0.2:80 0.001 0.048 0.000 502 502 34 366 "GET https://shop.example:443/a?b=1 HTTP/1.1" "curl/8.5.0" ECDHE TLSv1.3 arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/cart/73e2 "-" "shop.example" "-" 0 2026-03-04T11:59:58.136000Z "forward" "-" "-" "10.0.0.1:80 10.0.0.2:80" "- 502" "-" "-" TID_dc57 "-" "-" "-" more"#,
                "start=2026-03-04T11:59:58.136Z end=2026-03-04T11:59:58.186641Z gateway=shop-lb method=GET path=/a \
                 host=shop.example status=502 client=192.0.2.39 agent=curl/8.5.0 in=34 out=366 service=cart \
                 upstream=10.0.0.2:80 upstream_status=502 upstream_duration=48000us \
                 attempts=10.0.0.1:80/?/?+10.0.0.2:80/502/48000us client.port=2817 network.protocol.version=1.1 \
                 server.port=443 url.query=b=1 aws.elb.type=https tls.cipher=ECDHE aws.elb.ssl_protocol=TLSv1.3 \
                 aws.elb.target_group_arn=arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/cart/73e2 \
                 aws.elb.matched_rule_priority=0 aws.elb.actions_executed=forward aws.elb.conn_trace_id=TID_dc57",
            ),
            (
                r#"h2 2026-03-04T11:59:58.186641Z app/shop-lb/50dc 2001:db8::9:2817 - -1 -1 -1 460 - 34 0 "- http://shop.example:80- " "-" - - - "-" "-" "-" - 2026-03-04T11:59:58.136000Z "-" "-" "LambdaTimeout" "-" "-" "-" "-""#,
                "start=2026-03-04T11:59:58.136Z end=2026-03-04T11:59:58.186641Z gateway=shop-lb status=460 client=2001:db8::9 \
                 in=34 out=0 error=LambdaTimeout cancelled=true client.port=2817 aws.elb.type=h2",
            ),
            (
                r#"2026-03-04T11:59:58.943958Z shop-lb 192.0.2.39:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 "GET http://shop.example:80/ HTTP/1.1""#,
                "end=2026-03-04T11:59:58.943958Z duration=1178us gateway=shop-lb method=GET path=/ host=shop.example status=200 \
                 client=192.0.2.39 in=0 out=29 upstream=10.0.0.1:80 upstream_status=200 upstream_duration=1048us \
                 attempts=10.0.0.1:80/200/1048us client.port=2817 network.protocol.version=1.1 server.port=80",
            ),
            (
                r#"2026-03-04T11:59:58.943958Z shop-lb 192.0.2.39:2817 - -1 -1 -1 504 0 9 0 "PUT http://shop.example:80/ HTTP/1.1" "k6" - -"#,
                "end=2026-03-04T11:59:58.943958Z gateway=shop-lb method=PUT path=/ host=shop.example status=504 \
                 client=192.0.2.39 agent=k6 in=9 out=0 client.port=2817 network.protocol.version=1.1 server.port=80",
            ),
        ] {
            assert_eq!(request(&*format, line), expected, "{line}");
        }
        for (line, reason) in [
            ("http 2026-03-04T11:59:58Z app/a/b", LineReason::Format),
            ("http 2026-13-04T11:59:58Z app/a/b", LineReason::Time),
            ("2026-03-04T11:59:58Z a b:1 c:2 x 0 0", LineReason::Field),
            ("10.0.0.9 - - [04/Mar/2026:11:59:58 +0000] \"GET / HTTP/1.1\" 200 1", LineReason::Format),
        ] {
            assert_eq!(parse(&*format, line).unwrap_err().reason, reason, "{line}");
        }
    }

    proptest! {
        #[test]
        fn hostile_lines_never_panic(line in r#"[ -~é]{0,80}|(("?[0-9:é/-]{0,6}"?|"[A-Za-z :/]{0,12}") ?){0,30}"#) {
            let format = aws_alb(&FormatOptions::default()).unwrap();
            let _ = parse(&*format, &line);
            let _ = parse(&*format, &format!("h2 2026-03-04T11:59:58Z app/a/b c:1 d:2 0 0 0 200 200 1 1 \"GET / HTTP/1.1\" {line}"));
        }
    }
}
