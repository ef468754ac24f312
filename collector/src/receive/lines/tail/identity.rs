//! Which file is which, whatever its name.

use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::{FileExt, MetadataExt},
};

use serde::{Deserialize, Serialize};

/// A file's place in the file system. It is given to another file when this one is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Inode {
    pub(super) device: u64,
    pub(super) number: u64,
}

impl Inode {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), number: metadata.ino() }
    }
}

/// Checksum of how a file begins, which tells it from another that got its inode or was written in its place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    /// Bytes covered.
    bytes: u16,
    crc32: u32,
}

impl Fingerprint {
    /// Bytes covered at most.
    pub(super) const MAX_BYTES: u16 = 1024;

    /// Of the first bytes of a file, as many as there are.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        Self::covering(file, Self::MAX_BYTES)
    }

    /// Whether the file still begins so.
    pub(super) fn fits(self, file: &File) -> io::Result<bool> {
        Ok(Self::covering(file, self.bytes)? == self)
    }

    /// Whether more bytes would make it surer.
    pub(super) fn can_grow(self) -> bool {
        self.bytes < Self::MAX_BYTES
    }

    fn covering(file: &File, bytes: u16) -> io::Result<Self> {
        let mut buffer = [0; Self::MAX_BYTES as usize];
        let mut filled: u16 = 0;
        while filled < bytes {
            match file.read_at(&mut buffer[usize::from(filled)..usize::from(bytes)], u64::from(filled)) {
                Ok(0) => break,
                Ok(count) => filled += u16::try_from(count).unwrap_or(bytes - filled),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let mut checksum = flate2::Crc::new();
        checksum.update(&buffer[..usize::from(filled)]);
        Ok(Self { bytes: filled, crc32: checksum.sum() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_grows_stays_the_same_and_one_written_over_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let fits = |fingerprint: Fingerprint| fingerprint.fits(&File::open(&path).unwrap()).unwrap();
        std::fs::write(&path, "one\n").unwrap();
        let short = Fingerprint::of(&File::open(&path).unwrap()).unwrap();
        std::fs::write(&path, "one\ntwo\n".repeat(1000)).unwrap();
        let long = Fingerprint::of(&File::open(&path).unwrap()).unwrap();
        assert!(short.can_grow() && !long.can_grow());
        assert!(fits(short) && fits(long));
        std::fs::write(&path, "two\n").unwrap();
        assert!(!fits(short) && !fits(long));
        std::fs::write(&path, "").unwrap();
        assert!(!fits(short) && fits(Fingerprint::default()));
    }
}
