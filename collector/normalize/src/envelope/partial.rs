//! The parts of a line that its envelope cut apart.

/// What is kept of a line that is too long.
const SAMPLE_BYTES: usize = 4 * 1024;

/// A line that is being joined, within a bound.
#[derive(Debug)]
pub(super) struct Partial {
    max_bytes: usize,
    bytes: Vec<u8>,
    /// Time of the first part.
    time: Option<i64>,
    is_pending: bool,
    too_long: bool,
}

impl Partial {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { max_bytes, bytes: Vec::new(), time: None, is_pending: false, too_long: false }
    }

    pub(super) fn is_pending(&self) -> bool {
        self.is_pending
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn push(&mut self, part: &[u8], time: Option<i64>) {
        if !self.is_pending {
            self.is_pending = true;
            self.time = time;
        }
        if self.too_long {
            return;
        }
        if self.bytes.len() + part.len() > self.max_bytes {
            self.too_long = true;
            let room = SAMPLE_BYTES.min(self.max_bytes).saturating_sub(self.bytes.len());
            self.bytes.extend_from_slice(&part[..part.len().min(room)]);
            self.bytes.truncate(SAMPLE_BYTES);
            self.bytes.shrink_to_fit();
            return;
        }
        self.bytes.extend_from_slice(part);
    }

    /// Moves the line to `joined`, and says its time and whether it was too long.
    pub(super) fn take(&mut self, joined: &mut Vec<u8>) -> (Option<i64>, bool) {
        *joined = std::mem::take(&mut self.bytes);
        self.is_pending = false;
        (self.time.take(), std::mem::take(&mut self.too_long))
    }
}
