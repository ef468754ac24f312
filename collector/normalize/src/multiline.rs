//! Lines to records, where one record is several lines: stack traces above all.
//!
//! A record is complete when the next one begins, so that the last one waits: whoever reads the lines calls
//! [`Multiline::flush`] when none has come for a while.

use regex::bytes::Regex;

use crate::format::FormatError;

/// The most lines of a record, unless set otherwise.
pub const DEFAULT_MAX_LINES: usize = 500;
/// The most bytes of a record, unless set otherwise.
pub const DEFAULT_MAX_BYTES: usize = 64 * 1024;

/// How the first line of a record is told from the others.
#[derive(Debug, Clone)]
pub enum Rule {
    /// A record begins where the expression matches.
    Start(Regex),
    /// A line that is indented belongs to the record before it, and so do the other lines that stack traces consist of.
    Indented,
}

impl Rule {
    /// The rule of a regular expression that begins a record.
    ///
    /// # Errors
    /// When the expression cannot be compiled.
    pub fn start(pattern: &str) -> Result<Self, FormatError> {
        let regex = Regex::new(pattern)
            .map_err(|error| FormatError(format!("the multiline expression {pattern:?} is not valid: {error}")))?;
        Ok(Rule::Start(regex))
    }
}

/// Joins lines to records by a rule. A record that grows past a bound is ended there, and what follows is the next.
#[derive(Debug)]
pub struct Multiline {
    rule: Rule,
    max_lines: usize,
    max_bytes: usize,
    /// The record that further lines may belong to.
    pending: Vec<u8>,
    lines: usize,
    /// The record given out last; its memory is used again.
    complete: Vec<u8>,
    within: Within,
}

/// What the last line began that the next ones may belong to without being indented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Record,
    /// Frames of Python, until the line that names the exception.
    Traceback,
    /// Frames of Go.
    Goroutine,
}

impl Multiline {
    pub fn new(rule: Rule) -> Self {
        Self::with_bounds(rule, DEFAULT_MAX_LINES, DEFAULT_MAX_BYTES)
    }

    pub fn with_bounds(rule: Rule, max_lines: usize, max_bytes: usize) -> Self {
        Self { rule, max_lines, max_bytes, pending: Vec::new(), lines: 0, complete: Vec::new(), within: Within::Record }
    }

    /// Takes a line, without its line end. Gives the record before it if that is complete.
    pub fn push(&mut self, line: &[u8]) -> Option<&[u8]> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let belongs = self.belongs(line) && self.lines > 0;
        let fits = self.lines < self.max_lines && self.pending.len() + line.len() < self.max_bytes;
        if belongs && fits {
            self.pending.push(b'\n');
            self.pending.extend_from_slice(line);
            self.lines += 1;
            return None;
        }
        let had_record = self.lines > 0;
        std::mem::swap(&mut self.pending, &mut self.complete);
        self.pending.clear();
        self.pending.extend_from_slice(line);
        self.lines = 1;
        had_record.then_some(self.complete.as_slice())
    }

    /// Gives the record that waits for further lines, if there is one.
    pub fn flush(&mut self) -> Option<&[u8]> {
        let had_record = self.lines > 0;
        std::mem::swap(&mut self.pending, &mut self.complete);
        self.pending.clear();
        self.lines = 0;
        self.within = Within::Record;
        had_record.then_some(self.complete.as_slice())
    }

    /// Bytes held for the record that waits.
    pub fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    fn belongs(&mut self, line: &[u8]) -> bool {
        if let Rule::Start(start) = &self.rule {
            return !start.is_match(line);
        }
        let (belongs, within) = continuation(line, self.within);
        self.within = within;
        belongs
    }
}

/// Whether a line belongs to the record before it, and what the next one is within.
fn continuation(line: &[u8], within: Within) -> (bool, Within) {
    let Some(first) = line.first() else { return (true, within) };
    if first.is_ascii_whitespace() {
        return (true, within);
    }
    if line.starts_with(b"Traceback (most recent call last):") {
        return (true, Within::Traceback);
    }
    if line.starts_with(b"goroutine ") && line.ends_with(b"]:") {
        return (true, Within::Goroutine);
    }
    match within {
        // The line that names the exception ends the frames.
        Within::Traceback => return (true, Within::Record),
        Within::Goroutine if is_frame_of_go(line) => return (true, Within::Goroutine),
        _ => {}
    }
    (is_part_of_trace(line), Within::Record)
}

