//! Structured data of RFC 5424: `[id name="value" name="value"][id]`.

use std::borrow::Cow;

use crate::record::Text;

/// The structured data of a message, as written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StructuredData<'a> {
    text: &'a str,
}

/// One parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// The id of its element.
    pub element: &'a str,
    pub name: &'a str,
    pub value: Text<'a>,
}

impl<'a> StructuredData<'a> {
    /// Splits structured data from what follows it. Where `text` has none, or broken structured data, all of it is
    /// what follows.
    pub(super) fn split_off(text: &'a str) -> (Self, &'a str) {
        if let Some(after) = text.strip_prefix('-')
            && (after.is_empty() || after.starts_with(' '))
        {
            return (Self::default(), after);
        }
        let mut rest = text;
        while rest.starts_with('[') {
            let Some((_, after)) = element(rest) else { return (Self::default(), text) };
            rest = after;
        }
        (Self { text: &text[..text.len() - rest.len()] }, rest)
    }

    /// Its parameters, in order.
    pub fn parameters(&self) -> impl Iterator<Item = Parameter<'a>> {
        Parameters { rest: self.text, element: "", inner: "" }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

struct Parameters<'a> {
    /// Elements to come.
    rest: &'a str,
    element: &'a str,
    /// What is left of the element.
    inner: &'a str,
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Parameter<'a>;

    fn next(&mut self) -> Option<Parameter<'a>> {
        loop {
            if let Some((name, raw, after)) = parameter(self.inner) {
                self.inner = after;
                return Some(Parameter { element: self.element, name, value: unescape(raw) });
            }
            let (whole, after) = element(self.rest)?;
            self.rest = after;
            let end = whole.find(' ').unwrap_or(whole.len());
            (self.element, self.inner) = whole.split_at(end);
        }
    }
}

/// The text between the brackets that `text` begins with, and what follows them.
fn element(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('[')?;
    let mut rest = &inner[inner.find([' ', ']'])?..];
    while let Some((_, _, after)) = parameter(rest) {
        rest = after;
    }
    let after = rest.trim_start_matches(' ').strip_prefix(']')?;
    let end = inner.len() - after.len() - 1;
    (end > 0).then_some((&inner[..end], after))
}

/// The name and the raw value of the parameter that `text` begins with, and what follows it. Spaces before the value are
/// let pass.
fn parameter(text: &str) -> Option<(&str, &str, &str)> {
    let text = text.strip_prefix(' ')?.trim_start_matches(' ');
    let (name, rest) = text.split_at(text.find(['=', ' ', '"', ']'])?);
    let value = rest.strip_prefix('=')?.trim_start_matches(' ').strip_prefix('"')?;
    let mut escaped = false;
    let end = value.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    (!name.is_empty()).then_some((name, &value[..end], &value[end + 1..]))
}

/// Takes the backslash from `\"`, `\\` and `\]`; before anything else it stands for itself.
fn unescape(raw: &str) -> Text<'_> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut value = String::with_capacity(raw.len());
    let mut characters = raw.chars().peekable();
    while let Some(character) = characters.next() {
        match characters.peek() {
            Some(next @ ('"' | '\\' | ']')) if character == '\\' => {
                value.push(*next);
                characters.next();
            }
            _ => value.push(character),
        }
    }
    Cow::Owned(value)
}
