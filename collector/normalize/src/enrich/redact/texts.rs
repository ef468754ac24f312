//! The built-in rules, on one text.

use std::borrow::Cow;

use arrow::array::StringArray;
use regex::{Captures, Regex};

use super::{KEPT_KEYS, REDACTED, cards};
use crate::{
    enrich::{searcher::Searcher, view::elements_with},
    ids::IdKind,
};

/// Names of the built-in rules.
pub(super) const RULES: [&str; 5] = ["authorization", "cookie", "jwt", "card", "email"];
const AUTHORIZATION: usize = 0;
const COOKIE: usize = 1;
const JWT: usize = 2;
const CARD: usize = 3;
const EMAIL: usize = 4;

/// What a text is, by its column or key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Text,
    /// A URL, or a part of one.
    Url,
    /// The value of a header that is a secret as a whole, by its rule.
    Secret(usize),
    Kept,
}

impl Place {
    pub(super) fn of_column(name: &str) -> Self {
        if name == "url_path" { Place::Url } else { Place::Text }
    }

    pub(super) fn of_key(key: &str) -> Self {
        if KEPT_KEYS.contains(&key) || IdKind::of_key(key).is_some() {
            return Place::Kept;
        }
        if matches!(key, "url.full" | "url.query" | "url.path" | "http.url" | "http.target") || key.ends_with("referer")
        {
            return Place::Url;
        }
        // `http.request.header.authorization`, `req.headers.cookie`, `http_authorization`, `set-cookie.0`
        let key = key.trim_end_matches(|end: char| end.is_ascii_digit() || matches!(end, '.' | '[' | ']'));
        let ends = |name: &str| {
            let Some(start) = key.len().checked_sub(name.len()) else { return false };
            let (before, end) = key.as_bytes().split_at(start);
            end.eq_ignore_ascii_case(name.as_bytes()) && before.last().is_none_or(|byte| !byte.is_ascii_alphanumeric())
        };
        if ends("authorization") {
            Place::Secret(AUTHORIZATION)
        } else if ends("cookie") {
            Place::Secret(COOKIE)
        } else {
            Place::Text
        }
    }
}

/// Finds where something begins that a rule may have something to do with.
type Find = fn(&[u8]) -> Option<usize>;

#[derive(Debug)]
pub(super) struct BuiltIn {
    marks: Searcher,
    key_marks: Searcher,
    header: Regex,
    bearer: Regex,
    jwt: Regex,
    email: Regex,
}

/// Parts of the words that the rules look for, in either case. They are few and not short, which keeps the search fast.
const MARKS: [&str; 8] = ["uthorization", "UTHORIZATION", "ookie", "OOKIE", "earer ", "EARER ", "eyJ", "%40"];

impl BuiltIn {
    pub(super) fn new() -> Self {
        let regex = |pattern: &str| Regex::new(pattern).expect("the expression is valid");
        Self {
            marks: Searcher::new(&MARKS),
            key_marks: Searcher::new(&MARKS[..4]),
            // A header's name and its value, bare or quoted, in JSON, in JSON inside of JSON, in a list of one.
            header: regex(concat!(
                r#"(?i)\b((?:proxy[-_])?authorization|(?:set[-_])?cookie)(\\*["']?\s*[:=]\s*\[?\s*)"#,
                r#"(?:\\+"(?:[^"\\]|\\[^"\\])+|"(?:[^"\\]|\\.)+|'[^'\n]+"#,
                r#"|(?:Digest|OAuth|Hawk|AWS4-HMAC-SHA256)\s[^\r\n]*|(?:[a-z][a-z0-9-]*[ \t]+)?[^\s"',;\[\]{}\\]+(?:;[ \t]*[^\s"',;=]+=?[^\s"',;]*)*)"#
            )),
            bearer: regex(r"(?i)\bbearer\s+[A-Za-z0-9._~+/-]{8,}=*"),
            jwt: regex(r"\beyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]+){1,4}"),
            email: regex(r"[A-Za-z0-9._%+-]+(?:@|%40)(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}"),
        }
    }

    /// The elements that a rule may have something to do in. The values of all elements are looked at as one text.
    pub(super) fn suspects(&self, texts: &StringArray) -> Vec<usize> {
        let mut suspects = elements_with(&self.marks, texts);
        let offsets = texts.value_offsets();
        let edge = |at: usize| usize::try_from(offsets[at]).unwrap_or_default();
        let end = edge(offsets.len() - 1);
        let finds: [Find; 2] = [|bytes| memchr::memchr(b'@', bytes), cards::suspect];
        for find in finds {
            let mut at = edge(0);
            while let Some(found) = find(&texts.value_data()[at..end]).map(|found| at + found) {
                let after =
                    offsets.partition_point(|offset| usize::try_from(*offset).is_ok_and(|offset| offset <= found));
                // What was found may reach into the next element.
                if find(&texts.value_data()[found..edge(after)]).is_some() {
                    suspects.push(after - 1);
                }
                at = edge(after);
            }
        }
        suspects
    }

