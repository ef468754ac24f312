//! Request lines, request targets, authorities.

use super::{is_missing, slice};
use crate::record::{RequestRecord, Text};

/// Method and HTTP version names are short; what is longer is not taken for one.
const TOKEN_BYTES: usize = 32;

/// Sets method, path, query, protocol version and host from `GET /p?q HTTP/1.1`. A request line that is none (an
/// empty one, TLS bytes, a port scan) is kept as it is in the attribute `malformed_key`.
pub(super) fn set_request_line<'a>(record: &mut RequestRecord<'a>, line: Text<'a>, malformed_key: &'static str) {
    if is_missing(&line) {
        return;
    }
    let Some((method_end, target_end)) = split(&line) else {
        record.attribute(malformed_key, line);
        return;
    };
    if target_end < line.len() {
        set_protocol(record, slice(&line, target_end + 1..line.len()));
    }
    set_target(record, &slice(&line, method_end + 1..target_end));
    record.method = Some(slice(&line, 0..method_end));
}

/// Where the method ends and where the target does; the protocol follows, if there is any.
fn split(line: &str) -> Option<(usize, usize)> {
    let method_end = memchr::memchr(b' ', line.as_bytes())?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if method_end == 0 || method_end > TOKEN_BYTES || !line.bytes().take(method_end).all(is_token) {
        return None;
    }
    let target_end = match line.rfind(' ') {
        Some(space) if space > method_end && line[space + 1..].starts_with("HTTP/") => space,
        _ => line.len(),
    };
    let target = &line[method_end + 1..target_end];
    let is_target =
        target.starts_with('/') || target == "*" || target.contains("://") || &line[..method_end] == "CONNECT";
    // Without a protocol (HTTP/0.9, or a log that leaves it out) only what looks like a target makes it a request.
    (is_target || target_end < line.len() && !target.is_empty()).then_some((method_end, target_end))
}

/// Sets the protocol version from `HTTP/1.1`.
pub(super) fn set_protocol<'a>(record: &mut RequestRecord<'a>, protocol: Text<'a>) {
    match protocol.strip_prefix("HTTP/") {
        Some(version) => {
            let version = if version == "2.0" || version == "3.0" { 5..6 } else { 5..protocol.len() };
            record.attribute("network.protocol.version", slice(&protocol, version));
        }
        None => record.attribute("network.protocol.name", protocol),
    }
}

/// Sets path, query and host from a request target: `/p?q`, `http://host:80/p?q`, `host:443`, `*`.
pub(super) fn set_target<'a>(record: &mut RequestRecord<'a>, target: &Text<'a>) {
    if is_missing(target) {
        return;
    }
    let mut start = 0;
    if !target.starts_with('/') {
        if let Some(scheme_end) = scheme_end(target) {
            let authority = scheme_end + 3;
            start = target[authority..].find(['/', '?']).map_or(target.len(), |length| authority + length);
            set_host(record, &slice(target, authority..start));
        } else if target != "*" && !target.contains('/') && target.contains(':') {
            return set_host(record, target);
        }
    }
    let query = memchr::memchr(b'?', &target.as_bytes()[start..]).map(|position| start + position);
    if let Some(query) = query {
        record.attribute("url.query", slice(target, query + 1..target.len()));
    }
    let path = start..query.unwrap_or(target.len());
    record.path = Some(if path.is_empty() { Text::Borrowed("/") } else { slice(target, path) });
}

fn scheme_end(target: &str) -> Option<usize> {
    let end = target.find("://")?;
    (end > 0 && target.bytes().take(end).all(|byte| byte.is_ascii_alphanumeric())).then_some(end)
}

/// Sets the host asked for from an authority, unless it is known.
pub(super) fn set_host<'a>(record: &mut RequestRecord<'a>, authority: &Text<'a>) {
    if record.server_address.is_some() || is_missing(authority) {
        return;
    }
    let start = authority.rfind('@').map_or(0, |at| at + 1);
    let (host, port) = split_port(&authority[start..]);
    if host.is_empty() || host == "_" {
        return;
    }
    let host_end = start + host.len();
    if let Some(port) = port
        && !port.is_empty()
    {
        record.attribute("server.port", slice(authority, authority.len() - port.len()..authority.len()));
    }
    // The brackets of an IPv6 address are no part of it.
    let is_bracketed = host.len() > 2 && host.starts_with('[') && host.ends_with(']');
    let bare = if is_bracketed { start + 1..host_end - 1 } else { start..host_end };
    record.server_address = Some(slice(authority, bare));
}

