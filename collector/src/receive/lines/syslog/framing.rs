//! Messages in a stream (RFC 6587): octet counting or line ends, found for each message by itself.

/// A length is not longer than this.
const MAX_DIGITS: usize = 10;
/// What is kept of a message that is too long.
const SAMPLE_BYTES: usize = 4 * 1024;

/// Why a stream cannot be read further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadFrame;

/// Splits a stream into messages. A message that is too long is given once, as it began, marked as such.
#[derive(Debug)]
pub(super) struct Deframer {
    max_bytes: usize,
    state: State,
    /// The message, or its length, that has begun to arrive.
    begun: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between messages.
    Start,
    /// Digits of a length.
    Length,
    /// A message of which so many bytes are to come.
    Counted(u64),
    SkipCounted(u64),
    /// A message that a line end or NUL ends.
    Line,
    SkipLine,
}

impl Deframer {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { max_bytes, state: State::Start, begun: Vec::new() }
    }

    /// Bytes that are kept.
    pub(super) fn pending_bytes(&self) -> usize {
        self.begun.len()
    }

    /// Gives up the message that has begun to arrive, and hands out how it began.
    pub(super) fn give_up(&mut self, take: &mut dyn FnMut(&[u8], bool)) {
        self.state = match self.state {
            State::Counted(left) => State::SkipCounted(left),
            State::Line => State::SkipLine,
            other => return self.state = other,
        };
        self.begun.truncate(SAMPLE_BYTES);
        take(&std::mem::take(&mut self.begun), true);
    }

    /// Takes bytes and gives the messages that they end, and whether each is cut off.
    pub(super) fn push(&mut self, bytes: &[u8], take: &mut dyn FnMut(&[u8], bool)) -> Result<(), BadFrame> {
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            rest = match self.state {
                State::Start => self.start(*first, rest),
                State::Length => self.length(*first, rest)?,
                State::Counted(left) => self.counted(left, rest, take),
                State::SkipCounted(left) => {
                    let (count, after) = split(rest, left);
                    self.state = if count == left { State::Start } else { State::SkipCounted(left - count) };
                    after
                }
                State::Line | State::SkipLine => self.line(rest, take),
            };
        }
        Ok(())
    }

    /// Gives what stands after the last message, where a line end only is missing. A counted message that was cut off is
    /// given as far as it came.
    pub(super) fn finish(&mut self, take: &mut dyn FnMut(&[u8], bool)) {
        match std::mem::replace(&mut self.state, State::Start) {
            State::Line => take(&self.begun, false),
            State::Counted(_) => take(&self.begun, true),
            _ => {}
        }
        self.begun = Vec::new();
    }

    fn start<'a>(&mut self, first: u8, rest: &'a [u8]) -> &'a [u8] {
        match first {
            b'\n' | b'\r' | 0 | b' ' => return &rest[1..],
            b'1'..=b'9' => self.state = State::Length,
            _ => self.state = State::Line,
        }
        rest
    }

    fn length<'a>(&mut self, first: u8, rest: &'a [u8]) -> Result<&'a [u8], BadFrame> {
        match first {
            b'0'..=b'9' if self.begun.len() < MAX_DIGITS => self.begun.push(first),
            b'0'..=b'9' => return Err(BadFrame),
            b' ' => {
                let digits = std::mem::take(&mut self.begun);
                let length = digits.iter().fold(0, |length, digit| length * 10 + u64::from(digit - b'0'));
                self.state = State::Counted(length);
            }
            // A line without priority that begins with a number, such as a time.
            _ => {
                self.state = State::Line;
                return Ok(rest);
            }
        }
        Ok(&rest[1..])
    }

    fn counted<'a>(&mut self, left: u64, rest: &'a [u8], take: &mut dyn FnMut(&[u8], bool)) -> &'a [u8] {
        if self.begun.len() as u64 + left > self.max_bytes as u64 {
            let room = SAMPLE_BYTES.saturating_sub(self.begun.len());
            let (count, after) = split(rest, left);
            self.begun.extend_from_slice(&rest[..room.min(usize::try_from(count).unwrap_or(room))]);
            take(&std::mem::take(&mut self.begun), true);
            self.state = if count == left { State::Start } else { State::SkipCounted(left - count) };
            return after;
        }
        let (count, after) = split(rest, left);
        let part = &rest[..rest.len() - after.len()];
        if count < left {
            self.begun.extend_from_slice(part);
            self.state = State::Counted(left - count);
            return after;
        }
        if self.begun.is_empty() {
            take(part, false);
        } else {
            self.begun.extend_from_slice(part);
            take(&std::mem::take(&mut self.begun), false);
        }
        self.state = State::Start;
        after
    }

    fn line<'a>(&mut self, rest: &'a [u8], take: &mut dyn FnMut(&[u8], bool)) -> &'a [u8] {
        let end = memchr::memchr2(b'\n', 0, rest);
        let part = &rest[..end.unwrap_or(rest.len())];
        if self.state == State::Line {
            let room = (self.max_bytes + 1).saturating_sub(self.begun.len());
            self.begun.extend_from_slice(&part[..part.len().min(room)]);
            if self.begun.len() > self.max_bytes {
                self.begun.truncate(SAMPLE_BYTES);
                take(&std::mem::take(&mut self.begun), true);
                self.state = State::SkipLine;
            }
        }
        let Some(end) = end else { return &[] };
        if self.state == State::Line {
            take(&self.begun, false);
            self.begun.clear();
        }
        self.state = State::Start;
        &rest[end + 1..]
    }
}

