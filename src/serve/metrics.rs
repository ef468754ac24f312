//! The server's own metrics, read from the parts when they are asked for.

use std::sync::Arc;

use parking_lot::Mutex;
use spandrel_collector::{Receiver, SourceStats, Transport};
use spandrel_normalize::format::LineReason;
use spandrel_proto::{
    model::Table,
    wire::{RejectReason, Repair, otlp::Signal},
};
use spandrel_query::{AnalystStats, Engine};
use spandrel_store::{Store, StoreStats, TableStats};

use super::{
    exposition::{Family, Kind},
    sources::SourceView,
};

/// The parts that have something to say.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) store: Arc<Store>,
    pub(super) receiver: Arc<Receiver>,
    pub(super) engine: Arc<Engine>,
    pub(super) lines: Vec<SourceView>,
    /// Why sources of lines ended that should run.
    pub(super) source_failures: Arc<Mutex<Vec<String>>>,
    /// None if the live analysis is switched off.
    pub(super) analyst: Option<Arc<AnalystStats>>,
}

impl Sources {
    pub(super) fn collect(&self) -> Vec<Family> {
        let mut families = vec![
            Family::new(Kind::Gauge, "spandrel_build_info", "The version that runs.")
                .with(&[("version", env!("CARGO_PKG_VERSION"))], 1.0),
        ];
        self.collect_receiver(&mut families);
        self.collect_lines(&mut families);
        collect_tables(&self.store.stats(), &mut families);
        collect_store(&self.store.stats(), &mut families);
        self.collect_engine(&mut families);
        if let Some(stats) = &self.analyst {
            for (kind, name, help, value) in ANALYSIS_METRICS {
                families.push(Family::new(*kind, name, help).with(&[], value(stats) as f64));
            }
        }
        families
    }

    fn collect_receiver(&self, families: &mut Vec<Family>) {
        let stats = self.receiver.stats();
        let mut requests =
            Family::new(Kind::Counter, "spandrel_receiver_requests_total", "Requests whose records were stored.");
        let mut records = Family::new(Kind::Counter, "spandrel_receiver_records_total", "Records stored.");
        let mut bytes = Family::new(
            Kind::Counter,
            "spandrel_receiver_bytes_total",
            "Bytes of requests taken, after decompression.",
        );
        let mut rejected =
            Family::new(Kind::Counter, "spandrel_receiver_rejected_records_total", "Records refused, by reason.");
        let mut repaired = Family::new(
            Kind::Counter,
            "spandrel_receiver_repairs_total",
            "Things mended in records that were stored, by kind.",
        );
        for signal in Signal::ALL {
            let name = signal.name();
            for transport in [Transport::Grpc, Transport::Http] {
                let labels = [("transport", transport.label()), ("signal", name)];
                requests = requests.with(&labels, stats.accepted(transport, signal) as f64);
            }
            records = records.with(&[("signal", name)], stats.records(signal) as f64);
            bytes = bytes.with(&[("signal", name)], stats.bytes(signal) as f64);
            for reason in RejectReason::ALL {
                let count = stats.rejected(signal, reason);
                rejected = rejected.with(&[("signal", name), ("reason", reason.label())], count as f64);
            }
            for repair in Repair::ALL {
                let count = stats.repaired(signal, repair);
                repaired = repaired.with(&[("signal", name), ("repair", repair.label())], count as f64);
            }
        }
        let mut refused = Family::new(
            Kind::Counter,
            "spandrel_receiver_refused_requests_total",
            "Requests refused whole, by reason.",
        );
        for (transport, reason, count) in stats.refused() {
            refused = refused.with(&[("transport", transport.label()), ("reason", reason)], count as f64);
        }
        let duplicates = Family::counter(
            "spandrel_receiver_duplicate_spans_total",
            "Spans that were stored before and were not stored again.",
            stats.duplicates(),
        );
        let inflight = Family::gauge(
            "spandrel_receiver_inflight_bytes",
            "Bytes of requests being worked on.",
            self.receiver.admission().used() as f64,
        );
        families.extend([requests, records, bytes, rejected, repaired, refused, duplicates, inflight]);
    }