/// Splits `host:port`. An IPv6 address without brackets has no port, since it cannot be told.
pub(super) fn split_port(authority: &str) -> (&str, Option<&str>) {
    let Some(colon) = authority.rfind(':') else {
        return (authority, None);
    };
    let (host, port) = (&authority[..colon], &authority[colon + 1..]);
    let has_port = port.bytes().all(|byte| byte.is_ascii_digit())
        && (!host.contains(':') || host.starts_with('[') && host.ends_with(']') && host.len() > 2);
    if has_port { (host, Some(port)) } else { (authority, None) }
}

/// Splits `address:port` where a port always stands, so that an IPv6 address needs no brackets.
pub(super) fn split_last_port(address: &str) -> (&str, Option<&str>) {
    match address.rsplit_once(':') {
        Some((host, port))
            if !host.is_empty() && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            (bare.unwrap_or(host), Some(port))
        }
        _ => (address, None),
    }
}

/// A URL without its scheme and path: `http://10.0.0.1:80/x` to `10.0.0.1:80`.
pub(super) fn url_authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> RequestRecord<'_> {
        let mut record = RequestRecord::new("nginx");
        set_request_line(&mut record, Text::Borrowed(line), "nginx.request");
        record
    }

    fn attribute<'r>(record: &'r RequestRecord<'_>, key: &str) -> Option<&'r str> {
        record.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_ref())
    }

    #[test]
    fn request_lines_are_split() {
        for (line, method, path, query, version, host) in [
            ("GET / HTTP/1.1", "GET", "/", None, Some("1.1"), None),
            ("GET /a?b=c?d HTTP/2.0", "GET", "/a", Some("b=c?d"), Some("2"), None),
            ("geti /a b HTTP/1.0", "geti", "/a b", None, Some("1.0"), None),
            ("HEAD http://shop:80/p?q HTTP/1.1", "HEAD", "/p", Some("q"), Some("1.1"), Some("shop")),
            ("POST https://[2001:db8::1]:8443", "POST", "/", None, None, Some("2001:db8::1")),
            ("GET http://h?x=/ HTTP/1.1", "GET", "/", Some("x=/"), Some("1.1"), Some("h")),
            ("GET /old", "GET", "/old", None, None, None),
            ("OPTIONS * HTTP/1.1", "OPTIONS", "*", None, Some("1.1"), None),
        ] {
            let record = read(line);
            assert_eq!(record.method.as_deref(), Some(method), "{line}");
            assert_eq!(record.path.as_deref(), Some(path), "{line}");
            assert_eq!(attribute(&record, "url.query"), query, "{line}");
            assert_eq!(attribute(&record, "network.protocol.version"), version, "{line}");
            assert_eq!(record.server_address.as_deref(), host, "{line}");
        }
        let connect = read("CONNECT shop.example:443 HTTP/1.1");
        assert_eq!((connect.server_address.as_deref(), connect.path.as_deref()), (Some("shop.example"), None));
    }

    #[test]
    fn what_is_no_request_is_kept() {
        for line in ["\\x16\\x03\\x01", "quit", "]& <x>", "SSH-2.0-Go 1", "<BADREQ>"] {
            let record = read(line);
            assert_eq!((record.method.as_ref(), record.path.as_ref()), (None, None), "{line}");
            assert_eq!(attribute(&record, "nginx.request"), Some(line));
        }
        assert!(read("").attributes.is_empty() && read("-").attributes.is_empty());
    }

    #[test]
    fn ports_are_told_from_addresses() {
        assert_eq!(split_port("[::1]:80"), ("[::1]", Some("80")));
        assert_eq!(split_port("2001:db8::1"), ("2001:db8::1", None));
        assert_eq!(split_port("shop"), ("shop", None));
        assert_eq!(split_last_port("2001:db8::1:80"), ("2001:db8::1", Some("80")));
        assert_eq!(url_authority("http://10.0.0.1:80/x"), "10.0.0.1:80");
    }
}
