//! Drops whole hours that are older than the retention time, but for tables that are kept, and deletes files that no query reads any more.
//!
//! Small files are not merged: a table keeps the files that its seals wrote.

use std::{sync::Arc, time::Duration};

use spandrel_proto::model::Table;

use crate::{
    delta::{CatalogError, Commit, HOUR_COLUMN, Remove},
    error::SealError,
    hour::{hour_bounds_ns, hour_index},
    seal::SealContext,
    snapshot::DataFile,
    stats::add,
};

const NANOS_PER_MILLI: i64 = 1_000_000;
/// Files dropped by one commit, and deleted by one run.
const MAX_FILES_PER_RUN: usize = 1000;

/// What maintenance is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetentionPolicy {
    /// Hours that ended longer ago than this are dropped; `None` keeps everything.
    pub(crate) retention: Option<Duration>,
    /// How long dropped files stay on disk for queries that still read them.
    pub(crate) grace: Duration,
}

/// One run over one table. Blocks.
pub(crate) fn run(context: &SealContext, table: Table, policy: RetentionPolicy) -> Result<(), SealError> {
    let now = context.clock.now_unix_nano();
    if let Some(retention) = policy.retention.filter(|_| !table.is_kept()) {
        drop_expired(context, table, now.saturating_sub(nanos(retention)), now)?;
    }
    delete_removed(context, table, now.saturating_sub(nanos(policy.grace)))
}

fn drop_expired(context: &SealContext, table: Table, cutoff: i64, now: i64) -> Result<(), SealError> {
    let files = context.tables.files(table);
    let expired: Vec<&Arc<DataFile>> =
        files.iter().filter(|file| is_expired(file, cutoff)).take(MAX_FILES_PER_RUN).collect();
    if expired.is_empty() {
        return Ok(());
    }
    let removed = expired.iter().map(|file| remove_action(table, file, now)).collect();
    let commit_error = |source: CatalogError| SealError::Commit { table, source: source.into() };
    let mut catalog = context.catalogs[table].lock();
    catalog.commit(Commit { operation: "DELETE", removed, ..Commit::default() }).map_err(commit_error)?;
    context.publish(table, catalog.as_mut(), Default::default());
    add(&context.counters.expired_files, expired.len() as u64);
    Ok(())
}

/// Whether the whole hour of the file is before `cutoff`.
fn is_expired(file: &DataFile, cutoff: i64) -> bool {
    let (_, end) = hour_bounds_ns(hour_index(file.max_time));
    end < cutoff
}

fn remove_action(table: Table, file: &DataFile, now: i64) -> Remove {
    let path = file.path.as_ref().trim_start_matches(table.name()).trim_start_matches('/').to_owned();
    Remove {
        path,
        deletion_timestamp: Some(now / NANOS_PER_MILLI),
        data_change: true,
        extended_file_metadata: Some(true),
        partition_values: Some([(HOUR_COLUMN.to_owned(), Some(file.hour.clone()))].into()),
        size: i64::try_from(file.size_bytes).ok(),
    }
}

fn delete_removed(context: &SealContext, table: Table, cutoff: i64) -> Result<(), SealError> {
    let mut catalog = context.catalogs[table].lock();
    let deletable: Vec<String> = catalog
        .removed()
        .into_iter()
        .filter(|remove| remove.deletion_timestamp.unwrap_or(0) <= cutoff / NANOS_PER_MILLI)
        .take(MAX_FILES_PER_RUN)
        .map(|remove| remove.path.clone())
        .collect();
    for path in &deletable {
        context.directories[table].remove(path)?;
    }
    catalog.forget_removed(&deletable);
    Ok(())
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
