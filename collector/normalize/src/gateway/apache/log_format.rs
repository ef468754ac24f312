//! Compiles `LogFormat` of Apache.

use std::{borrow::Cow, fmt};

use jiff::{fmt::strtime::BrokenDownTime, tz::TimeZone};

use crate::{
    format::{Format, FormatError, LineContext, LineError},
    gateway::{
        bad_time, duration, integer, is_missing,
        request_line::{set_host, set_protocol, set_request_line, set_target, url_authority},
        slice, status,
        template::{Extent, Part, Template},
        tokens::Escape,
    },
    ids::IdKind,
    record::{Output, RequestRecord, Text},
    time::{common_log, decimal},
};

/// A compiled `LogFormat`.
#[derive(Debug)]
pub(super) struct LogFormat {
    template: Template<Field>,
    /// The formats of the parts of the time, joined as their values are.
    time_format: String,
    time_is_end: bool,
}

/// A directive where it stands in a format.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    directive: Directive,
    written: String,
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.written)
    }
}

/// Where the value of a directive goes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Directive {
    Time,
    /// A part of the time, by its format of `strftime`.
    TimePart(String),
    /// Units of `10^-digits` seconds since the epoch.
    EpochTime(u32),
    /// The same units of a duration.
    Duration(u32),
    Client,
    User,
    Request,
    Method,
    Path,
    Query,
    /// `%U%q` in one.
    Target,
    Protocol,
    Status,
    Bytes,
    BytesIn,
    BytesOut,
    ServerName,
    HostHeader,
    UserAgent,
    WorkerName,
    BalancerName,
    ConnectionStatus,
    Id(IdKind),
    Attribute(Cow<'static, str>),
}

/// Joins the parts of a time; no format contains it.
const TIME_JOINT: char = '|';

/// The formats that have names, as the packages of distributions define them.
const NAMED: [(&str, &str); 4] = [
    ("common", r#"%h %l %u %t "%r" %>s %O"#),
    ("combined", r#"%h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i""#),
    ("combinedio", r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %I %O"#),
    ("vhost_combined", r#"%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i""#),
];

impl LogFormat {
    pub(super) fn compile(written: &str) -> Result<Self, FormatError> {
        let text = configured(written)?;
        let parts = join_target(parts(&text)?);
        let mut time_format = String::new();
        let mut time_is_end = false;
        for part in &parts {
            let Part::Field(field) = part else { continue };
            time_is_end |= field.written.starts_with("%{end:");
            if let Directive::TimePart(format) = &field.directive {
                push_part(&mut time_format, format);
            }
        }
        let extent = |field: &Field, end: &str| Extent {
            is_list: false,
            skip: match &field.directive {
                Directive::TimePart(format) if !end.is_empty() => format.matches(end).count(),
                _ => 0,
            },
        };
        let template =
            Template::new(parts, true, extent).map_err(|error| FormatError(format!("log_format {text:?}: {error}")))?;
        Ok(Self { template, time_format, time_is_end })
    }
}

impl Format for LogFormat {
    fn name(&self) -> &'static str {
        "apache"
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        let mut draft = Draft::default();
        draft.record.source = "apache";
        self.template.read(line, |field, value| draft.set(&field.directive, Escape::Backslash.undo(value)))?;
        if !draft.time_text.is_empty() {
            let time = local_time(&self.time_format, &draft.time_text, context.zone);
            draft.time = Some(time.ok_or_else(|| bad_time(&draft.time_text))?);
        }
        let time = draft.time;
        let mut record = draft.finish();
        *(if self.time_is_end { &mut record.end_time } else { &mut record.start_time }) = time;
        output.requests.push(record);
        Ok(())
    }
}

fn local_time(format: &str, text: &str, zone: &TimeZone) -> Option<i64> {
    let time = BrokenDownTime::parse(format, text).ok()?;
    let zoned = match time.to_timestamp() {
        Ok(timestamp) => timestamp,
        Err(_) => time.to_datetime().ok()?.to_zoned(zone.clone()).ok()?.timestamp(),
    };
    i64::try_from(zoned.as_nanosecond()).ok()
}

fn push_part(joined: &mut String, part: &str) {
    if !joined.is_empty() {
        joined.push(TIME_JOINT);
    }
    joined.push_str(part);
}

/// The text of a format, which may be given by its name or as its whole directive, `LogFormat "..." name`.
fn configured(written: &str) -> Result<String, FormatError> {
    let written = written.trim();
    if let Some((_, named)) = NAMED.into_iter().find(|(name, _)| *name == written) {
        return Ok(named.to_owned());
    }
    if !written.contains('%') {
        let names = NAMED.map(|(name, _)| name).join(", ");
        return Err(FormatError(format!("log_format {written:?} has no directives and is none of {names}")));
    }
    let is_directive = written.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("LogFormat "));
    let Some(quoted) = written.get(10..).filter(|_| is_directive) else {
        return Ok(unescaped(written));
    };
    let quoted = quoted.trim_start().strip_prefix('"');
    let text = quoted.map(|text| &text[..crate::gateway::tokens::closing_quote(text)]);
    text.map(unescaped).ok_or_else(|| FormatError(format!("LogFormat: a quoted string is missing in {written:?}")))
}

fn unescaped(text: &str) -> String {
    text.replace("\\\"", "\"").replace("\\t", "\t").replace("\\\\", "\\")
}

/// Splits a format into texts and directives.
fn parts(text: &str) -> Result<Vec<Part<Field>>, FormatError> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(percent) = rest.find('%') {
        literal.push_str(&rest[..percent]);
        let at = &rest[percent..];
        if let Some(after) = at.strip_prefix("%%") {
            literal.push('%');
            rest = after;
            continue;
        }
        let place = text.len() - at.len() + 1;
        let (length, directive) = directive(at)
            .ok_or_else(|| FormatError(format!("log_format: no directive known at character {place}: {at:?}")))?;
        let is_bracketed = directive == Directive::Time;
        if is_bracketed {
            literal.push('[');
        }
        if !literal.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut literal)));
        }
        parts.push(Part::Field(Field { directive, written: at[..length].to_owned() }));
        if is_bracketed {
            literal.push(']');
        }
        rest = &at[length..];
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    Ok(parts)
}

