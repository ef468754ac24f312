//! What single values of spans mean.

use std::net::IpAddr;

use spandrel_proto::model::Outcome;

use crate::{
    rollup::OUTCOMES,
    span::{Access, Kind, MessageStep, Visitor},
};

pub(super) fn kind(text: &str) -> Kind {
    match text {
        "SERVER" => Kind::Server,
        "CLIENT" => Kind::Client,
        "PRODUCER" => Kind::Producer,
        "CONSUMER" => Kind::Consumer,
        _ => Kind::Internal,
    }
}

pub(super) fn outcome(text: &str) -> Outcome {
    OUTCOMES.into_iter().find(|outcome| outcome.as_str() == text).unwrap_or(Outcome::Unknown)
}

/// The number that `text` is; what is larger than fits is the largest that does.
pub(super) fn number(text: &str) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    text.parse::<u64>().ok().map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

/// The element of a JSON array of one text, as headers are stored; other texts as they are.
pub(super) fn single(text: &str) -> &str {
    text.strip_prefix("[\"").and_then(|text| text.strip_suffix("\"]")).unwrap_or(text)
}

/// Milliseconds of a `grpc-timeout`: up to 8 digits and a unit
/// (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>). Less than one counts as one.
pub(super) fn grpc_timeout_ms(text: &str) -> Option<u32> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let nanoseconds: u128 = match unit {
        "H" => 3_600_000_000_000,
        "M" => 60_000_000_000,
        "S" => 1_000_000_000,
        "m" => 1_000_000,
        "u" => 1000,
        "n" => 1,
        _ => return None,
    };
    let value = u128::from(number(digits)?);
    let milliseconds = (value * nanoseconds).div_ceil(1_000_000);
    Some(u32::try_from(milliseconds).unwrap_or(u32::MAX))
}

pub(super) fn message_step(operation_type: &str, operation_name: &str) -> MessageStep {
    for text in [operation_type, operation_name] {
        let step = match text {
            "create" => MessageStep::Create,
            "send" | "publish" | "produce" => MessageStep::Send,
            "receive" | "poll" | "consume" | "fetch" => MessageStep::Receive,
            "process" | "deliver" | "handle" => MessageStep::Process,
            "settle" | "ack" | "nack" | "reject" | "commit" | "complete" | "abandon" => MessageStep::Settle,
            _ => continue,
        };
        return step;
    }
    MessageStep::None
}

const READS: [&str; 29] = [
    "SELECT",
    "FIND",
    "FINDONE",
    "GET",
    "GETITEM",
    "BATCHGETITEM",
    "QUERY",
    "SCAN",
    "READ",
    "COUNT",
    "AGGREGATE",
    "DISTINCT",
    "SEARCH",
    "MSEARCH",
    "MGET",
    "HGET",
    "HGETALL",
    "HMGET",
    "EXISTS",
    "LRANGE",
    "SMEMBERS",
    "SISMEMBER",
    "ZRANGE",
    "ZSCORE",
    "TTL",
    "KEYS",
    "SHOW",
    "EXPLAIN",
    "MATCH",
];
const WRITES: [&str; 40] = [
    "INSERT",
    "UPDATE",
    "DELETE",
    "REPLACE",
    "UPSERT",
    "MERGE",
    "CREATE",
    "DROP",
    "ALTER",
    "TRUNCATE",
    "PUT",
    "PUTITEM",
    "UPDATEITEM",
    "DELETEITEM",
    "BATCHWRITEITEM",
    "SET",
    "SETEX",
    "SETNX",
    "MSET",
    "HSET",
    "HMSET",
    "HDEL",
    "DEL",
    "UNLINK",
    "INCR",
    "INCRBY",
    "DECR",
    "DECRBY",
    "EXPIRE",
    "LPUSH",
    "RPUSH",
    "LPOP",
    "RPOP",
    "SADD",
    "SREM",
    "ZADD",
    "ZREM",
    "FINDANDMODIFY",
    "BULK",
    "INDEX",
];

/// By the first word of an operation or query.
pub(super) fn access(word: &str) -> Access {
    let is_one_of = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
    if is_one_of(&READS) {
        Access::Read
    } else if is_one_of(&WRITES) {
        Access::Write
    } else {
        Access::Unknown
    }
}

