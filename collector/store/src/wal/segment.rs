//! The file that is being written.

use std::{
    fs::File,
    io::{self, IoSlice, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::format::{SEGMENT_HEADER_LEN, encode_segment_header};
use crate::files;

/// Ending of segment files.
const ENDING: &str = "wal";

/// What the log needs of a file. Tests put files behind it that fail or forget what was not synced.
pub(crate) trait SegmentFile: Send {
    /// Writes all of `slices` at the end.
    fn append(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()>;
    /// Makes what was written durable (D-1).
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to `len` bytes and goes on writing there.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

impl SegmentFile for File {
    fn append(&mut self, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        while !slices.is_empty() {
            match self.write_vectored(slices) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut slices, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)?;
        self.seek(SeekFrom::Start(len)).map(drop)
    }
}

/// Makes an empty file for a segment.
pub(crate) type CreateFile = Box<dyn Fn(&Path) -> io::Result<Box<dyn SegmentFile>> + Send>;

/// Files of the operating system. A file of the same name can only be what an earlier attempt left without records.
pub(crate) fn real_files() -> CreateFile {
    Box::new(|path| Ok(Box::new(File::options().write(true).create(true).truncate(true).open(path)?)))
}

/// The name of the segment that starts with a sequence.
pub(crate) fn segment_path(directory: &Path, first_sequence: u64) -> PathBuf {
    directory.join(format!("{first_sequence:020}.{ENDING}"))
}

/// The sequence that a path names as the first of its segment, or `None` if it is no segment.
pub(crate) fn first_sequence_of(path: &Path) -> Option<u64> {
    if path.extension()? != ENDING {
        return None;
    }
    path.file_stem()?.to_str()?.parse().ok()
}

/// A segment that is open for writing.
pub(crate) struct OpenSegment {
    file: Box<dyn SegmentFile>,
    pub(crate) path: PathBuf,
    pub(crate) len: u64,
    /// Whether something was written since the last sync.
    pub(crate) dirty: bool,
}

impl OpenSegment {
    /// Creates a segment, durably, so that records written to it later are found after a power loss.
    pub(crate) fn create(create: &CreateFile, directory: &Path, first_sequence: u64) -> io::Result<Self> {
        let path = segment_path(directory, first_sequence);
        let mut file = create(&path)?;
        let header = encode_segment_header(first_sequence);
        let written = file.append(&mut [IoSlice::new(&header)]).and_then(|()| file.sync());
        if let Err(error) = written {
            // Best effort: a segment without a whole header is removed when the store is opened.
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        files::sync_directory(directory).map_err(|error| error.source)?;
        Ok(Self { file, path, len: SEGMENT_HEADER_LEN as u64, dirty: false })
    }

    pub(crate) fn has_records(&self) -> bool {
        self.len > SEGMENT_HEADER_LEN as u64
    }

    /// Writes `slices`, of `len` bytes together. A write that fails leaves the segment as it was; if even that cannot
    /// be had, the second result says so.
    pub(crate) fn append(&mut self, slices: &mut [IoSlice<'_>], len: u64) -> Result<(), AppendFailure> {
        match self.file.append(slices) {
            Ok(()) => {
                self.len += len;
                self.dirty = true;
                Ok(())
            }
            Err(error) => match self.file.truncate(self.len) {
                Ok(()) => Err(AppendFailure::TakenBack(error)),
                Err(_) => Err(AppendFailure::Torn(error)),
            },
        }
    }

    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if self.dirty {
            self.file.sync()?;
            self.dirty = false;
        }
        Ok(())
    }
}

/// A write that failed.
#[derive(Debug)]
pub(crate) enum AppendFailure {
    /// The segment is as it was before.
    TakenBack(io::Error),
    /// The segment ends in part of a record.
    Torn(io::Error),
}
