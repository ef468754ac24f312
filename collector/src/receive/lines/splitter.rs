//! Lines of a stream of bytes, within a bound.

/// Splits a stream into lines. A line that is too long is given once, as it began, and the rest of it is skipped.
#[derive(Debug)]
pub(super) struct LineSplitter {
    max_line_bytes: usize,
    /// The line whose end is to come.
    begun: Vec<u8>,
    skipping: bool,
}

impl LineSplitter {
    pub(super) fn new(max_line_bytes: usize) -> Self {
        Self { max_line_bytes, begun: Vec::new(), skipping: false }
    }

    /// Takes bytes and gives the lines that they end. A line longer than the limit is given with one byte more than
    /// that.
    pub(super) fn push(&mut self, bytes: &[u8], take: &mut dyn FnMut(&[u8])) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            rest = after;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if self.begun.is_empty() {
                take(line);
                continue;
            }
            let room = (self.max_line_bytes + 1).saturating_sub(self.begun.len());
            self.begun.extend_from_slice(&line[..line.len().min(room)]);
            take(&self.begun);
            self.begun.clear();
        }
        if self.skipping {
            return;
        }
        let room = (self.max_line_bytes + 1).saturating_sub(self.begun.len());
        self.begun.extend_from_slice(&rest[..rest.len().min(room)]);
        if self.begun.len() > self.max_line_bytes {
            take(&self.begun);
            self.begun = Vec::new();
            self.skipping = true;
        }
    }

    /// Gives what stands after the last line end.
    pub(super) fn finish(&mut self, take: &mut dyn FnMut(&[u8])) {
        if !self.begun.is_empty() {
            take(&std::mem::take(&mut self.begun));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_however_they_arrive() {
        let text = b"one\n\ntwo two\ntoo long by far\nend\nlast";
        for size in 1..text.len() {
            let mut splitter = LineSplitter::new(8);
            let mut lines = Vec::new();
            for bytes in text.chunks(size) {
                splitter.push(bytes, &mut |line| {
                    lines.push(String::from_utf8(line[..line.len().min(9)].to_vec()).unwrap());
                });
                assert!(splitter.begun.len() <= 9);
            }
            splitter.finish(&mut |line| lines.push(String::from_utf8(line.to_vec()).unwrap()));
            assert_eq!(lines, ["one", "", "two two", "too long ", "end", "last"], "{size}");
        }
    }
}