    fn collect_lines(&self, families: &mut Vec<Family>) {
        for (kind, name, help, value) in LINE_METRICS {
            let mut family = Family::new(*kind, name, help);
            for source in &self.lines {
                family = family.with(&[("source", &source.name)], value(&source.stats) as f64);
            }
            families.push(family);
        }
        let mut rejected =
            Family::new(Kind::Counter, "spandrel_lines_rejected_total", "Lines refused, by source and reason.");
        for source in &self.lines {
            for reason in LineReason::ALL {
                let labels = [("source", source.name.as_str()), ("reason", reason.label())];
                rejected = rejected.with(&labels, source.stats.rejected(reason) as f64);
            }
        }
        families.push(rejected);
        let counts = self.receiver.pipeline().counts();
        let mut redactions = Family::new(Kind::Counter, "spandrel_redactions_total", "Secrets taken out, by rule.");
        for (rule, count) in &counts.redactions {
            redactions = redactions.with(&[("rule", rule)], *count as f64);
        }
        let mut events = Family::new(Kind::Counter, "spandrel_breaker_events_total", "Rows of breakers, by system.");
        for (system, count) in &counts.breaker_events {
            events = events.with(&[("system", system)], *count as f64);
        }
        families.extend([redactions, events]);
    }

    fn collect_engine(&self, families: &mut Vec<Family>) {
        let running = self.engine.running_queries() as f64;
        let memory = self.engine.memory_used() as f64;
        families.push(Family::gauge(
            "spandrel_query_running",
            "Queries that run, without those of the live analysis.",
            running,
        ));
        families.push(Family::gauge("spandrel_query_memory_bytes", "Memory that operators of queries hold.", memory));
    }
}

/// Name, help and value of a metric of the live analysis.
type AnalysisMetric = (Kind, &'static str, &'static str, fn(&AnalystStats) -> u64);

const ANALYSIS_METRICS: &[AnalysisMetric] = &[
    (Kind::Counter, "spandrel_analysis_spans_total", "Spans analysed as they came in.", AnalystStats::spans),
    (
        Kind::Counter,
        "spandrel_analysis_missed_rows_total",
        "Rows that came faster than they could be analysed; their minutes are computed from storage later.",
        AnalystStats::missed,
    ),
    (
        Kind::Counter,
        "spandrel_analysis_corrections_total",
        "Traces counted again because spans came late.",
        AnalystStats::corrections,
    ),
    (Kind::Counter, "spandrel_analysis_minutes_written_total", "Minutes written.", AnalystStats::minutes_written),
    (
        Kind::Counter,
        "spandrel_analysis_minutes_recomputed_total",
        "Minutes computed from storage.",
        AnalystStats::minutes_recomputed,
    ),
    (
        Kind::Counter,
        "spandrel_analysis_write_failures_total",
        "Times that rollups or findings could not be stored at once.",
        AnalystStats::write_failures,
    ),
    (Kind::Gauge, "spandrel_analysis_open_findings", "Findings that are open.", AnalystStats::open_findings),
    (Kind::Gauge, "spandrel_analysis_memory_bytes", "Memory of the live analysis.", AnalystStats::memory_bytes),
];

/// Name, help and value of a metric that every source of lines has.
type LineMetric = (Kind, &'static str, &'static str, fn(&SourceStats) -> u64);

const LINE_METRICS: &[LineMetric] = &[
    (Kind::Counter, "spandrel_lines_total", "Lines stored or refused.", SourceStats::lines),
    (Kind::Counter, "spandrel_lines_bytes_total", "Bytes of those lines.", SourceStats::bytes),
    (Kind::Counter, "spandrel_lines_requests_total", "Rows of requests stored.", SourceStats::requests),
    (Kind::Counter, "spandrel_lines_logs_total", "Rows of logs stored.", SourceStats::logs),
    (Kind::Counter, "spandrel_lines_retries_total", "Batches that had to be stored again.", SourceStats::retries),
    (Kind::Counter, "spandrel_lines_lost_total", "Lines given up at stop.", SourceStats::lost),
    (
        Kind::Counter,
        "spandrel_lines_dropped_datagrams_total",
        "Datagrams that came faster than they could be stored.",
        SourceStats::dropped_datagrams,
    ),
    (Kind::Counter, "spandrel_lines_bad_frames_total", "Connections with broken framing.", SourceStats::bad_frames),
    (
        Kind::Counter,
        "spandrel_lines_refused_connections_total",
        "Connections refused.",
        SourceStats::refused_connections,
    ),
    (Kind::Counter, "spandrel_lines_truncations_total", "Files begun again.", SourceStats::truncations),
    (
        Kind::Counter,
        "spandrel_lines_failed_checkpoints_total",
        "Checkpoints that could not be written.",
        SourceStats::failed_checkpoints,
    ),
    (Kind::Gauge, "spandrel_lines_connections", "Connections open.", SourceStats::connections),
    (Kind::Gauge, "spandrel_lines_files", "Files followed.", SourceStats::files),
    (Kind::Gauge, "spandrel_lines_open_files", "Files open.", SourceStats::open_files),
    (Kind::Gauge, "spandrel_lines_lag_bytes", "Bytes of followed files that are not stored.", SourceStats::lag_bytes),
];