/// The directive that begins a text, and its length.
fn directive(text: &str) -> Option<(usize, Directive)> {
    let mut rest = text.strip_prefix('%')?;
    // Of a redirected request `<` names the original and `>` the final one; `!200,304` limits to statuses.
    rest = rest.trim_start_matches(|symbol: char| matches!(symbol, '<' | '>' | '!' | ',') || symbol.is_ascii_digit());
    let mut name = None;
    if let Some(braced) = rest.strip_prefix('{') {
        let (inner, after) = braced.split_once('}')?;
        name = Some(inner);
        rest = after;
    }
    rest = rest.trim_start_matches(['<', '>']);
    let (letter, length) = match rest.strip_prefix('^') {
        Some(_) => (rest.get(..3)?, 3),
        None => (rest.get(..1)?, 1),
    };
    let directive = match name {
        Some(name) => with_name(letter, name),
        None => plain(letter),
    }?;
    Some((text.len() - rest.len() + length, directive))
}

fn plain(letter: &str) -> Option<Directive> {
    Some(match letter {
        "t" => Directive::Time,
        "h" | "a" => Directive::Client,
        "u" => Directive::User,
        "r" => Directive::Request,
        "m" => Directive::Method,
        "U" => Directive::Path,
        "q" => Directive::Query,
        "H" => Directive::Protocol,
        "s" => Directive::Status,
        "b" | "B" => Directive::Bytes,
        "I" => Directive::BytesIn,
        "O" => Directive::BytesOut,
        "D" => Directive::Duration(6),
        "T" => Directive::Duration(0),
        "v" | "V" => Directive::ServerName,
        "X" => Directive::ConnectionStatus,
        "p" => attribute("server.port"),
        "l" => attribute("apache.ident"),
        "L" => attribute("apache.log_id"),
        "A" => attribute("network.local.address"),
        "P" => attribute("apache.pid"),
        "k" => attribute("apache.keepalive_requests"),
        "f" => attribute("apache.filename"),
        "R" => attribute("apache.handler"),
        "S" => attribute("apache.bytes_transferred"),
        _ => return None,
    })
}

fn with_name(letter: &str, name: &str) -> Option<Directive> {
    let lower = name.to_ascii_lowercase();
    let header = |of: &str| match IdKind::of_key(&lower) {
        Some(kind) => Directive::Id(kind),
        None => Directive::Attribute(Cow::Owned(format!("http.{of}.header.{lower}"))),
    };
    Some(match (letter, lower.as_str()) {
        ("i", "user-agent") => Directive::UserAgent,
        ("i", "host") => Directive::HostHeader,
        ("i", "referer") => attribute("http.request.header.referer"),
        ("i", _) => header("request"),
        ("o", _) => header("response"),
        ("^ti", _) => Directive::Attribute(Cow::Owned(format!("http.request.trailer.{lower}"))),
        ("^to", _) => Directive::Attribute(Cow::Owned(format!("http.response.trailer.{lower}"))),
        ("e", "unique_id") => Directive::Id(IdKind::Correlation),
        ("e", "balancer_worker_name") => Directive::WorkerName,
        ("e", "balancer_name") => Directive::BalancerName,
        ("e" | "n" | "C" | "x", _) => match IdKind::of_key(&lower) {
            Some(kind) => Directive::Id(kind),
            None => Directive::Attribute(Cow::Owned(format!("apache.{name}"))),
        },
        ("t", _) => time_directive(name),
        ("T", "us") => Directive::Duration(6),
        ("T", "ms") => Directive::Duration(3),
        ("T", "s") => Directive::Duration(0),
        ("a", "c") => attribute("network.peer.address"),
        ("p", "remote") => attribute("client.port"),
        ("p", "local") => attribute("network.local.port"),
        ("p", _) => attribute("server.port"),
        ("P", _) => Directive::Attribute(Cow::Owned(format!("apache.{lower}"))),
        ("L", _) => attribute("apache.connection_log_id"),
        ("h", _) => Directive::Client,
        _ => return None,
    })
}