/// How many of `left` bytes are there, and what follows them.
fn split(rest: &[u8], left: u64) -> (u64, &[u8]) {
    let count = left.min(rest.len() as u64);
    (count, &rest[usize::try_from(count).unwrap_or(rest.len())..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &[u8], size: usize, max: usize) -> Result<Vec<(String, bool)>, BadFrame> {
        let mut deframer = Deframer::new(max);
        let mut messages = Vec::new();
        let mut take = |message: &[u8], cut: bool| messages.push((String::from_utf8_lossy(message).into_owned(), cut));
        for bytes in text.chunks(size) {
            deframer.push(bytes, &mut take)?;
            assert!(deframer.pending_bytes() <= max.max(MAX_DIGITS) + 1);
        }
        deframer.finish(&mut take);
        Ok(messages)
    }

    #[test]
    fn framing_is_found_for_each_message_however_it_arrives() {
        let text = b"10 <13>a: one9 <13>b\nxyz\n<13>c: two\n<13>d: three\0Jan  1\n2026-01-01T0 x\n7 <13>end";
        let expected =
            ["<13>a: one", "<13>b\nxyz", "<13>c: two", "<13>d: three", "Jan  1", "2026-01-01T0 x", "<13>end"];
        for size in 1..=text.len() {
            let read = messages(text, size, 100).unwrap();
            assert!(read.iter().all(|(_, cut)| !cut));
            assert_eq!(read.into_iter().map(|(message, _)| message).collect::<Vec<_>>(), expected, "{size}");
        }
    }

    #[test]
    fn b_1_hostile_frames_are_bounded() {
        assert_eq!(messages(b"999999999999 <", 3, 100), Err(BadFrame));
        let cut = messages(b"9999999999 <13>endless", 3, 100).unwrap();
        assert_eq!(cut.len(), 1);
        assert!(cut[0].1);
        for size in [1, 7, 1000] {
            let mut text = b"300 ".to_vec();
            text.extend(vec![b'x'; 300]);
            text.extend(b"\n<13>next\n<13>");
            text.extend(vec![b'y'; 300]);
            text.extend(b"\n5 <13>z");
            let read = messages(&text, size, 100).unwrap();
            let kept: Vec<_> = read.iter().filter(|(_, cut)| !cut).map(|(message, _)| message.as_str()).collect();
            assert_eq!((kept, read.len()), (vec!["<13>next", "<13>z"], 4), "{size}");
        }
    }
}
