//! Compiles `log_format` of nginx.

use std::fmt;

use super::variables::Variable;
use crate::{
    format::{FormatError, FormatOptions},
    gateway::{
        template::{Extent, Part, Template},
        tokens::Escape,
    },
};

/// A compiled `log_format`.
#[derive(Debug)]
pub(super) struct LogFormat {
    pub template: Template<Field>,
    pub escape: Escape,
    /// The lines are meant to be JSON.
    pub is_json: bool,
}

/// A variable where it stands in a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub variable: Variable,
    name: String,
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "${}", self.name)
    }
}

/// The formats that have names.
const NAMED: [(&str, &str); 4] = [
    (
        "combined",
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#,
    ),
    (
        "main",
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for""#,
    ),
    (
        "service_metrics",
        r#"$remote_addr - [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for" $request_time $upstream_response_time $service_name $service_version"#,
    ),
    (
        "upstreaminfo",
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id"#,
    ),
];

impl LogFormat {
    /// Compiles what `options` give; `None` where they give no format.
    pub(super) fn of_options(options: &FormatOptions) -> Result<Option<Self>, FormatError> {
        let escape = options.escape.as_deref().map(escape_named).transpose()?;
        let Some(written) = options.log_format.as_deref() else {
            return match escape {
                Some(_) => Err(FormatError("escape belongs to a log_format, and there is none".to_owned())),
                None => Ok(None),
            };
        };
        let (text, escape_of_directive) = directive(written)?;
        let text = match NAMED.into_iter().find(|(name, _)| *name == text) {
            Some((_, named)) => named,
            None if !text.contains('$') => {
                let names = NAMED.map(|(name, _)| name).join(", ");
                return Err(FormatError(format!("log_format {text:?} has no variables and is none of {names}")));
            }
            None => &text,
        };
        let escape = escape.or(escape_of_directive).unwrap_or(Escape::Backslash);
        Self::compile(text, escape).map(Some)
    }

    pub(super) fn named(name: &str) -> Result<Self, FormatError> {
        let named = NAMED.into_iter().find(|(known, _)| *known == name).map_or("", |(_, text)| text);
        Self::compile(named, Escape::Backslash)
    }

    fn compile(text: &str, escape: Escape) -> Result<Self, FormatError> {
        let parts = join_uris(parts(text)?);
        let extent = |field: &Field, _: &str| Extent { is_list: field.variable.is_list(), skip: 0 };
        let template = Template::new(parts, escape != Escape::None, extent)
            .map_err(|error| FormatError(format!("log_format {text:?}: {error}")))?;
        Ok(Self { template, escape, is_json: text.trim_start().starts_with('{') })
    }
}

fn escape_named(name: &str) -> Result<Escape, FormatError> {
    match name {
        "default" => Ok(Escape::Backslash),
        "json" => Ok(Escape::Json),
        "none" => Ok(Escape::None),
        _ => Err(FormatError(format!("escape {name:?} is none of default, json, none"))),
    }
}

/// The text of a format, which may be given as its whole directive: `log_format main escape=json '...' '...';`, or as
/// the strings of one.
fn directive(written: &str) -> Result<(String, Option<Escape>), FormatError> {
    let mut rest = written.trim();
    let mut escape = None;
    if let Some(directive) = rest.strip_prefix("log_format ") {
        let (_name, strings) = directive.trim_start().split_once(char::is_whitespace).unwrap_or((directive, ""));
        rest = strings.trim_start();
        if let Some(escaped) = rest.strip_prefix("escape=") {
            let (name, strings) = escaped.split_once(char::is_whitespace).unwrap_or((escaped, ""));
            escape = Some(escape_named(name)?);
            rest = strings.trim_start();
        }
    } else if !rest.starts_with('\'') {
        return Ok((rest.to_owned(), None));
    }
    rest = rest.trim_end_matches(|symbol: char| symbol == ';' || symbol.is_whitespace());
    let mut text = String::new();
    while !rest.is_empty() {
        rest = string(rest, &mut text)?.trim_start();
    }
    Ok((text, escape))
}

/// Takes one quoted string of nginx's configuration; gives what follows it.
fn string<'t>(text: &'t str, plain: &mut String) -> Result<&'t str, FormatError> {
    let mut symbols = text.char_indices();
    let quote = symbols.next().map(|(_, symbol)| symbol).filter(|symbol| matches!(symbol, '\'' | '"'));
    let quote = quote.ok_or_else(|| FormatError(format!("log_format: a quoted string is missing at {text:?}")))?;
    while let Some((position, symbol)) = symbols.next() {
        match symbol {
            '\\' => match symbols.next() {
                Some((_, 't')) => plain.push('\t'),
                Some((_, 'n')) => plain.push('\n'),
                Some((_, 'r')) => plain.push('\r'),
                Some((_, escaped @ ('\'' | '"' | '\\'))) => plain.push(escaped),
                Some((_, other)) => plain.extend(['\\', other]),
                None => break,
            },
            _ if symbol == quote => return Ok(&text[position + 1..]),
            _ => plain.push(symbol),
        }
    }
    Err(FormatError(format!("log_format: the string is not closed: {text:?}")))
}