fn time_directive(format: &str) -> Directive {
    let format = format.strip_prefix("begin:").or_else(|| format.strip_prefix("end:")).unwrap_or(format);
    match format {
        "sec" => Directive::EpochTime(0),
        "msec" => Directive::EpochTime(3),
        "usec" => Directive::EpochTime(6),
        "msec_frac" | "usec_frac" => Directive::TimePart("%f".to_owned()),
        "" => Directive::Time,
        _ => Directive::TimePart(format.to_owned()),
    }
}

fn attribute(name: &'static str) -> Directive {
    Directive::Attribute(Cow::Borrowed(name))
}

/// Makes one field of `%U%q`: the query is empty or begins with its question mark.
fn join_target(parts: Vec<Part<Field>>) -> Vec<Part<Field>> {
    let mut joined: Vec<Part<Field>> = Vec::with_capacity(parts.len());
    for part in parts {
        if let (Part::Field(field), Some(Part::Field(before))) = (&part, joined.last_mut())
            && (&before.directive, &field.directive) == (&Directive::Path, &Directive::Query)
        {
            before.directive = Directive::Target;
            continue;
        }
        joined.push(part);
    }
    joined
}

/// A record whose values are still coming.
#[derive(Debug, Default)]
struct Draft<'a> {
    record: RequestRecord<'a>,
    time: Option<i64>,
    time_text: String,
    /// The unit that the duration was given in: the finest one counts.
    duration_digits: Option<u32>,
    request: Option<Text<'a>>,
    target: Option<Text<'a>>,
    query: Option<Text<'a>>,
    protocol: Option<Text<'a>>,
    server_name: Option<Text<'a>>,
    bytes_out: Option<i64>,
}

impl<'a> Draft<'a> {
    fn set(&mut self, directive: &Directive, value: Text<'a>) -> Result<(), LineError> {
        if is_missing(&value) {
            return Ok(());
        }
        let record = &mut self.record;
        match directive {
            Directive::Time => self.time = Some(common_log(&value).ok_or_else(|| bad_time(&value))?),
            Directive::TimePart(_) => push_part(&mut self.time_text, &value),
            Directive::EpochTime(digits) => {
                self.time = Some(decimal(&value, 9 - digits).ok_or_else(|| bad_time(&value))?);
            }
            Directive::Duration(digits) => {
                if self.duration_digits.is_none_or(|known| known < *digits) {
                    self.duration_digits = Some(*digits);
                    record.duration_ns = duration(&value, *digits, "the duration")?;
                }
            }
            Directive::Client => record.client_address = Some(value),
            Directive::User => record.attribute("user.name", value),
            Directive::Request => self.request = Some(value),
            Directive::Method => record.method = Some(value),
            Directive::Path | Directive::Target => self.target = Some(value),
            Directive::Query => self.query = Some(value),
            Directive::Protocol => self.protocol = Some(value),
            Directive::Status => record.status = status(&value, "the status")?,
            Directive::Bytes => record.response_bytes = integer(&value, "%b")?,
            Directive::BytesIn => record.request_bytes = integer(&value, "%I")?,
            Directive::BytesOut => self.bytes_out = integer(&value, "%O")?,
            Directive::ServerName => self.server_name = Some(value),
            Directive::HostHeader => set_host(record, &value),
            Directive::UserAgent => record.user_agent = Some(value),
            Directive::WorkerName => {
                let authority = url_authority(&value);
                let start = value.find(authority).unwrap_or(0);
                record.upstream_address = Some(slice(&value, start..start + authority.len()));
            }
            Directive::BalancerName => {
                let name = value.strip_prefix("balancer://").map_or(0, |name| value.len() - name.len());
                record.upstream_service = Some(slice(&value, name..value.len()));
            }
            // The client closed the connection before the response was whole.
            Directive::ConnectionStatus => record.cancelled = value == "X",
            Directive::Id(kind) => record.ids.set(*kind, &value),
            Directive::Attribute(name) => record.attribute(name.clone(), value),
        }
        Ok(())
    }

    fn finish(mut self) -> RequestRecord<'a> {
        let record = &mut self.record;
        if let Some(name) = self.server_name {
            set_host(record, &name);
        }
        let method = record.method.take();
        if let Some(request) = self.request {
            set_request_line(record, request, "apache.request");
        } else if let Some(protocol) = self.protocol {
            set_protocol(record, protocol);
        }
        record.method = method.or_else(|| record.method.take());
        if record.path.is_none() {
            if let Some(target) = self.target {
                set_target(record, &target);
            }
            if let Some(query) = self.query {
                let start = usize::from(query.starts_with('?'));
                record.attribute("url.query", slice(&query, start..query.len()));
            }
        }
        record.response_bytes = record.response_bytes.or(self.bytes_out);
        self.record
    }
}
