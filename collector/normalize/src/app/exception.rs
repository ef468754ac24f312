//! The type and message of an exception, which stack traces of all languages begin or end with.

/// The type and the message of the exception that a stack trace shows.
pub(crate) fn of_stacktrace(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    if text.starts_with("Traceback (most recent call last):") {
        // Python puts it after the frames.
        return head(text.lines().rev().find(|line| !line.is_empty())?);
    }
    head(text.lines().next()?)
}

/// The exception that a line of a record with several lines names: the first that begins a stack trace.
pub(crate) fn in_lines(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once('\n')?;
    if let Some(position) = memchr::memmem::find(rest.as_bytes(), b"Traceback (most recent call last):") {
        return of_stacktrace(&rest[position..]);
    }
    rest.lines().find_map(head)
}

/// Whether a line begins a stack trace: `java.lang.IllegalStateException: closed`, `TypeError: x is not a function`.
pub(crate) fn begins(line: &str) -> bool {
    head(line).is_some()
}

fn head(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_end();
    let line =
        line.strip_prefix("Exception in thread ").and_then(|rest| rest.split_once("\" ")).map_or(line, |(_, r)| r);
    let (name, message) = match line.split_once(':') {
        Some((name, message)) => (name, message.trim_start()),
        None => (line, ""),
    };
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$' | b'`'))
        && name.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    let is_exception = ["Exception", "Error", "Throwable", "Failure", "Interrupt", "Exit"]
        .iter()
        .any(|end| name.ends_with(end) && (name.len() > end.len() || *end == "Error" || *end == "Exception"));
    (is_name && is_exception).then_some((name, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stack_traces_name_their_exception() {
        for (text, expected) in [
            (
                "java.lang.IllegalStateException: closed\n\tat a.B.c(B.java:1)",
                Some(("java.lang.IllegalStateException", "closed")),
            ),
            ("java.net.SocketTimeoutException\n\tat a.B.c(B.java:1)", Some(("java.net.SocketTimeoutException", ""))),
            ("TypeError: x is not a function\n    at f (a.js:1:2)", Some(("TypeError", "x is not a function"))),
            (
                "System.InvalidOperationException: no: no\r\n   at A.B()",
                Some(("System.InvalidOperationException", "no: no")),
            ),
            (
                "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nrequests.exceptions.HTTPError: 503\n",
                Some(("requests.exceptions.HTTPError", "503")),
            ),
            ("main.main\n\t/src/main.go:12", None),
            ("", None),
        ] {
            assert_eq!(of_stacktrace(text), expected, "{text}");
        }
        assert_eq!(in_lines("failed\njava.io.IOException: gone\n\tat x"), Some(("java.io.IOException", "gone")));
        assert_eq!(in_lines("one line: SomeError: x"), None);
    }
}
