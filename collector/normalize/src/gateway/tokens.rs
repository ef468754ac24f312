//! Words between spaces, some of them in quotes, and their escapes.

use crate::record::Text;

/// Splits a line into words. A quoted word may contain spaces and quotes behind a backslash; one that is not closed
/// ends with the line.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'a> {
    rest: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// What stands between the quotes, escapes as written.
    pub text: &'a str,
    pub is_quoted: bool,
    /// The closing quote is there, where there is an opening one.
    pub is_closed: bool,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// What is left, without leading spaces.
    pub(super) fn rest(&self) -> &'a str {
        self.rest.trim_start_matches(' ')
    }

    /// The text of the next word.
    pub(super) fn word(&mut self) -> Option<&'a str> {
        self.next().map(|token| token.text)
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let text = self.rest();
        if text.is_empty() {
            return None;
        }
        let Some(quoted) = text.strip_prefix('"') else {
            let end = memchr::memchr(b' ', text.as_bytes()).unwrap_or(text.len());
            self.rest = &text[end..];
            return Some(Token { text: &text[..end], is_quoted: false, is_closed: true });
        };
        let end = closing_quote(quoted);
        let is_closed = end < quoted.len();
        self.rest = &quoted[quoted.len().min(end + 1)..];
        Some(Token { text: &quoted[..end], is_quoted: true, is_closed })
    }
}

/// Where a quoted text ends: its first quote that no backslash escapes, or the end of the line.
pub(super) fn closing_quote(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut start = 0;
    while let Some(found) = memchr::memchr(b'"', &bytes[start..]) {
        let position = start + found;
        if !is_escaped(bytes, position) {
            return position;
        }
        start = position + 1;
    }
    bytes.len()
}

/// Whether an odd number of backslashes stands before a position.
pub(super) fn is_escaped(bytes: &[u8], position: usize) -> bool {
    bytes[..position].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// How values are escaped in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// `\x22`, and `\"`, `\\`, `\n` and their kin: nginx by default, Apache.
    Backslash,
    /// As in JSON.
    Json,
    /// Not at all.
    None,
}

impl Escape {
    /// The value without its escapes. One that stands for bytes that are no text is left as it is written.
    pub(super) fn undo(self, value: &str) -> Text<'_> {
        if self == Escape::None || memchr::memchr(b'\\', value.as_bytes()).is_none() {
            return Text::Borrowed(value);
        }
        let unescaped = if self == Escape::Json {
            serde_json::from_str(&format!("\"{value}\"")).ok()
        } else {
            String::from_utf8(without_backslashes(value)).ok()
        };
        unescaped.map_or(Text::Borrowed(value), Text::Owned)
    }
}

fn without_backslashes(value: &str) -> Vec<u8> {
    let mut plain = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some(position) = memchr::memchr(b'\\', rest) {
        plain.extend_from_slice(&rest[..position]);
        let (byte, length) = match &rest[position + 1..] {
            [b'x' | b'X', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex_value(*high) * 16 + hex_value(*low), 4)
            }
            [b'n', ..] => (b'\n', 2),
            [b't', ..] => (b'\t', 2),
            [b'r', ..] => (b'\r', 2),
            [b'b', ..] => (8, 2),
            [b'v', ..] => (11, 2),
            [b'f', ..] => (12, 2),
            [quoted @ (b'"' | b'\\'), ..] => (*quoted, 2),
            _ => (b'\\', 1),
        };
        plain.push(byte);
        rest = &rest[position + length..];
    }
    plain.extend_from_slice(rest);
    plain
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_quoted_words() {
        let mut tokens = Tokens::new(r#"a  "b \" c" "" "d"e "open"#);
        let words: Vec<_> = tokens.by_ref().map(|token| (token.text, token.is_quoted, token.is_closed)).collect();
        assert_eq!(
            words,
            [
                ("a", false, true),
                (r#"b \" c"#, true, true),
                ("", true, true),
                ("d", true, true),
                ("e", false, true),
                ("open", true, false)
            ]
        );
        assert_eq!(tokens.next(), None);
    }

    #[test]
    fn escapes_are_undone_where_they_make_text() {
        for (escape, written, meant) in [
            (Escape::Backslash, r"a\x22b\x5Cc", r#"a"b\c"#),
            (Escape::Backslash, r"\xC3\xA9 \q \", r"é \q \"),
            (Escape::Backslash, r"\x16\xFF", r"\x16\xFF"),
            (Escape::Backslash, r"\x4", r"\x4"),
            (Escape::Json, r#"a\"b\u00e9\n"#, "a\"bé\n"),
            (Escape::Json, r"broken \x", r"broken \x"),
            (Escape::None, r"a\x22", r"a\x22"),
        ] {
            assert_eq!(escape.undo(written), meant, "{written}");
        }
    }
}
