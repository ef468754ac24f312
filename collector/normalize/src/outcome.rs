//! The outcome of a request as its gateway saw it.

use spandrel_proto::model::{Outcome, Signals, outcome};

use crate::{
    record::{RequestRecord, Side},
    response_flags,
};

/// The outcome, by the same rules as for spans, where those of the gateway's own words stand at the same rank as the
/// status that means the same.
pub(crate) fn of_request(record: &RequestRecord<'_>) -> Outcome {
    let by_status = of_status(record);
    let by_words = of_words(record);
    let candidates = [by_status, by_words];
    // Ranks of the rules: the first that holds, of whichever source.
    for outcome in [Outcome::Timeout, Outcome::Rejected, Outcome::Unreachable] {
        if candidates.contains(&Some(outcome)) {
            return outcome;
        }
    }
    if record.cancelled || candidates.contains(&Some(Outcome::Cancelled)) {
        return Outcome::Cancelled;
    }
    by_status.or(by_words).unwrap_or(Outcome::Unknown)
}

/// The outcome by HTTP status, gRPC status and error text; none without any of them.
fn of_status(record: &RequestRecord<'_>) -> Option<Outcome> {
    let status = record.status.filter(|status| *status > 0);
    let (error, rpc) = (record.error.as_deref().unwrap_or_default(), record.rpc_status.as_deref().unwrap_or_default());
    if status.is_none() && error.is_empty() && rpc.is_empty() {
        return None;
    }
    let signals = Signals {
        serves: record.side != Side::Outbound,
        is_http: true,
        error: !error.is_empty(),
        http_status: status,
        retry_after: status == Some(503) && is_overload(record),
        error_type: error.as_bytes(),
        rpc_status: rpc.as_bytes(),
        ..Signals::default()
    };
    match (status, outcome(&signals)) {
        // The client closed its connection: nginx, and AWS's load balancer.
        (Some(460), Outcome::ClientFault) => Some(Outcome::Cancelled),
        // An error text beside a good status tells of a try that was made up for, or of the connection's end.
        (Some(100..400), Outcome::ServerFault) if rpc.is_empty() || rpc == "OK" => Some(Outcome::Ok),
        (_, outcome) => Some(outcome),
    }
}

/// Whether the answer says that a limit was met, and not that the upstream failed.
fn is_overload(record: &RequestRecord<'_>) -> bool {
    record.attributes.iter().any(|(key, value)| {
        key.ends_with("retry-after")
            || key.ends_with("x-envoy-overloaded")
            || (key.ends_with("response_code_details") && matches!(&**value, "overflow" | "overload" | "drop_overload"))
    })
}

/// The outcome by the words that a gateway has for it beside the status.
fn of_words(record: &RequestRecord<'_>) -> Option<Outcome> {
    let flags = record.response_flags.as_deref().unwrap_or_default();
    if record.source == "haproxy" {
        return of_termination_state(flags);
    }
    if record.source == "aws-alb" && record.status == Some(503) && record.upstream_address.is_none() {
        // No target was there to ask.
        return Some(Outcome::Unreachable);
    }
    if record.attempts.last().and_then(|attempt| attempt.address.as_deref()).is_some_and(is_group_name) {
        return Some(Outcome::Unreachable);
    }
    let answered =
        record.response_bytes.is_some_and(|bytes| bytes > 0) && record.status.is_some_and(|status| status < 500);
    response_flags::known(flags)
        .filter(|(flag, _)| !(*flag == "UC" && answered))
        .filter_map(|(_, outcome)| outcome)
        .min_by_key(|outcome| match outcome {
            Outcome::Timeout => 0,
            Outcome::Rejected => 1,
            Outcome::Unreachable => 2,
            _ => 3,
        })
}

/// Whether what stands for an upstream's address in nginx's log is the name of its group: none of its servers was live.
pub(crate) fn is_group_name(address: &str) -> bool {
    !address.is_empty()
        && address != "-"
        && !address.contains([':', '/', '['])
        && address.parse::<std::net::Ipv4Addr>().is_err()
}

