//! What the write-ahead log makes of bytes that are not as they were written.

use std::{fs, path::Path, sync::Arc};

use spandrel_proto::model::Table;

use crate::{
    OpenError, Store,
    testing::{ManualClock, NOW, append, copy_directory, ids, open, quiet_config, segments},
    wal::format::SEGMENT_HEADER_LEN,
};

/// A directory with one segment of three records of two logs each, and where its records end.
async fn three_records() -> (tempfile::TempDir, Vec<u64>) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let mut ends = vec![SEGMENT_HEADER_LEN as u64];
    for first in [0, 2, 4] {
        append(&store, Table::Logs, first..first + 2).await;
        ends.push(fs::metadata(&segments(directory.path())[0]).unwrap().len());
    }
    (copy_directory(directory.path()), ends)
}

async fn reopened_ids(directory: &Path) -> (Vec<u64>, Arc<Store>) {
    let store = open(directory).await;
    (ids(directory, &store.snapshot(), Table::Logs), store)
}

#[tokio::test]
async fn a_torn_tail_costs_only_the_torn_record_wherever_it_is_torn() {
    let (directory, ends) = three_records().await;
    let whole = fs::read(&segments(directory.path())[0]).unwrap();
    let mut cuts: Vec<u64> = (ends[2]..ends[2] + 32).chain(ends[3] - 32..ends[3]).collect();
    cuts.extend((ends[2]..ends[3]).step_by(131));
    cuts.extend(0..SEGMENT_HEADER_LEN as u64 + 2);
    for cut in cuts {
        let torn = torn_copy(directory.path(), &whole[..cut as usize]);
        let expected: Vec<u64> = if cut >= ends[2] { (0..4).collect() } else { Vec::new() };
        let (found, store) = reopened_ids(torn.path()).await;
        assert_eq!(found, expected, "cut at {cut}");
        assert_eq!(store.stats().wal_corrupt_segments, 0, "cut at {cut}: a torn tail is no damage");
        append(&store, Table::Logs, 10..11).await;
        let again = copy_directory(torn.path());
        let (found, store) = reopened_ids(again.path()).await;
        assert_eq!(found, [expected, vec![10]].concat(), "cut at {cut}, written to and opened again");
        assert_eq!(store.stats().wal_corrupt_segments, 0, "cut at {cut}");
    }
}

fn torn_copy(from: &Path, segment: &[u8]) -> tempfile::TempDir {
    let torn = tempfile::tempdir().unwrap();
    let wal = torn.path().join(crate::wal::DIRECTORY);
    fs::create_dir(&wal).unwrap();
    fs::write(wal.join(segments(from)[0].file_name().unwrap()), segment).unwrap();
    torn
}

#[tokio::test]
async fn zeros_behind_the_last_record_are_a_torn_tail() {
    let (directory, _) = three_records().await;
    let mut padded = fs::read(&segments(directory.path())[0]).unwrap();
    padded.extend([0; 4096]);
    let torn = torn_copy(directory.path(), &padded);
    let (found, store) = reopened_ids(torn.path()).await;
    assert_eq!((found, store.stats().wal_corrupt_segments), ((0..6).collect(), 0));
}

#[tokio::test]
async fn damage_in_the_middle_costs_only_what_is_damaged_and_is_kept_aside() {
    let (directory, ends) = three_records().await;
    let segment = segments(directory.path())[0].clone();
    let mut bytes = fs::read(&segment).unwrap();
    bytes[(ends[1] + 100) as usize] ^= 1;
    fs::write(&segment, &bytes).unwrap();

    for opened in 0..3 {
        let (found, store) = reopened_ids(directory.path()).await;
        assert_eq!(found, [0, 1, 4, 5], "opened {opened} times before");
        assert_eq!(store.stats().wal_corrupt_segments, 1, "counted once, and as long as it is kept");
        assert_eq!(store.health(), Ok(()));
        if opened == 1 {
            store.seal().await.unwrap();
        }
        store.close().await.unwrap();
    }
    let aside = segment.with_extension("wal.corrupt");
    assert_eq!(fs::read(aside).unwrap(), bytes, "the damaged bytes are there to look at");
}

#[tokio::test]
async fn a_bad_record_that_ends_an_earlier_segment_is_damage() {
    let (directory, ends) = three_records().await;
    let (found, store) = reopened_ids(directory.path()).await;
    assert_eq!(found.len(), 6);
    append(&store, Table::Logs, 6..8).await;
    let crashed = copy_directory(directory.path());
    let [first, second] = &segments(crashed.path())[..] else { panic!("two segments") };
    let bytes = fs::read(first).unwrap();
    fs::write(first, &bytes[..ends[3] as usize - 1]).unwrap();
    assert!(second.exists());
    let (found, store) = reopened_ids(crashed.path()).await;
    assert_eq!(found, [0, 1, 2, 3, 6, 7]);
    assert_eq!(store.stats().wal_corrupt_segments, 1);
}

#[tokio::test]
async fn a_damaged_header_costs_no_record() {
    let (directory, _) = three_records().await;
    let segment = segments(directory.path())[0].clone();
    let mut bytes = fs::read(&segment).unwrap();
    bytes[3] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let (found, store) = reopened_ids(directory.path()).await;
    assert_eq!((found, store.stats().wal_corrupt_segments), ((0..6).collect(), 1));
}

#[tokio::test]
async fn a_segment_of_a_later_version_is_refused_and_left_alone() {
    let (directory, _) = three_records().await;
    let segment = segments(directory.path())[0].clone();
    let mut bytes = fs::read(&segment).unwrap();
    bytes[8] = 2;
    let checksum = crc32c::crc32c(&bytes[..SEGMENT_HEADER_LEN - 4]).to_le_bytes();
    bytes[SEGMENT_HEADER_LEN - 4..SEGMENT_HEADER_LEN].copy_from_slice(&checksum);
    fs::write(&segment, &bytes).unwrap();
    let refused = Store::open(quiet_config(directory.path()), ManualClock::at(NOW)).await.unwrap_err();
    assert!(matches!(refused, OpenError::WalVersion { version: 2, .. }), "{refused}");
    assert_eq!(fs::read(&segment).unwrap(), bytes);
}

const GOLDEN_V1: &[u8] = include_bytes!("../../testdata/wal-v1.wal");

/// Version 1 of the format, as it was written when it was defined.
#[tokio::test]
async fn segments_of_version_1_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let wal = directory.path().join(crate::wal::DIRECTORY);
    fs::create_dir(&wal).unwrap();
    fs::write(wal.join("00000000000000000001.wal"), GOLDEN_V1).unwrap();
    let store = open(directory.path()).await;
    assert_eq!(store.stats().wal_corrupt_segments, 0);
    for table in [Table::Spans, Table::Logs, Table::Metrics] {
        let expected = crate::testing::batch(table, 0..6);
        assert_eq!(crate::testing::all_rows(directory.path(), &store.snapshot(), table), expected);
    }
}

/// Run with `--ignored` to write the golden segment of the current version.
#[tokio::test]
#[ignore = "writes a file of the source tree"]
async fn write_the_golden_segment() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    for table in Table::ALL {
        append(&store, table, 0..6).await;
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/wal-v1.wal");
    fs::copy(&segments(directory.path())[0], target).unwrap();
}
