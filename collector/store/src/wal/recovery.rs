//! Reads the log back when a store is opened.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use spandrel_proto::model::Table;

use super::{
    format::{HeaderProblem, SEGMENT_HEADER_LEN, encode_segment_header},
    payload::{self, Decoded},
    reader::{Next, Record, SegmentReader},
    segment::first_sequence_of,
    segments::SegmentInfo,
};
use crate::{
    error::OpenError,
    files::{self, Context, FileError},
    per_table::PerTable,
};

/// Ending of what is kept of damaged segments.
const CORRUPT_ENDING: &str = "corrupt";

/// Takes the rows that are in no file yet, in sequence order.
pub(crate) trait ReplaySink {
    fn replay(&mut self, table: Table, sequence: u64, rows: Decoded) -> Result<(), OpenError>;
}

/// Whether recovery may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repair {
    /// Torn tails are truncated, damaged segments rewritten.
    Yes,
    /// Nothing on disk changes.
    No,
}

/// What recovery found.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    pub(crate) segments: Vec<SegmentInfo>,
    /// The largest sequence in the log, 0 if it is empty.
    pub(crate) last_sequence: u64,
    /// Damaged segments kept aside, by this recovery or an earlier one.
    pub(crate) corrupt_segments: u64,
    pub(crate) replayed_rows: u64,
}

/// Hands the records behind `positions` to `sink` (D-2).
pub(crate) fn recover(
    directory: &Path,
    positions: &PerTable<u64>,
    repair: Repair,
    sink: &mut dyn ReplaySink,
) -> Result<Recovered, OpenError> {
    if repair == Repair::Yes {
        files::remove_unfinished(directory)?;
    }
    let paths = files::list(directory)?;
    let mut recovered = Recovered {
        corrupt_segments: paths.iter().filter(|path| path.extension().is_some_and(|e| e == CORRUPT_ENDING)).count()
            as u64,
        ..Recovered::default()
    };
    let segments: Vec<(u64, PathBuf)> =
        paths.into_iter().filter_map(|path| Some((first_sequence_of(&path)?, path))).collect();
    for (index, (first_sequence, path)) in segments.iter().enumerate() {
        let is_last = index + 1 == segments.len();
        let mut replay = Replay { positions, sink: &mut *sink, recovered: &mut recovered };
        let scanned = replay.segment(path)?;
        let ended_in = Ending::of(&scanned, is_last);
        if ended_in == Ending::Damaged {
            tracing::error!(
                segment = %path.display(),
                offset = scanned.damage.unwrap_or_default(),
                "the write-ahead log is damaged; every readable record is used, the damaged segment is kept aside"
            );
            recovered.corrupt_segments += 1;
        }
        if repair == Repair::Yes
            && let Some(info) = settle(path, *first_sequence, &scanned, ended_in)?
        {
            recovered.segments.push(info);
        }
    }
    if repair == Repair::Yes {
        files::sync_directory(directory)?;
    }
    Ok(recovered)
}

/// What reading a segment to its end showed.
#[derive(Debug, Default)]
struct Scanned {
    len: u64,
    /// Stretches of good records.
    good: Vec<(u64, u64)>,
    last: PerTable<u64>,
    /// Where the first damage is.
    damage: Option<u64>,
    /// Whether the damage is only at the end.
    only_tail: bool,
}

impl Scanned {
    fn add(&mut self, record: &Record) {
        match self.good.last_mut() {
            Some((_, end)) if *end == record.start => *end = record.end,
            _ => self.good.push((record.start, record.end)),
        }
        self.last[record.table] = record.sequence;
    }

