//! The Common Log Format and what begins like it: nginx `combined`, Apache `common` and `combined`, Traefik, Reactor
//! Netty.

use super::{
    bad_time, integer, is_missing, request_line,
    request_line::set_request_line,
    status,
    tokens::{Escape, Token, Tokens, closing_quote},
};
use crate::{
    format::{LineError, LineReason},
    record::{RequestRecord, Text},
    time::common_log,
};

/// `[vhost] client ident user [time] "request" status bytes rest`, each as written.
#[derive(Debug)]
pub(super) struct CommonLine<'a> {
    pub virtual_host: &'a str,
    pub client: &'a str,
    pub ident: &'a str,
    pub user: &'a str,
    pub time: i64,
    pub request: &'a str,
    pub status: &'a str,
    pub bytes: &'a str,
    /// What follows.
    pub rest: Tokens<'a>,
}

impl<'a> CommonLine<'a> {
    /// # Errors
    /// [`LineReason::Format`] for another format, [`LineReason::Time`] where only the time cannot be read.
    pub(super) fn parse(line: &'a str) -> Result<Self, LineError> {
        let bracket = memchr::memchr(b'[', line.as_bytes()).ok_or_else(no_common_log)?;
        let (virtual_host, client, ident, user) = split_head(line[..bracket].trim_end()).ok_or_else(no_common_log)?;
        let time_end = memchr::memchr(b']', &line.as_bytes()[bracket..]).ok_or_else(no_common_log)? + bracket;
        let time_text = &line[bracket + 1..time_end];
        let quoted = line[time_end + 1..].strip_prefix(" \"").ok_or_else(no_common_log)?;
        let request_end = closing_quote(quoted);
        let mut rest = Tokens::new(quoted.get(request_end + 1..).ok_or_else(no_common_log)?);
        let (Some(status), Some(bytes)) = (rest.word(), rest.word()) else {
            return Err(no_common_log());
        };
        let time = common_log(time_text).ok_or_else(|| bad_time(time_text))?;
        Ok(Self { virtual_host, client, ident, user, time, request: &quoted[..request_end], status, bytes, rest })
    }

    /// The record of what the formats have in common, without times.
    pub(super) fn record(
        &self,
        source: &'static str,
        malformed_key: &'static str,
    ) -> Result<RequestRecord<'a>, LineError> {
        let mut record = RequestRecord::new(source);
        record.attributes.reserve(6);
        request_line::set_host(&mut record, &Text::Borrowed(self.virtual_host));
        set_client(&mut record, self.client);
        record.attribute("user.name", Escape::Backslash.undo(self.user));
        // A request line that is escaped is none, mostly: it is kept as it was logged.
        set_request_line(&mut record, Text::Borrowed(self.request), malformed_key);
        record.status = status(self.status, "the status")?;
        record.response_bytes = integer(self.bytes, "the size")?;
        Ok(record)
    }
}

/// Sets the two columns that `combined` has beyond the common log, where there is any: in quotes, or `-` without.
pub(super) fn take_combined<'a>(record: &mut RequestRecord<'a>, words: &mut Tokens<'a>) -> Result<(), LineError> {
    let is_text = |word: &Token<'_>| word.is_quoted || word.text == "-";
    match (words.next(), words.next()) {
        (None, _) => Ok(()),
        (Some(referrer), Some(agent)) if is_text(&referrer) && is_text(&agent) => {
            set_combined(record, referrer.text, agent.text);
            Ok(())
        }
        _ => Err(LineError::new(LineReason::Format, "no \"referrer\" and \"user agent\" after a common log")),
    }
}

/// Sets the client's address, which may be missing.
pub(super) fn set_client<'a>(record: &mut RequestRecord<'a>, client: &'a str) {
    if !is_missing(client) {
        record.client_address = Some(Text::Borrowed(client));
    }
}

/// Sets the referrer and the user agent, the next two words of a combined log.
pub(super) fn set_combined<'a>(record: &mut RequestRecord<'a>, referrer: &'a str, agent: &'a str) {
    record.attribute("http.request.header.referer", Escape::Backslash.undo(referrer));
    if !is_missing(agent) {
        record.user_agent = Some(Escape::Backslash.undo(agent));
    }
}

fn no_common_log() -> LineError {
    LineError::new(LineReason::Format, "the line is not: client ident user [time] \"request\" status bytes")
}

/// Virtual host, client, ident and user of the words before the time. The user may be left out, and may contain spaces.
fn split_head(head: &str) -> Option<(&str, &str, &str, &str)> {
    let (first, rest) = head.split_once(' ')?;
    let Some((second, rest)) = rest.split_once(' ') else {
        return Some(("", first, rest, ""));
    };
    let Some((third, fourth)) = rest.split_once(' ') else {
        // `host client -` names a virtual host and leaves out the user.
        return if rest == "-" && second != "-" && first.contains('.') && is_address(second) {
            Some((first, second, rest, ""))
        } else {
            Some(("", first, second, rest))
        };
    };
    if second == "-" {
        return Some(("", first, second, rest));
    }
    if third == "-" || !fourth.contains(' ') {
        return Some((first, second, third, fourth));
    }
    None
}

fn is_address(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_told_apart() {
        for (head, expected) in [
            ("10.0.0.1 - -", Some(("", "10.0.0.1", "-", "-"))),
            ("10.0.0.1 -", Some(("", "10.0.0.1", "-", ""))),
            ("10.0.0.1 - ann lee", Some(("", "10.0.0.1", "-", "ann lee"))),
            ("10.0.0.1 bob ann", Some(("", "10.0.0.1", "bob", "ann"))),
            ("shop.example:443 10.0.0.1 - ann", Some(("shop.example:443", "10.0.0.1", "-", "ann"))),
            ("shop.example ::1 - -", Some(("shop.example", "::1", "-", "-"))),
            ("shop.example ::1 -", Some(("shop.example", "::1", "-", ""))),
            ("one", None),
            ("a b c d e", None),
        ] {
            assert_eq!(split_head(head), expected, "{head}");
        }
    }

    #[test]
    fn other_lines_and_bad_times_are_told_apart() {
        for (line, reason) in [
            ("", LineReason::Format),
            ("[", LineReason::Format),
            ("a - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.1", LineReason::Format),
            ("a - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.1\" 200", LineReason::Format),
            ("a - - [40/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.1\" 200 1", LineReason::Time),
        ] {
            assert_eq!(CommonLine::parse(line).unwrap_err().reason, reason, "{line}");
        }
    }
}
