//! Lines that a server writes from a template: fields with fixed text between them.

use super::tokens::{closing_quote, is_escaped};
use crate::format::{LineError, LineReason};

/// A template as its server's own syntax was read, before it is a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part<F> {
    Text(String),
    Field(F),
}

/// How a field ends, besides at the text that follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// It is a list as nginx writes its tries, whose items are parted by `, ` and ` : `.
    pub is_list: bool,
    /// How often the text that follows it stands in the field itself (spaces in a time's format).
    pub skip: usize,
}

/// A list of fields, each with the text by which it ends.
#[derive(Debug, Clone)]
pub(super) struct Template<F> {
    lead: Box<str>,
    fields: Vec<(F, End)>,
}

#[derive(Debug, Clone)]
struct End {
    text: Box<str>,
    extent: Extent,
    /// A quote ends it, unless a backslash stands before.
    is_quoted: bool,
}

impl<F: std::fmt::Display> Template<F> {
    /// Compiles a template. `escapes_quotes` says that quotes within a value stand behind a backslash.
    ///
    /// # Errors
    /// Says which fields cannot be told apart, or that there are none.
    pub(super) fn new(
        parts: Vec<Part<F>>,
        escapes_quotes: bool,
        extent: impl Fn(&F, &str) -> Extent,
    ) -> Result<Self, String> {
        let mut lead = String::new();
        let mut fields: Vec<(F, String)> = Vec::new();
        for part in parts {
            match (part, fields.last_mut()) {
                (Part::Text(text), Some((_, end))) => end.push_str(&text),
                (Part::Text(text), None) => lead.push_str(&text),
                (Part::Field(field), Some((before, end))) if end.is_empty() => {
                    return Err(format!(
                        "nothing stands between {before} and {field}: their values cannot be told apart"
                    ));
                }
                (Part::Field(field), _) => fields.push((field, String::new())),
            }
        }
        if let Some((_, end)) = fields.last_mut() {
            end.truncate(end.trim_end().len());
        } else {
            return Err("there are no variables in it".to_owned());
        }
        let end_of = |(field, text): (F, String)| {
            let extent = extent(&field, &text);
            let is_quoted = escapes_quotes && text.starts_with('"');
            (field, End { text: text.into_boxed_str(), extent, is_quoted })
        };
        Ok(Self { lead: lead.into_boxed_str(), fields: fields.into_iter().map(end_of).collect() })
    }
}

impl<F> Template<F> {
    /// Hands each field with its value to `visit`.
    ///
    /// # Errors
    /// [`LineReason::Format`] when a text of the template is missing, and what `visit` gives.
    pub(super) fn read<'a>(
        &self,
        line: &'a str,
        mut visit: impl FnMut(&F, &'a str) -> Result<(), LineError>,
    ) -> Result<(), LineError> {
        let mut rest = line.strip_prefix(&*self.lead).ok_or_else(|| missing(&self.lead))?;
        let last = self.fields.len() - 1;
        for (position, (field, end)) in self.fields.iter().enumerate() {
            let found = if position == last { end.find_last(rest, &end.text) } else { end.find(rest) };
            let Some(length) = found else {
                // Spaces at the end of a line are not kept, nor is then an empty last value behind them.
                let text = end.text.trim_end();
                if position + 1 == last
                    && text.len() < end.text.len()
                    && let Some(length) = end.find_last(rest, text)
                {
                    visit(field, &rest[..length])?;
                    rest = "";
                    continue;
                }
                return Err(missing(&end.text));
            };
            visit(field, &rest[..length])?;
            rest = &rest[length + end.text.len()..];
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn fields(&self) -> impl Iterator<Item = &F> {
        self.fields.iter().map(|(field, _)| field)
    }
}

impl End {
    /// The length of the value that reaches to the end of a line, whatever is in it, but for the closing text.
    fn find_last(&self, line: &str, closing: &str) -> Option<usize> {
        let length = line.strip_suffix(closing)?.len();
        (!self.is_quoted || closing_quote(line) == length).then_some(length)
    }

    /// The length of the value that begins a text and ends here.
    fn find(&self, text: &str) -> Option<usize> {
        let (bytes, end) = (text.as_bytes(), self.text.as_bytes());
        let (first, mut skip) = (*end.first()?, self.extent.skip);
        let mut start = 0;
        while let Some(found) = memchr::memchr(first, &bytes[start..]) {
            let position = start + found;
            if bytes[position..].starts_with(end) && !self.is_within(bytes, position) {
                if skip == 0 {
                    return Some(position);
                }
                skip -= 1;
            }
            start = position + 1;
        }
        None
    }

    /// Whether the text found at a position is a part of the value.
    fn is_within(&self, bytes: &[u8], position: usize) -> bool {
        if self.is_quoted {
            return is_escaped(bytes, position);
        }
        if !self.extent.is_list {
            return false;
        }
        let (before, after) = (&bytes[..position], &bytes[position..]);
        let is_separator = after.starts_with(b" : ") && !self.text.starts_with(" : ");
        is_separator || before.ends_with(b",") || before.ends_with(b" :")
    }
}

fn missing(text: &str) -> LineError {
    LineError::new(LineReason::Format, format!("the line is not in the log format: no {text:?} where it should be"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parts: &[Part<&'static str>], list: &str, line: &str) -> Result<Vec<String>, LineError> {
        let extent = |field: &&str, _: &str| Extent { is_list: *field == list, skip: 0 };
        let template = Template::new(parts.to_vec(), true, extent).unwrap();
        let mut values = Vec::new();
        template.read(line, |field, value| {
            values.push(format!("{field}={value}"));
            Ok(())
        })?;
        Ok(values)
    }

    fn text(text: &str) -> Part<&'static str> {
        Part::Text(text.to_owned())
    }

    #[test]
    fn values_end_at_the_text_that_follows() {
        let parts = [text("<"), Part::Field("a"), text("> \""), Part::Field("b"), text("\" "), Part::Field("c")];
        assert_eq!(read(&parts, "", r#"<x> "y\" z" rest of it"#).unwrap(), ["a=x", r#"b=y\" z"#, "c=rest of it"]);
        assert_eq!(read(&parts, "", r#"<x> "y""#).unwrap(), ["a=x", "b=y", "c="]);
        for bad in ["", "x> \"y\" z", "<x> y", r#"<x> "y\""#] {
            assert_eq!(read(&parts, "", bad).unwrap_err().reason, LineReason::Format, "{bad}");
        }
    }

    #[test]
    fn lists_reach_over_their_separators() {
        let parts = [Part::Field("a"), text(" "), Part::Field("b"), text(", "), Part::Field("c")];
        assert_eq!(read(&parts, "a", "1, 2 : 3 x, y").unwrap(), ["a=1, 2 : 3", "b=x", "c=y"]);
        assert_eq!(read(&parts, "a", "- x, y").unwrap(), ["a=-", "b=x", "c=y"]);
        let parts = [Part::Field("a"), text(", b="), Part::Field("b")];
        assert_eq!(read(&parts, "a", "1, 2, b=3").unwrap(), ["a=1, 2", "b=3"]);
    }

    #[test]
    fn fields_that_touch_are_refused() {
        let extent = |_: &&str, _: &str| Extent { is_list: false, skip: 0 };
        let error = Template::new(vec![Part::Field("a"), Part::Field("b")], true, extent).unwrap_err();
        assert_eq!(error, "nothing stands between a and b: their values cannot be told apart");
        assert!(Template::<&str>::new(vec![Part::Text("x".to_owned())], true, extent).is_err());
    }
}