    fn add_damage(&mut self, start: u64, is_tail: bool) {
        self.only_tail = is_tail && self.damage.is_none();
        self.damage = self.damage.or(Some(start));
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Whole,
    /// A write that was cut short.
    Torn,
    Damaged,
}

impl Ending {
    fn of(scanned: &Scanned, is_last: bool) -> Self {
        match scanned.damage {
            None => Ending::Whole,
            Some(_) if is_last && scanned.only_tail => Ending::Torn,
            Some(_) => Ending::Damaged,
        }
    }
}

struct Replay<'a> {
    positions: &'a PerTable<u64>,
    sink: &'a mut dyn ReplaySink,
    recovered: &'a mut Recovered,
}

impl Replay<'_> {
    fn segment(&mut self, path: &Path) -> Result<Scanned, OpenError> {
        let (mut reader, header) = SegmentReader::open(path, self.recovered.last_sequence).context("open", path)?;
        let mut scanned = Scanned { len: fs::metadata(path).context("read", path)?.len(), ..Scanned::default() };
        match header {
            Ok(_) => {}
            Err(HeaderProblem::Version(version)) => {
                return Err(OpenError::WalVersion { path: path.to_owned(), version });
            }
            Err(HeaderProblem::Damaged) => scanned.add_damage(0, scanned.len <= SEGMENT_HEADER_LEN as u64),
        }
        loop {
            match reader.next().context("read", path)? {
                Next::Record(record) => match self.record(&record)? {
                    true => scanned.add(&record),
                    false => scanned.add_damage(record.start, false),
                },
                Next::Skipped { start } => scanned.add_damage(start, false),
                Next::BadTail { start } => scanned.add_damage(start, true),
                Next::End => return Ok(scanned),
            }
        }
    }

    /// Whether the record can be used.
    fn record(&mut self, record: &Record) -> Result<bool, OpenError> {
        self.recovered.last_sequence = self.recovered.last_sequence.max(record.sequence);
        if record.sequence <= self.positions[record.table] {
            return Ok(true);
        }
        match payload::decode(record.table, &record.payload) {
            Ok(rows) => {
                self.recovered.replayed_rows += rows.batch.num_rows() as u64;
                self.sink.replay(record.table, record.sequence, rows)?;
                Ok(true)
            }
            Err(error) => {
                let (table, sequence) = (record.table, record.sequence);
                tracing::error!(%table, sequence, %error, "cannot decode a record of the write-ahead log");
                Ok(false)
            }
        }
    }
}

/// Leaves only good records under the segment's name, and says what is in it, unless nothing is.
fn settle(
    path: &Path,
    first_sequence: u64,
    scanned: &Scanned,
    ending: Ending,
) -> Result<Option<SegmentInfo>, FileError> {
    match ending {
        Ending::Whole => {}
        Ending::Torn => truncate(path, scanned.damage.unwrap_or_default())?,
        Ending::Damaged => set_aside(path, first_sequence, scanned)?,
    }
    if scanned.good.is_empty() {
        files::remove(path)?;
        return Ok(None);
    }
    let bytes = fs::metadata(path).context("read", path)?.len();
    Ok(Some(SegmentInfo { path: path.to_owned(), bytes, last: scanned.last }))
}

fn truncate(path: &Path, len: u64) -> Result<(), FileError> {
    File::options()
        .write(true)
        .open(path)
        .and_then(|file| {
            file.set_len(len)?;
            file.sync_all()
        })
        .context("truncate", path)
}

/// Keeps the damaged segment under another name, and puts its good records in its place.
fn set_aside(path: &Path, first_sequence: u64, scanned: &Scanned) -> Result<(), FileError> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".");
    aside.push(CORRUPT_ENDING);
    match fs::hard_link(path, &aside) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        linked => linked.context("keep a copy of", path)?,
    }
    let damaged = fs::read(path).context("read", path)?;
    let mut kept = Vec::with_capacity(damaged.len());
    kept.extend_from_slice(&encode_segment_header(first_sequence));
    for (start, end) in &scanned.good {
        // The stretches were read from this file, so they are inside it and it fits in memory's address space.
        kept.write_all(&damaged[*start as usize..*end as usize]).context("copy", path)?;
    }
    files::replace(path, &kept)
}