/// Name, help and value of a metric that every table has.
type TableMetric = (Kind, &'static str, &'static str, fn(&TableStats) -> u64);

const TABLE_METRICS: &[TableMetric] = &[
    (Kind::Counter, "spandrel_store_appended_rows_total", "Rows stored.", |table| table.appended_rows),
    (Kind::Counter, "spandrel_store_sealed_rows_total", "Rows written to files.", |table| table.sealed_rows),
    (Kind::Gauge, "spandrel_store_hot_rows", "Rows in memory.", |table| table.hot_rows),
    (Kind::Gauge, "spandrel_store_hot_bytes", "Bytes of rows in memory.", |table| table.hot_bytes),
    (Kind::Gauge, "spandrel_store_files", "Live files.", |table| table.files),
    (Kind::Gauge, "spandrel_store_file_rows", "Rows in live files.", |table| table.file_rows),
    (Kind::Gauge, "spandrel_store_file_bytes", "Bytes of live files.", |table| table.file_bytes),
];

fn collect_tables(stats: &StoreStats, families: &mut Vec<Family>) {
    for (kind, name, help, value) in TABLE_METRICS {
        let mut family = Family::new(*kind, name, help);
        for table in Table::ALL {
            family = family.with(&[("table", table.name())], value(stats.table(table)) as f64);
        }
        families.push(family);
    }
}

fn collect_store(stats: &StoreStats, families: &mut Vec<Family>) {
    let counters: [(&'static str, &'static str, u64); 9] = [
        ("spandrel_wal_written_bytes_total", "Bytes written to the write-ahead log.", stats.wal_written_bytes),
        ("spandrel_wal_fsyncs_total", "Times the write-ahead log was forced to disk.", stats.wal_fsyncs),
        ("spandrel_wal_groups_total", "Groups written to the write-ahead log.", stats.wal_groups),
        ("spandrel_wal_records_total", "Records in those groups.", stats.wal_group_records),
        ("spandrel_wal_write_failures_total", "Failed writes of the write-ahead log.", stats.wal_write_failures),
        ("spandrel_wal_replayed_rows_total", "Rows read back from the write-ahead log at start.", stats.replayed_rows),
        ("spandrel_store_overloaded_total", "Appends refused at a bound in bytes.", stats.overloaded),
        ("spandrel_store_seals_total", "Times rows were written to files.", stats.seals),
        ("spandrel_store_seal_failures_total", "Times that failed.", stats.seal_failures),
    ];
    families.extend(counters.map(|(name, help, value)| Family::counter(name, help, value)));
    families.extend([
        Family::new(Kind::Counter, "spandrel_wal_fsync_seconds_total", "Time spent forcing the log to disk.")
            .with(&[], stats.wal_fsync_time.as_secs_f64()),
        Family::new(Kind::Counter, "spandrel_store_seal_seconds_total", "Time spent writing rows to files.")
            .with(&[], stats.seal_time.as_secs_f64()),
        Family::gauge("spandrel_wal_bytes", "Size of the write-ahead log.", stats.wal_bytes as f64),
        Family::gauge("spandrel_wal_segments", "Segments of the write-ahead log.", stats.wal_segments as f64),
        Family::gauge(
            "spandrel_wal_corrupt_segments",
            "Damaged segments of the write-ahead log that were set aside.",
            stats.wal_corrupt_segments as f64,
        ),
    ]);
    if let Some(free) = stats.free_disk_bytes {
        families.push(Family::gauge(
            "spandrel_disk_free_bytes",
            "Free space on the data directory's disk.",
            free as f64,
        ));
    }
}