/// HAProxy's termination state: what ended the session, then what it was doing.
fn of_termination_state(state: &str) -> Option<Outcome> {
    match *state.as_bytes() {
        // A timeout of the server's side: in the queue, connecting, waiting for the answer or inside it.
        [b's', ..] => Some(Outcome::Timeout),
        // The connection was refused, or no server was there; or the server was marked down.
        [b'S', b'C', ..] | [b'D', ..] => Some(Outcome::Unreachable),
        // The proxy ran out of sockets or memory.
        [b'R', ..] => Some(Outcome::Rejected),
        [b'C', ..] => Some(Outcome::Cancelled),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::record::Attempt;

    fn request(source: &'static str, status: Option<i32>, flags: &'static str) -> RequestRecord<'static> {
        RequestRecord { status, response_flags: Some(Cow::Borrowed(flags)), ..RequestRecord::new(source) }
    }

    #[test]
    fn flags_and_words_decide_beside_the_status() {
        for (source, status, flags, expected) in [
            ("envoy", Some(200), "-", Outcome::Ok),
            ("envoy", Some(504), "UT", Outcome::Timeout),
            ("envoy", Some(408), "SI", Outcome::Timeout),
            ("envoy", Some(503), "UO", Outcome::Rejected),
            ("envoy", Some(503), "UpstreamOverflow", Outcome::Rejected),
            ("envoy", Some(429), "RL", Outcome::Rejected),
            ("envoy", Some(503), "UF,URX", Outcome::Unreachable),
            ("envoy", Some(503), "UH", Outcome::Unreachable),
            ("envoy", Some(404), "NR", Outcome::Unreachable),
            ("envoy", Some(503), "UC", Outcome::Unreachable),
            ("envoy", Some(503), "URX", Outcome::ServerFault),
            ("envoy", Some(503), "XX", Outcome::ServerFault),
            ("envoy", Some(503), "UF,UT", Outcome::Timeout),
            ("envoy", None, "DC", Outcome::Cancelled),
            ("envoy", Some(0), "DC", Outcome::Cancelled),
            ("envoy", Some(0), "-", Outcome::Unknown),
            ("envoy", None, "-", Outcome::Unknown),
            ("nginx", Some(499), "-", Outcome::Cancelled),
            ("aws-alb", Some(460), "-", Outcome::Cancelled),
            ("aws-alb", Some(463), "-", Outcome::ClientFault),
            ("aws-alb", Some(503), "-", Outcome::Unreachable),
            ("haproxy", Some(503), "SC--", Outcome::Unreachable),
            ("haproxy", Some(504), "sH--", Outcome::Timeout),
            ("haproxy", Some(503), "sQ--", Outcome::Timeout),
            ("haproxy", Some(502), "SH--", Outcome::ServerFault),
            ("haproxy", Some(200), "CD--", Outcome::Cancelled),
            ("haproxy", Some(200), "----", Outcome::Ok),
            ("haproxy", Some(403), "PR--", Outcome::ClientFault),
        ] {
            assert_eq!(of_request(&request(source, status, flags)), expected, "{source} {status:?} {flags}");
        }
    }

    #[test]
    fn other_fields_decide_too() {
        let base = || request("envoy", Some(503), "-");
        let group = Attempt { address: Some(Cow::Borrowed("shop_api")), status: Some(502), duration_ns: None };
        let peer = Attempt { address: Some(Cow::Borrowed("10.0.0.1")), ..group.clone() };
        let with_attribute = |key: &'static str, value: &'static str| {
            let mut record = base();
            record.attribute(key, value);
            record
        };
        for (record, expected) in [
            (RequestRecord { cancelled: true, status: None, ..base() }, Outcome::Cancelled),
            (
                RequestRecord { error: Some("delayed connect error: 111 Connection refused".into()), ..base() },
                Outcome::Unreachable,
            ),
            (RequestRecord { error: Some("upstream timed out".into()), status: Some(502), ..base() }, Outcome::Timeout),
            (RequestRecord { error: Some("via_upstream".into()), status: Some(200), ..base() }, Outcome::Ok),
            (
                RequestRecord { status: Some(200), rpc_status: Some("UNAVAILABLE".into()), ..base() },
                Outcome::ServerFault,
            ),
            (
                RequestRecord {
                    status: Some(200),
                    rpc_status: Some("UNAVAILABLE".into()),
                    side: Side::Outbound,
                    ..base()
                },
                Outcome::Unreachable,
            ),
            (
                RequestRecord { status: Some(200), rpc_status: Some("DEADLINE_EXCEEDED".into()), ..base() },
                Outcome::Timeout,
            ),
            (RequestRecord { status: Some(200), rpc_status: Some("NOT_FOUND".into()), ..base() }, Outcome::ClientFault),
            (RequestRecord { status: None, rpc_status: Some("OK".into()), ..base() }, Outcome::Ok),
            (RequestRecord { status: Some(408), side: Side::Outbound, ..base() }, Outcome::Timeout),
            (RequestRecord { status: Some(408), ..base() }, Outcome::ClientFault),
            (RequestRecord { status: Some(502), attempts: vec![peer.clone(), group], ..base() }, Outcome::Unreachable),
            (RequestRecord { status: Some(502), attempts: vec![peer], ..base() }, Outcome::ServerFault),
            (with_attribute("http.response.header.retry-after", "5"), Outcome::Rejected),
            (with_attribute("envoy.response_code_details", "overflow"), Outcome::Rejected),
            (with_attribute("envoy.response_code_details", "via_upstream"), Outcome::ServerFault),
            (
                RequestRecord {
                    response_flags: Some("UC".into()),
                    status: Some(200),
                    response_bytes: Some(9),
                    ..base()
                },
                Outcome::Ok,
            ),
        ] {
            assert_eq!(of_request(&record), expected, "{record:?}");
        }
    }
}
