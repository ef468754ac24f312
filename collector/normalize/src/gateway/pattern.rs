//! Lines that a proxy writes from a format string: fields with fixed text between them, and no escaping.

use crate::format::{LineError, LineReason};

/// One part of a format string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part<F> {
    Text(String),
    Field(F),
}

/// A compiled format string.
///
/// A field ends where the text after it begins. Where that is a space, it ends at the first one (or, for fields whose
/// values hold spaces, the first after those), so that one line cannot be read by two layouts.
#[derive(Debug)]
pub(super) struct Pattern<F> {
    lead: Box<str>,
    fields: Vec<Slot<F>>,
}

#[derive(Debug)]
struct Slot<F> {
    field: F,
    end: Box<str>,
    spaces: usize,
}

impl<F: std::fmt::Debug> Pattern<F> {
    /// Compiles the parts; `spaces` tells how many spaces the values of a field hold.
    ///
    /// # Errors
    /// Says which fields cannot be told apart, or that there are none.
    pub(super) fn new(parts: Vec<Part<F>>, spaces: impl Fn(&F) -> usize) -> Result<Self, String> {
        let mut lead = String::new();
        let mut fields: Vec<(F, String)> = Vec::new();
        for part in parts {
            match (part, fields.last_mut()) {
                (Part::Text(text), Some((_, end))) => end.push_str(&text),
                (Part::Text(text), None) => lead.push_str(&text),
                (Part::Field(field), Some((before, end))) if end.is_empty() => {
                    return Err(format!(
                        "nothing stands between {before:?} and {field:?}, so they cannot be told apart"
                    ));
                }
                (Part::Field(field), _) => fields.push((field, String::new())),
            }
        }
        let Some((_, last)) = fields.last_mut() else {
            return Err("the format has no fields".to_owned());
        };
        last.truncate(last.trim_end().len());
        let slot = |(field, end): (F, String)| Slot { spaces: spaces(&field), field, end: end.into_boxed_str() };
        Ok(Self { lead: lead.into_boxed_str(), fields: fields.into_iter().map(slot).collect() })
    }

    /// Hands each field with its value to `visit`.
    ///
    /// # Errors
    /// [`LineReason::Format`] when the line is not in this layout, and what `visit` gives.
    pub(super) fn read<'a>(
        &self,
        line: &'a str,
        mut visit: impl FnMut(&F, &'a str) -> Result<(), LineError>,
    ) -> Result<(), LineError> {
        let mut rest = line.strip_prefix(&*self.lead).ok_or_else(|| missing(&self.lead))?;
        let last = self.fields.len() - 1;
        for (position, slot) in self.fields.iter().enumerate() {
            let length = if position == last {
                rest.strip_suffix(&*slot.end).map(str::len).filter(|length| slot.fits(&rest[..*length]))
            } else {
                slot.length(rest)
            };
            let length = length.ok_or_else(|| missing(&slot.end))?;
            visit(&slot.field, &rest[..length])?;
            rest = &rest[length + slot.end.len()..];
        }
        Ok(())
    }
}

impl<F> Slot<F> {
    fn length(&self, text: &str) -> Option<usize> {
        if !self.end.starts_with(' ') {
            return memchr::memmem::find(text.as_bytes(), self.end.as_bytes());
        }
        // Items of a list of addresses are parted by a comma and a space.
        let bytes = text.as_bytes();
        let mut ends = memchr::memchr_iter(b' ', bytes).filter(|end| *end == 0 || bytes[end - 1] != b',');
        let end = ends.nth(self.spaces)?;
        text[end..].starts_with(&*self.end).then_some(end)
    }

    /// Whether this can be the value that ends a line: one that stands alone holds no spaces of its own.
    fn fits(&self, value: &str) -> bool {
        !self.end.is_empty() || value.matches(' ').count() <= self.spaces + value.matches(", ").count()
    }
}

fn missing(text: &str) -> LineError {
    LineError::new(LineReason::Format, format!("the line is not in this format: no {text:?} where it should be"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parts: Vec<Part<&'static str>>, line: &str) -> Result<Vec<String>, LineError> {
        let pattern = Pattern::new(parts, |field| usize::from(*field == "time")).unwrap();
        let mut values = Vec::new();
        pattern.read(line, |field, value| {
            values.push(format!("{field}={value}"));
            Ok(())
        })?;
        Ok(values)
    }

    fn text(text: &str) -> Part<&'static str> {
        Part::Text(text.to_owned())
    }

    #[test]
    fn values_end_where_the_next_text_begins() {
        let parts = vec![
            text("["),
            Part::Field("time"),
            text("] "),
            Part::Field("code"),
            text(" \""),
            Part::Field("agent"),
            text("\" "),
            Part::Field("host\n"),
            text("\n"),
        ];
        let line = "[a b] 200 \"x \"y\" z";
        assert_eq!(read(parts.clone(), line).unwrap(), ["time=a b", "code=200", "agent=x \"y", "host\n=z"]);
        for bad in ["", "[a] 200 1 \"x\" z", "[a] 200 \"x\"", "[a] 200 \"x\" z z"] {
            assert_eq!(read(parts.clone(), bad).unwrap_err().reason, LineReason::Format, "{bad}");
        }
        let parts = vec![Part::Field("time"), text(" "), Part::Field("list"), text(" "), Part::Field("c")];
        assert_eq!(read(parts, "a b 1, 2 3").unwrap(), ["time=a b", "list=1, 2", "c=3"]);
    }

    #[test]
    fn fields_that_touch_are_refused() {
        assert!(Pattern::new(vec![Part::Field("a"), Part::Field("b")], |_| 0).unwrap_err().contains("told apart"));
        assert!(Pattern::<&str>::new(vec![Part::Text("x".to_owned())], |_| 0).is_err());
    }
}
