//! How far files are stored: one JSON file per source, replaced whole.
//!
//! `{"version":1,"files":[{"path":"...","inode":{"device":1,"number":2},"fingerprint":{"bytes":1024,"crc32":3},"offset":4}]}`.
//! An offset is where the first line begins that is not known to be durable.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::identity::{Fingerprint, Inode};

const VERSION: u32 = 1;

/// How far one file is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) inode: Inode,
    pub(super) fingerprint: Fingerprint,
    pub(super) offset: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Document {
    version: u32,
    files: Vec<Entry>,
}

/// The checkpoint file of one source.
#[derive(Debug)]
pub(super) struct Checkpoint {
    path: PathBuf,
}

impl Checkpoint {
    /// The file of the source, below `data_dir`. Letters that file names cannot have are written in hexadecimal.
    pub(super) fn new(data_dir: &Path, source: &str) -> Self {
        let mut name = String::new();
        for byte in source.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
                _ => name.push_str(&format!("%{byte:02x}")),
            }
        }
        Self { path: data_dir.join("tail").join(format!("{name}.json")) }
    }

    /// The entries written last. `None` when there never were any.
    pub(super) fn read(&self) -> io::Result<Option<Vec<Entry>>> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let document: Document = serde_json::from_reader(BufReader::new(file))?;
        if document.version != VERSION {
            let message = format!("checkpoint version {}, expected {VERSION}", document.version);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(Some(document.files))
    }

    /// Replaces the entries, durably and at once.
    pub(super) fn write(&self, files: Vec<Entry>) -> io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory)?;
        let unfinished = self.path.with_extension("json.tmp");
        let mut writer = BufWriter::new(File::create(&unfinished)?);
        serde_json::to_writer(&mut writer, &Document { version: VERSION, files })?;
        writer.flush()?;
        writer.get_ref().sync_all()?;
        fs::rename(&unfinished, &self.path)?;
        File::open(directory)?.sync_all()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_written_and_damage_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let checkpoint = Checkpoint::new(directory.path(), "edge/../a b");
        assert!(checkpoint.path().ends_with("tail/edge%2f%2e%2e%2fa%20b.json"));
        assert_eq!(checkpoint.read().unwrap(), None);
        let entry = Entry {
            path: "/var/log/a.log".into(),
            inode: Inode { device: 1, number: u64::MAX },
            fingerprint: Fingerprint::default(),
            offset: 7,
        };
        checkpoint.write(vec![entry.clone()]).unwrap();
        assert_eq!(checkpoint.read().unwrap(), Some(vec![entry]));
        fs::write(checkpoint.path(), "{\"version\":2,\"files\":[]}").unwrap();
        assert!(checkpoint.read().unwrap_err().to_string().contains("version 2"));
        fs::write(checkpoint.path(), "{").unwrap();
        assert!(checkpoint.read().is_err());
    }
}
