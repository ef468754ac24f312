//! One followed file.

use std::{fs::File, io, os::unix::fs::FileExt, path::PathBuf, sync::Arc};

use spandrel_normalize::{
    batch::LineBatch,
    envelope::Envelope,
    format::{LineContext, LineError, LineReason},
    multiline::Rule,
};
use tokio::time::Instant;

use super::{
    super::assembler::Assembler,
    checkpoint::Entry,
    identity::{Fingerprint, Inode},
};

/// Bytes read at once; after them it is another file's turn.
pub(super) const TURN_BYTES: usize = 256 * 1024;
/// What is kept of a line that is too long.
const SAMPLE_BYTES: usize = 4 * 1024;

/// One followed file. It holds no bytes of the file except the parts of a line that its envelope cut apart: a line whose
/// end is not written is read again when it is.
#[derive(Debug)]
pub(super) struct TailedFile {
    pub(super) path: PathBuf,
    pub(super) inode: Inode,
    pub(super) fingerprint: Fingerprint,
    /// Where the line begins that is to be read next.
    pub(super) offset: u64,
    /// Up to here there is no line end after `offset`.
    pub(super) scanned: u64,
    /// The line at `offset` is too long; it was rejected, and what follows of it is skipped.
    skipping: bool,
    /// Everything before this is durable.
    pub(super) stored: u64,
    /// Size when it was last seen.
    pub(super) size: u64,
    pub(super) handle: Option<File>,
    pub(super) last_used: u64,
    pub(super) assembler: Option<Box<Assembler>>,
    /// The end was reached while a line was not complete.
    pub(super) waiting_since: Option<Instant>,
    /// It was found renamed or removed.
    pub(super) rotated_since: Option<Instant>,
    pub(super) service: Option<Arc<str>>,
    /// It waits for its turn.
    pub(super) queued: bool,
    /// It was at its end, so it may have been written over since.
    at_end: bool,
}

/// What one turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// There may be more.
    More,
    End,
    /// It does not have its name any more.
    Gone,
}

/// What a file needs of its source.
pub(super) struct Reading<'a> {
    pub(super) batch: &'a mut LineBatch,
    pub(super) context: LineContext<'a>,
    pub(super) envelope: Envelope,
    pub(super) multiline: Option<&'a Rule>,
    pub(super) max_line_bytes: usize,
    /// Bytes of joined parts that this file may keep.
    pub(super) pending_room: usize,
    /// Holds what is read.
    pub(super) buffer: &'a mut Vec<u8>,
    /// Holds a line that was not read at once.
    pub(super) line: &'a mut Vec<u8>,
}

impl TailedFile {
    pub(super) fn new(path: PathBuf, inode: Inode, size: u64) -> Self {
        Self {
            path,
            inode,
            fingerprint: Fingerprint::default(),
            offset: 0,
            scanned: 0,
            skipping: false,
            stored: 0,
            size,
            handle: None,
            last_used: 0,
            assembler: None,
            waiting_since: None,
            rotated_since: None,
            service: None,
            queued: false,
            at_end: true,
        }
    }

    /// Goes on where the source was when it was stopped.
    pub(super) fn resume(&mut self, entry: &Entry) {
        self.fingerprint = entry.fingerprint;
        (self.offset, self.scanned, self.stored) = (entry.offset, entry.offset, entry.offset);
    }

    /// Begins after the last line end that is there.
    pub(super) fn begin_at_end(&mut self) -> io::Result<()> {
        let file = File::open(&self.path)?;
        let size = file.metadata()?.len();
        let mut last = vec![0; usize::try_from(size).unwrap_or(usize::MAX).min(SAMPLE_BYTES * 16)];
        let start = size - last.len() as u64;
        let count = file.read_at(&mut last, start)?;
        let end = memchr::memrchr(b'\n', &last[..count]).map_or(size, |position| start + position as u64 + 1);
        self.fingerprint = Fingerprint::of(&file)?;
        (self.offset, self.scanned, self.stored) = (end, end, end);
        Ok(())
    }

    pub(super) fn entry(&self) -> Entry {
        let (path, inode, fingerprint) = (self.path.clone(), self.inode, self.fingerprint);
        Entry { path, inode, fingerprint, offset: self.stored }
    }

    /// Everything before this is in a batch.
    pub(super) fn safe_offset(&self) -> u64 {
        self.assembler.as_ref().and_then(|assembler| assembler.pending_start()).unwrap_or(self.offset)
    }

    /// Whether it waits for nothing but more lines of a record that may be complete already.
    pub(super) fn waits_for_record(&self) -> bool {
        self.scanned == self.offset && self.assembler.as_ref().is_some_and(|assembler| assembler.has_whole_lines())
    }

    /// Bytes that are not durable, as far as is known.
    pub(super) fn lag(&self) -> u64 {
        self.size.saturating_sub(self.stored)
    }

    /// Reads one turn's bytes. `truncated` is set when the file was found begun again.
    pub(super) fn turn(&mut self, reading: &mut Reading<'_>, truncated: &mut bool) -> io::Result<Turn> {
        if self.handle.is_none() && !self.open()? {
            return Ok(Turn::Gone);
        }
        let Some(file) = self.handle.take() else { return Ok(Turn::Gone) };
        let turn = self.read(&file, reading, truncated);
        self.handle = Some(file);
        turn
    }

