//! The write-ahead log: what has been acknowledged and is not yet in files.
//!
//! # Bytes on disk, version 1
//!
//! Segments are the files `wal/<first sequence, 20 decimal digits>.wal`. Integers are little-endian.
//!
//! | segment header (24 bytes) | |
//! |---|---|
//! | magic | `SPNDRWAL` |
//! | version | `u8`, 1 |
//! | reserved | 3 bytes, zero |
//! | first sequence | `u64`; every record of the segment has this sequence or a larger one |
//! | checksum | CRC-32C of the 20 bytes before it |
//!
//! | record, repeated to the end of the file | |
//! |---|---|
//! | length | `u32`, of the payload; never 0 |
//! | table | `u8`, [`Table::code`](spandrel_proto::model::Table::code) |
//! | sequence | `u64`, larger than that of every record before it, in this and in earlier segments |
//! | payload | one Arrow IPC stream of a schema and one batch; columns that are null throughout are left out |
//! | checksum | CRC-32C of the payload followed by the 13 bytes of length, table and sequence |
//!
//! # Writing
//!
//! One thread writes. It takes whatever has queued up as one group, writes it with one vectored write and one
//! `fdatasync`, makes the rows visible in sequence order, and only then answers the senders (D-1). A segment is closed
//! when it reaches its size, and synced before the next one is created, so only the last segment can end in a torn
//! record. A write that fails is taken back by truncating the segment. After a failed `fsync` nothing is written any
//! more: what the page cache holds and what the disk holds may differ, and only reading it again tells.
//!
//! # Reading back
//!
//! Records are taken from the position that each table's Delta log records, never by age (D-2). A bad record that ends
//! the last segment is a write that was cut short and never acknowledged: it is truncated away. Any other bad record is
//! damage: the segment is kept aside as `<name>.corrupt`, every record that can still be read is used and kept, and the
//! damage is counted and logged. The records of a segment are deleted with it, once all of them are in files.

pub(crate) mod duplicates;
pub(crate) mod format;
pub(crate) mod group;
pub(crate) mod payload;
pub(crate) mod reader;
pub(crate) mod recovery;
pub(crate) mod segment;
pub(crate) mod segments;
pub(crate) mod writer;

/// The directory of the log inside the data directory.
pub(crate) const DIRECTORY: &str = "wal";