/// Host and port of a URL, without user and password.
pub(super) fn authority(url: &str) -> &str {
    let Some(end) = url.as_bytes().windows(3).position(|bytes| bytes == b"://") else { return "" };
    let rest = &url[end + 3..];
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// `host:port` or `[host]:port` in two. No port is 0.
pub(super) fn host_and_port(text: &str) -> (&str, u16) {
    if let Some((host, port)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        return (host, port.strip_prefix(':').and_then(|port| port.parse().ok()).unwrap_or(0));
    }
    match text.split_once(':').map(|(host, port)| (host, port.parse())) {
        Some((host, Ok(port))) => (host, port),
        Some((host, Err(_))) if text.ends_with(':') => (host, 0),
        _ => (text, 0),
    }
}

/// The service of an RPC method `package.Service/Method`.
pub(super) fn rpc_service(method: &str) -> &str {
    method.trim_start_matches('/').rsplit_once('/').map_or("", |(service, _)| service)
}

/// `/first` of `/first/second`.
pub(super) fn first_segment(path: &str) -> &str {
    let start = usize::from(path.starts_with('/'));
    let end = path[start..].find('/').map_or(path.len(), |end| start + end);
    &path[..end]
}

const PROGRAMS: [&str; 12] = [
    "curl/",
    "wget/",
    "python-requests",
    "python-urllib",
    "go-http-client",
    "kube-probe",
    "prometheus",
    "googlehc",
    "elb-healthchecker",
    "k6/",
    "apachebench",
    "bot",
];
const PHONES: [&str; 6] = ["android", "iphone", "ipad", "okhttp", "cfnetwork", "dalvik"];

/// Who calls an entry, by the user agent that it says it is.
pub(super) fn agent(user_agent: &str) -> Visitor {
    let says = |names: &[&str]| names.iter().any(|name| contains(user_agent, name));
    if says(&PROGRAMS) {
        Visitor::Job
    } else if says(&PHONES) {
        Visitor::Mobile
    } else if user_agent.starts_with("Mozilla/") || user_agent.starts_with("Opera/") {
        Visitor::Browser
    } else {
        Visitor::User
    }
}

/// Who calls an entry, by where it comes from.
pub(super) fn origin(address: &str) -> Visitor {
    match address.parse::<IpAddr>() {
        Ok(address) if is_public(address) => Visitor::Internet,
        _ => Visitor::User,
    }
}

/// Whether `text` contains `name`, which is in lower case, in whichever case.
fn contains(text: &str, name: &str) -> bool {
    let (text, name) = (text.as_bytes(), name.as_bytes());
    let is_start = |byte: &u8| name.first().is_some_and(|first| byte.to_ascii_lowercase() == *first);
    let starts = (0..text.len()).filter(|start| is_start(&text[*start]));
    starts
        .map(|start| &text[start..])
        .any(|rest| rest.get(..name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name)))
}

fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let shared = address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64;
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_documentation()
                || shared)
        }
        IpAddr::V6(address) => {
            !(address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local())
        }
    }
}

/// Whether a span of this trace should not exist by the threshold in its trace state (see
/// [`spandrel_proto::model::weight`]): its randomness is below it.
pub(super) fn is_inconsistent(trace_state: &str, trace_id: u128) -> bool {
    if trace_state.is_empty() {
        return false;
    }
    let member = trace_state.split(',').find_map(|member| member.trim().strip_prefix("ot="));
    let Some(member) = member else { return false };
    let sub_key = |name: &str| member.split(';').find_map(|pair| pair.strip_prefix(name));
    let digits = |text: &str| u64::from_str_radix(text, 16).ok().filter(|_| text.len() <= 14);
    let Some((threshold, length)) = sub_key("th:").and_then(|text| Some((digits(text)?, text.len()))) else {
        return false;
    };
    let low = trace_id as u64 & ((1 << 56) - 1);
    let randomness = sub_key("rv:").filter(|text| text.len() == 14).and_then(digits).unwrap_or(low);
    randomness < threshold << (4 * (14 - length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_from_urls() {
        for (url, expected) in [
            ("http://cart:8080/x", ("cart", 8080)),
            ("https://user:secret@api.example.com?x=1", ("api.example.com", 0)),
            ("http://[fd00::1]:9000/", ("fd00::1", 9000)),
            ("http://[fd00::1]", ("fd00::1", 0)),
            ("http://cart:", ("cart", 0)),
            ("/relative", ("", 0)),
            ("", ("", 0)),
        ] {
            assert_eq!(host_and_port(authority(url)), expected, "{url}");
        }
        assert_eq!(host_and_port("fd00::1"), ("fd00::1", 0));
        assert_eq!(host_and_port("cart:99999"), ("cart:99999", 0));
    }

    #[test]
    fn scopes_are_what_an_address_is_asked_for() {
        assert_eq!(
            [rpc_service("shop.Cart/Get"), rpc_service("/shop.Cart/Get"), rpc_service("Get")],
            ["shop.Cart", "shop.Cart", ""]
        );
        assert_eq!(["/a/b", "/a", "/", "", "a/b"].map(first_segment), ["/a", "/a", "/", "", "a"]);
    }

    #[test]
    fn thresholds_that_do_not_fit_the_trace_are_told() {
        for (trace_state, trace_id, expected) in [
            ("", 0, false),
            ("ot=th:8", 0x80_0000_0000_0000, false),
            ("ot=th:8", 0x7f_ffff_ffff_ffff, true),
            ("a=b, ot=rv:90000000000000;th:8", 0, false),
            ("ot=rv:10000000000000;th:8", u128::MAX, true),
            ("ot=th:0", 0, false),
            ("ot=th:xyz", 0, false),
            ("ot=th:123456789012345", 0, false),
        ] {
            assert_eq!(is_inconsistent(trace_state, trace_id), expected, "{trace_state}");
        }
    }
}
