//! The tries of nginx at its upstreams.

use crate::{
    gateway::{is_missing, request_line::split_port, slice},
    record::{Attempt, RequestRecord, Text},
    time::decimal,
};

/// The `$upstream_*` lists of one request. Tries within a group of servers are parted by `, `, groups (after an
/// internal redirect) by ` : `; the lists need not be of one length.
#[derive(Debug, Default)]
pub(super) struct Upstreams<'a> {
    pub addresses: Option<Text<'a>>,
    pub statuses: Option<Text<'a>>,
    pub times: Option<Text<'a>>,
}

impl<'a> Upstreams<'a> {
    /// Sets the attempts, and of the last one address, status and duration.
    pub(super) fn set(self, record: &mut RequestRecord<'a>) {
        let (mut addresses, mut statuses, mut times) =
            (Items::of(self.addresses.as_ref()), Items::of(self.statuses.as_ref()), Items::of(self.times.as_ref()));
        loop {
            let (address, status, time) = (addresses.next(), statuses.next(), times.next());
            if address.is_none() && status.is_none() && time.is_none() {
                break;
            }
            let mut attempt = Attempt {
                address: address.filter(|address| !is_missing(address)),
                status: status.and_then(|status| status.parse().ok()).filter(|status| (100..1000).contains(status)),
                duration_ns: time.and_then(|time| decimal(&time, 9)).filter(|nanos| *nanos >= 0),
            };
            if let Some(group) = attempt.address.as_ref().filter(|address| is_group(address)) {
                // The name of the group of servers in place of an address says that none of them was up: nothing was
                // sent, and the status is nginx's own.
                record.upstream_service.get_or_insert_with(|| group.clone());
                (attempt.status, attempt.duration_ns) = (None, None);
            } else if attempt == Attempt::default() {
                continue;
            }
            record.attempts.push(attempt);
        }
        if let Some(last) = record.attempts.last() {
            record.upstream_address.clone_from(&last.address);
            record.upstream_status = last.status;
            record.upstream_duration_ns = last.duration_ns;
        }
    }
}

/// Whether an upstream's address is a name: addresses of servers are resolved ones.
fn is_group(address: &str) -> bool {
    if address.starts_with("unix:") {
        return false;
    }
    let (host, _) = split_port(address);
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse::<std::net::IpAddr>().is_err()
}

/// The items of a list.
struct Items<'l, 'a> {
    list: Option<&'l Text<'a>>,
    position: usize,
}

impl<'l, 'a> Items<'l, 'a> {
    fn of(list: Option<&'l Text<'a>>) -> Self {
        Self { list, position: 0 }
    }
}

impl<'a> Iterator for Items<'_, 'a> {
    type Item = Text<'a>;

    fn next(&mut self) -> Option<Text<'a>> {
        let list = self.list?;
        let rest = &list.as_bytes()[self.position..];
        let separator_at = |space: usize| match (space.checked_sub(1).map(|before| rest[before]), &rest[space..]) {
            (Some(b','), _) => Some((space - 1, 2)),
            (_, [b' ', b':', b' ', ..]) => Some((space, 3)),
            _ => None,
        };
        let (length, separator) = memchr::memchr_iter(b' ', rest).find_map(separator_at).unwrap_or((rest.len(), 0));
        let item = slice(list, self.position..self.position + length);
        self.position += length + separator;
        if separator == 0 {
            self.list = None;
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(addresses: &str, statuses: &str, times: &str) -> Vec<(String, Option<i32>, Option<i64>)> {
        let text = |text: &str| (!text.is_empty()).then(|| Text::Owned(text.to_owned()));
        let upstreams = Upstreams { addresses: text(addresses), statuses: text(statuses), times: text(times) };
        let mut record = RequestRecord::new("nginx");
        upstreams.set(&mut record);
        assert_eq!(record.upstream_status, record.attempts.last().and_then(|attempt| attempt.status));
        let row = |attempt: Attempt<'_>| {
            (attempt.address.unwrap_or_default().into_owned(), attempt.status, attempt.duration_ns)
        };
        record.attempts.into_iter().map(row).collect()
    }

    #[test]
    fn lists_are_aligned() {
        let ms = |ms: i64| Some(ms * 1_000_000);
        for (addresses, statuses, times, expected) in [
            ("", "", "", vec![]),
            ("-", "-", "-", vec![]),
            ("10.0.0.1:80", "200", "0.012", vec![("10.0.0.1:80", Some(200), ms(12))]),
            (
                "10.0.0.1:80, unix:/run/a.sock : [::1]:6003",
                "502, 504 : 200",
                "-, 0.025 : 1.000",
                vec![
                    ("10.0.0.1:80", Some(502), None),
                    ("unix:/run/a.sock", Some(504), ms(25)),
                    ("[::1]:6003", Some(200), ms(1000)),
                ],
            ),
            (
                "10.0.0.1:80, 10.0.0.2:80",
                "502",
                "",
                vec![("10.0.0.1:80", Some(502), None), ("10.0.0.2:80", None, None)],
            ),
            ("", "502, 200", "", vec![("", Some(502), None), ("", Some(200), None)]),
            (
                "10.0.0.1:80, shop_api",
                "502, 502",
                "0.001, 0.000",
                vec![("10.0.0.1:80", Some(502), ms(1)), ("shop_api", None, None)],
            ),
        ] {
            let expected: Vec<_> =
                expected.into_iter().map(|(text, code, time)| (text.to_owned(), code, time)).collect();
            assert_eq!(attempts(addresses, statuses, times), expected, "{addresses}");
        }
    }
}