    /// Opens the file, if it still has its name.
    fn open(&mut self) -> io::Result<bool> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        if Inode::of(&file.metadata()?) != self.inode {
            return Ok(false);
        }
        self.handle = Some(file);
        self.at_end = true;
        Ok(true)
    }

    fn read(&mut self, file: &File, reading: &mut Reading<'_>, truncated: &mut bool) -> io::Result<Turn> {
        self.size = file.metadata()?.len();
        let written_over = self.size < self.scanned || (self.at_end && !self.fingerprint.fits(file)?);
        if written_over {
            *truncated = true;
            self.begin_again(reading);
        }
        if self.fingerprint.can_grow() {
            self.fingerprint = Fingerprint::of(file)?;
        }
        let mut buffer = std::mem::take(reading.buffer);
        buffer.resize(TURN_BYTES, 0);
        let count = file.read_at(&mut buffer, self.scanned);
        let taken = match count {
            Ok(count) => self.take(file, &buffer[..count], reading).map(|()| count),
            Err(error) => Err(error),
        };
        *reading.buffer = buffer;
        let count = taken?;
        self.at_end = count < TURN_BYTES;
        let incomplete = (self.scanned > self.offset && !self.skipping) || self.safe_offset() != self.offset;
        if !incomplete {
            self.waiting_since = None;
        } else if count > 0 || self.waiting_since.is_none() {
            self.waiting_since = Some(Instant::now());
        }
        Ok(if self.at_end { Turn::End } else { Turn::More })
    }

    /// Starts over because the file was truncated or written anew. What is pending is complete as far as it ever will be.
    fn begin_again(&mut self, reading: &mut Reading<'_>) {
        self.flush_pending(reading);
        self.fingerprint = Fingerprint::default();
        (self.offset, self.scanned, self.stored) = (0, 0, 0);
        self.skipping = false;
        self.waiting_since = None;
    }

    /// Takes bytes that stand at `scanned`.
    fn take(&mut self, file: &File, bytes: &[u8], reading: &mut Reading<'_>) -> io::Result<()> {
        let mut rest = bytes;
        if self.scanned > self.offset {
            let Some(end) = memchr::memchr(b'\n', rest) else {
                self.scanned += rest.len() as u64;
                return self.limit_line(file, reading);
            };
            let line_end = self.scanned + end as u64;
            if !self.skipping {
                // Bounded, because a longer line is skipped.
                let length = usize::try_from(line_end - self.offset).unwrap_or(usize::MAX);
                let mut line = std::mem::take(reading.line);
                line.resize(length, 0);
                let read = file.read_exact_at(&mut line, self.offset);
                if read.is_ok() {
                    self.line(&line, reading);
                }
                line.clear();
                line.shrink_to(TURN_BYTES);
                *reading.line = line;
                read?;
            }
            self.skipping = false;
            self.offset = line_end + 1;
            rest = &rest[end + 1..];
        }
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.line(&rest[..end], reading);
            self.offset += end as u64 + 1;
            rest = &rest[end + 1..];
        }
        // A file truncated under a writer that does not append has a hole of zeros before its first line.
        self.offset += zeros(rest) as u64;
        self.scanned = self.offset + rest.len() as u64 - zeros(rest) as u64;
        self.limit_line(file, reading)
    }

    /// Rejects the line at `offset` when it is too long already.
    fn limit_line(&mut self, file: &File, reading: &mut Reading<'_>) -> io::Result<()> {
        if self.skipping || self.scanned - self.offset <= reading.max_line_bytes as u64 {
            return Ok(());
        }
        let mut start = vec![0; SAMPLE_BYTES.min(reading.max_line_bytes)];
        let count = file.read_at(&mut start, self.offset)?;
        let detail = format!("the line is longer than {} bytes", reading.max_line_bytes);
        reading.batch.reject(&start[..count], &reading.context, LineError::new(LineReason::TooLong, detail));
        self.skipping = true;
        Ok(())
    }

    /// Takes one line, which begins at `offset`.
    fn line(&mut self, line: &[u8], reading: &mut Reading<'_>) {
        let line = &line[zeros(line)..];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let assembler = self.assembler.get_or_insert_with(|| {
            Box::new(Assembler::new(reading.envelope, reading.multiline, reading.max_line_bytes))
        });
        assembler.push(line, self.offset, reading.batch, &reading.context);
        if assembler.pending_bytes() > reading.pending_room {
            assembler.flush(reading.batch, &reading.context);
        }
    }

    /// Gives up waiting for the rest of the last line.
    pub(super) fn take_incomplete(&mut self, reading: &mut Reading<'_>) -> io::Result<()> {
        self.waiting_since = None;
        if self.scanned > self.offset
            && !self.skipping
            && let Some(file) = &self.handle
        {
            let mut line = vec![0; usize::try_from(self.scanned - self.offset).unwrap_or(usize::MAX)];
            file.read_exact_at(&mut line, self.offset)?;
            self.line(&line, reading);
            self.offset = self.scanned;
        }
        self.flush_pending(reading);
        Ok(())
    }

    fn flush_pending(&mut self, reading: &mut Reading<'_>) {
        if let Some(mut assembler) = self.assembler.take() {
            assembler.flush(reading.batch, &reading.context);
        }
    }
}

fn zeros(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| **byte == 0).count()
}