/// Splits a format into texts and variables.
fn parts(text: &str) -> Result<Vec<Part<Field>>, FormatError> {
    let mut parts = Vec::new();
    let mut position = 0;
    while let Some(found) = text[position..].find('$') {
        let dollar = position + found;
        if found > 0 {
            parts.push(Part::Text(text[position..dollar].to_owned()));
        }
        let rest = &text[dollar + 1..];
        let braced = rest.strip_prefix('{');
        let name = braced.unwrap_or(rest);
        let length = name.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let is_closed = braced.is_none() || name[length..].starts_with('}');
        if length == 0 || !is_closed {
            let place = excerpt_from(text, dollar);
            return Err(FormatError(format!("log_format: no variable name at character {}: {place:?}", dollar + 1)));
        }
        let name = &name[..length];
        parts.push(Part::Field(Field { variable: Variable::named(name), name: name.to_owned() }));
        position = dollar + 1 + length + if braced.is_some() { 2 } else { 0 };
    }
    if position < text.len() {
        parts.push(Part::Text(text[position..].to_owned()));
    }
    Ok(parts)
}

fn excerpt_from(text: &str, start: usize) -> &str {
    let end = text[start..].char_indices().nth(20).map_or(text.len(), |(length, _)| start + length);
    &text[start..end]
}

/// Makes one field of those that touch but can be told apart: `$host$request_uri`, `$uri$is_args$args`.
fn join_uris(parts: Vec<Part<Field>>) -> Vec<Part<Field>> {
    let mut joined: Vec<Part<Field>> = Vec::with_capacity(parts.len());
    for part in parts {
        if let (Part::Field(field), Some(Part::Field(before))) = (&part, joined.last_mut()) {
            let together = match (&before.variable, &field.variable) {
                (Variable::Host | Variable::HttpHost | Variable::ServerName, Variable::RequestUri | Variable::Uri)
                | (Variable::HostAndUri, Variable::IsArgs | Variable::Args) => Some(Variable::HostAndUri),
                (Variable::RequestUri | Variable::Uri, Variable::IsArgs | Variable::Args) => Some(Variable::RequestUri),
                _ => None,
            };
            if let Some(variable) = together {
                before.name = format!("{}${}", before.name, field.name);
                before.variable = variable;
                continue;
            }
        }
        joined.push(part);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(log_format: &str, escape: Option<&str>) -> Result<LogFormat, String> {
        let options = FormatOptions {
            log_format: Some(log_format.to_owned()),
            escape: escape.map(str::to_owned),
            ..FormatOptions::default()
        };
        LogFormat::of_options(&options).map(Option::unwrap).map_err(|error| error.to_string())
    }

    #[test]
    fn formats_are_taken_as_strings_and_as_directives() {
        let names = |format: &str| -> Vec<String> {
            compile(format, None).unwrap().template.fields().map(ToString::to_string).collect()
        };
        assert_eq!(names("$a-${b}c $host$request_uri"), ["$a", "$b", "$host$request_uri"]);
        assert_eq!(names(r#"'$a "$b" ' '$c';"#), ["$a", "$b", "$c"]);
        let format = compile("log_format  api escape=json '{\"a\":\"$a\",'\n  '\"b\":$b}';", None).unwrap();
        assert_eq!((format.escape, format.is_json), (Escape::Json, true));
        for (name, _) in NAMED {
            assert!(compile(name, None).unwrap().template.fields().count() > 7, "{name}");
        }
    }

    #[test]
    fn errors_name_the_place() {
        for (format, escape, expected) in [
            ("$status$host", None, "nothing stands between $status and $host"),
            ("a $", None, "no variable name at character 3: \"$\""),
            ("a ${b", None, "no variable name at character 3: \"${b\""),
            ("combine", None, "is none of combined, main"),
            ("$a", Some("xml"), "escape \"xml\" is none of"),
            ("log_format x escape=y '$a';", None, "escape \"y\""),
            ("log_format x '$a", None, "not closed"),
        ] {
            let error = compile(format, escape).unwrap_err();
            assert!(error.contains(expected), "{format}: {error}");
        }
        let only_escape = FormatOptions { escape: Some("json".to_owned()), ..FormatOptions::default() };
        assert!(LogFormat::of_options(&only_escape).is_err());
    }
}