fn is_part_of_trace(line: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 8] = [
        b"Caused by:",
        b"Suppressed:",
        b"... ",
        b"During handling of the above exception",
        b"The above exception was the direct cause",
        b"--- End of ",
        b"---> ",
        b"[signal ",
    ];
    if BEGINNINGS.iter().any(|beginning| line.starts_with(beginning)) {
        return true;
    }
    // The brackets that end what was printed over several lines.
    if line.iter().all(|byte| matches!(byte, b'}' | b']' | b')' | b',' | b';')) {
        return true;
    }
    // The name of an exception's class, which stands before the frames.
    let head = &line[..line.len().min(256)];
    std::str::from_utf8(head).is_ok_and(crate::app::begins_stack_trace)
}

fn is_frame_of_go(line: &[u8]) -> bool {
    line.starts_with(b"created by ") || line.starts_with(b"exit status ") || {
        let name = line.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"._/*()-".contains(byte)).count();
        name > 0 && line.ends_with(b")") && line.contains(&b'(')
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn join(mut joiner: Multiline, text: &str) -> Vec<String> {
        let mut records = Vec::new();
        for line in text.split('\n') {
            records.extend(joiner.push(line.as_bytes()).map(|record| String::from_utf8(record.to_vec()).unwrap()));
        }
        records.extend(joiner.flush().map(|record| String::from_utf8(record.to_vec()).unwrap()));
        records
    }

    #[test]
    fn stack_traces_belong_to_the_line_before() {
        let java = "ERROR failed\njava.lang.IllegalStateException: closed\n\tat a.B.c(B.java:1)\n\
                    Caused by: java.io.IOException\n\t... 3 more";
        let python = "ERROR failed\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\nshop.Gone: 7\n\n\
                      During handling of the above exception, another exception occurred:\n\n\
                      Traceback (most recent call last):\n  File \"b.py\", line 2\nValueError: no";
        let go = "panic: nil map\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:5 +0x1\nexit status 2";
        let dotnet = "fail: Shop[0]\n      failed\n      System.InvalidOperationException: no\n         at A.B()";
        let json = "{\n  \"a\": [\n  ]\n}";
        for record in [java, python, go, dotnet, json, "one line"] {
            let text = format!("INFO before\n{record}\nINFO after\nINFO last");
            let joined = join(Multiline::new(Rule::Indented), &text);
            assert_eq!(joined, ["INFO before", record, "INFO after", "INFO last"], "{record}");
        }
        assert_eq!(join(Multiline::new(Rule::Indented), "\tat first"), ["\tat first"]);
        assert!(Multiline::new(Rule::Indented).flush().is_none());
    }

    #[test]
    fn an_expression_begins_records() {
        let rule = || Rule::start(r"^\d{4}-").unwrap();
        let joined = join(Multiline::new(rule()), "rest\n2026-a\n b\nc\n2026-d");
        assert_eq!(joined, ["rest", "2026-a\n b\nc", "2026-d"]);
        assert!(Rule::start("(").unwrap_err().0.contains("not valid"));
        assert_eq!(
            join(Multiline::with_bounds(rule(), 2, 100), "2026-a\nb\nc\nd\n2026-e"),
            ["2026-a\nb", "c\nd", "2026-e"]
        );
        assert_eq!(join(Multiline::with_bounds(rule(), 9, 10), "2026-abc\nd\ne"), ["2026-abc\nd", "e"]);
    }

    proptest! {
        #[test]
        fn no_line_is_lost_and_bounds_hold(lines in prop::collection::vec("[ -~\\t]{0,40}", 0..60)) {
            let mut joiner = Multiline::with_bounds(Rule::Indented, 5, 100);
            let mut records: Vec<Vec<u8>> = Vec::new();
            for line in &lines {
                records.extend(joiner.push(line.as_bytes()).map(<[u8]>::to_vec));
            }
            records.extend(joiner.flush().map(<[u8]>::to_vec));
            for record in &records {
                prop_assert!(record.len() <= 100 && record.split(|byte| *byte == b'\n').count() <= 5);
            }
            let joined = records.join(&b'\n');
            prop_assert_eq!(String::from_utf8(joined).unwrap(), lines.join("\n"));
        }
    }
}