    /// The text without what the rules take out; `None` where that is nothing.
    pub(super) fn redact(&self, text: &str, place: Place, counts: &mut [u64]) -> Option<String> {
        if let Place::Secret(rule) = place {
            if text.is_empty() || text == "-" || text == REDACTED {
                return None;
            }
            counts[rule] += 1;
            return Some(REDACTED.to_owned());
        }
        let mut text = Cow::Borrowed(text);
        let is_marked = self.marks.is_match(&text);
        if is_marked {
            self.headers(&mut text, counts);
            replace(
                &mut text,
                &self.bearer,
                |found| format!("{} {REDACTED}", &found[0][..6]),
                |_| AUTHORIZATION,
                counts,
            );
            replace(&mut text, &self.jwt, |_| REDACTED.to_owned(), |_| JWT, counts);
        }
        if is_marked || text.contains('@') {
            self.emails(&mut text, place, counts);
        }
        if cards::suspect(text.as_bytes()).is_some() {
            let found = cards::find(&text);
            cut(&mut text, &found, CARD, counts);
        }
        match text {
            Cow::Owned(redacted) => Some(redacted),
            Cow::Borrowed(_) => None,
        }
    }

    fn headers(&self, text: &mut Cow<'_, str>, counts: &mut [u64]) {
        let rule = |found: &Captures<'_>| {
            if found[1].to_ascii_lowercase().ends_with("cookie") { COOKIE } else { AUTHORIZATION }
        };
        let replacement = |found: &Captures<'_>| {
            let value = &found[0][found[1].len() + found[2].len()..];
            if value.trim_matches(['\\', '"', '\'', '[', ']']) == REDACTED.trim_matches(['[', ']']) {
                return found[0].to_owned();
            }
            // The quote that the value begins with stays; the one that it ends with was not taken.
            let quote = value.len() - value.trim_start_matches(['\\', '"', '\'']).len();
            format!("{}{}{}{REDACTED}", &found[1], &found[2], &value[..quote])
        };
        replace(text, &self.header, replacement, rule, counts);
    }

    /// E-mail addresses in URLs: not the user and host that a URL begins with, nor addresses elsewhere.
    fn emails(&self, text: &mut Cow<'_, str>, place: Place, counts: &mut [u64]) {
        let found: Vec<_> = self
            .email
            .find_iter(text)
            .map(|found| found.range())
            .filter(|range| in_url(text, range.start, place))
            .collect();
        cut(text, &found, EMAIL, counts);
    }
}

/// How far before an address a URL is looked for.
const URL_BYTES: usize = 2048;

/// Whether the place in a text is inside of a URL, past its host. What begins with a slash after a blank or quote is a
/// URL's path.
fn in_url(text: &str, at: usize, place: Place) -> bool {
    let before = &text[text.floor_char_boundary(at.saturating_sub(URL_BYTES))..at];
    let token = before
        .rfind(|end: char| end.is_whitespace() || matches!(end, '"' | '\'' | '<' | '(' | ','))
        .map_or(0, |end| end + 1);
    let Some(token) = before.get(token..) else { return false };
    match token.rfind("://") {
        Some(scheme) => token[scheme + 3..].contains(['/', '?', '#']),
        None => place == Place::Url || token.starts_with('/'),
    }
}

/// The entries of a map whose keys name a secret header.
pub(super) fn has_secret_keys(rules: &BuiltIn, keys: &StringArray) -> Vec<usize> {
    elements_with(&rules.key_marks, keys)
}

fn replace(
    text: &mut Cow<'_, str>,
    regex: &Regex,
    replacement: impl Fn(&Captures<'_>) -> String,
    rule: impl Fn(&Captures<'_>) -> usize,
    counts: &mut [u64],
) {
    let replaced = regex.replace_all(text, |found: &Captures<'_>| {
        let replacement = replacement(found);
        if replacement != found[0] {
            counts[rule(found)] += 1;
        }
        replacement
    });
    if let Cow::Owned(replaced) = replaced
        && replaced != **text
    {
        *text = Cow::Owned(replaced);
    }
}

/// Puts [`REDACTED`] in the place of each range, which are in order and apart.
fn cut(text: &mut Cow<'_, str>, ranges: &[std::ops::Range<usize>], rule: usize, counts: &mut [u64]) {
    if ranges.is_empty() {
        return;
    }
    counts[rule] += ranges.len() as u64;
    let mut redacted = String::with_capacity(text.len());
    let mut from = 0;
    for range in ranges {
        redacted.push_str(&text[from..range.start]);
        redacted.push_str(REDACTED);
        from = range.end;
    }
    redacted.push_str(&text[from..]);
    *text = Cow::Owned(redacted);
}
