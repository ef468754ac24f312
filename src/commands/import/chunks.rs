//! Cuts a stream of lines into requests.

use std::io::Read;

/// A request's lines, in bytes.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// Pieces of at most [`CHUNK_BYTES`], cut at line ends. A line longer than that is cut to it: the server refuses lines of
/// that length, and says so.
pub(super) struct Chunks<R> {
    reader: R,
    buffer: Vec<u8>,
    /// A record may have several lines: cut only before a line that does not begin with white space.
    multiline: bool,
    lines: u64,
    at_end: bool,
    /// The rest of a line too long, which is skipped.
    skipping: bool,
}

impl<R: Read> Chunks<R> {
    pub(super) fn new(reader: R, multiline: bool) -> Self {
        Self { reader, buffer: Vec::new(), multiline, lines: 0, at_end: false, skipping: false }
    }

    /// Lines of the chunks given out before the last.
    pub(super) fn lines_before(&self) -> u64 {
        self.lines
    }

    pub(super) fn next(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        while !self.at_end && self.buffer.len() < CHUNK_BYTES {
            let room = CHUNK_BYTES - self.buffer.len();
            let before = self.buffer.len();
            let read = std::io::copy(&mut (&mut self.reader).take(room as u64), &mut self.buffer)?;
            self.at_end = read == 0;
            if self.skipping {
                self.skip_line(before);
            }
        }
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let cut = if self.at_end { self.buffer.len() } else { self.cut() };
        let rest = self.buffer.split_off(cut);
        let chunk = std::mem::replace(&mut self.buffer, rest);
        self.skipping = !self.at_end && chunk.last() != Some(&b'\n');
        self.lines += memchr::memchr_iter(b'\n', &chunk).count() as u64;
        Ok(Some(chunk))
    }

    /// Where the buffer is cut: after a line end, or at its end when it has none.
    fn cut(&self) -> usize {
        let mut end = self.buffer.len();
        while let Some(line_end) = memchr::memrchr(b'\n', &self.buffer[..end]) {
            let continues = self.buffer.get(line_end + 1).is_none_or(|first| matches!(first, b' ' | b'\t'));
            if !(self.multiline && continues) {
                return line_end + 1;
            }
            end = line_end;
        }
        memchr::memrchr(b'\n', &self.buffer).map_or(self.buffer.len(), |line_end| line_end + 1)
    }

    /// Drops what was read from `start` on up to the end of the line.
    fn skip_line(&mut self, start: usize) {
        match memchr::memchr(b'\n', &self.buffer[start..]) {
            Some(line_end) => {
                self.buffer.drain(start..=start + line_end);
                self.skipping = false;
            }
            None => self.buffer.truncate(start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(content: &[u8], multiline: bool) -> Vec<Vec<u8>> {
        let mut chunks = Chunks::new(content, multiline);
        std::iter::from_fn(|| chunks.next().unwrap()).collect()
    }

    #[test]
    fn chunks_end_with_their_lines() {
        let content: Vec<u8> = (0..1_000_000).flat_map(|line| format!("line {line}\n").into_bytes()).collect();
        let chunks = chunks(&content, false);
        assert!(chunks.len() > 2);
        assert!(chunks.iter().all(|chunk| chunk.len() <= CHUNK_BYTES && chunk.last() == Some(&b'\n')));
        assert_eq!(chunks.concat(), content);
    }

    #[test]
    fn records_of_several_lines_stay_together() {
        let content = "first\n\tat one\n\tat two\n".repeat(300_000).into_bytes();
        let chunks = chunks(&content, true);
        assert!(chunks.len() > 1);
        assert!(chunks.iter().all(|chunk| chunk.starts_with(b"first")));
        assert_eq!(chunks.concat(), content);
    }

    #[test]
    fn an_endless_line_is_cut_and_what_follows_is_kept() {
        let mut content = vec![b'x'; CHUNK_BYTES * 3];
        content.extend_from_slice(b"\nnext\n");
        let chunks = chunks(&content, false);
        assert_eq!(chunks[0].len(), CHUNK_BYTES);
        assert_eq!(chunks[1..].concat(), b"next\n");
    }
}
