//! Graphs, critical paths and findings over stored spans, and the live analysis.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures::TryStreamExt;
use serde_json::{Value, json};
use spandrel_proto::model::{Clock, Table};
use spandrel_store::{Store, StoreConfig};
use tempfile::TempDir;

use super::support::{Fixture, HOUR, MINUTE, SECOND, Span, TEN, span_batch, trace_hex};
use crate::{
    Analyst, Engine, Limits,
    output::{Format, Writer},
};

const MS: i64 = 1_000_000;

/// A request of `shop` that calls `cart`, which fails where `outcome` says so.
fn request(trace: u128, start: i64, outcome: &'static str) -> Vec<Span> {
    let span = |span: u64, parent: Option<u64>, kind, service, (from, to): (i64, i64), outcome| Span {
        trace,
        span,
        parent,
        kind,
        service,
        start: start + from * MS,
        duration: (to - from) * MS,
        outcome,
        name: "GET",
        ..Span::default()
    };
    vec![
        span(1, None, "SERVER", "shop", (0, 100), "ok"),
        span(2, Some(1), "CLIENT", "shop", (10, 70), outcome),
        span(3, Some(2), "SERVER", "cart", (20, 60), outcome),
    ]
}

fn requests(count: u128, start: i64) -> Vec<Span> {
    let outcome = |trace: u128| if trace.is_multiple_of(5) { "server_fault" } else { "ok" };
    (0..count).flat_map(|trace| request(trace + 1, start + trace as i64 * SECOND, outcome(trace))).collect()
}

#[tokio::test]
async fn the_graph_counts_calls_from_both_sides() {
    let fixture = Fixture::new().await;
    fixture.append(&requests(50, TEN)).await;
    let edges = "SELECT source, target, kind, requests, failures, attempts, sync_ratio, coverage, client_requests, \
                 server_requests, gateway_requests, p50_ms, duration_sum_ns \
                 FROM service_graph('2026-11-20T10:00:00Z', '2026-11-20T11:00:00Z') ORDER BY source DESC";
    let expected = json!([
        ["user", "shop", "entry", 50.0, 0.0, 50.0, 1.0, 0.0, null, 50.0, null, 100.0, 5_000_000_000_i64],
        ["shop", "cart", "sync", 50.0, 10.0, 50.0, 1.0, 1.0, 50.0, 50.0, null, 60.0, 3_000_000_000_i64],
    ]);
    assert_eq!(fixture.rows(edges).await, expected);
    fixture.seal().await;
    assert_eq!(fixture.rows(edges).await, expected, "from files");

    let part = "SELECT requests FROM service_graph('2026-11-20T10:00:10Z', '2026-11-20T10:00:20.015Z') \
                WHERE source = 'shop'";
    assert_eq!(fixture.rows(part).await, json!([[11.0]]), "calls that begin in the range, to the nanosecond");
    let differences = "SELECT change, source, target FROM graph_diff('2026-11-20T09:00:00Z', '2026-11-20T10:00:00Z', \
                       '2026-11-20T10:00:00Z', '2026-11-20T11:00:00Z') WHERE target IS NOT NULL ORDER BY 2";
    assert_eq!(fixture.rows(differences).await, json!([["new", "shop", "cart"], ["new", "user", "shop"]]));
    for wrong in ["service_graph('now')", "graph_diff('now', 'now')", "critical_path()", "findings('now', 'now-1h')"] {
        let error = fixture.error(&format!("SELECT * FROM {wrong}")).await.to_string();
        assert!(error.contains(wrong.split('(').next().unwrap()), "{wrong}: {error}");
    }
}

#[tokio::test]
async fn the_critical_path_is_a_partition_of_the_request() {
    let fixture = Fixture::new().await;
    fixture.append(&requests(10, TEN)).await;
    let path = format!("SELECT service_name, duration_ns FROM critical_path('{}')", trace_hex(1));
    let parts = json!([["shop", 10 * MS], ["shop", 10 * MS], ["cart", 40 * MS], ["shop", 10 * MS], ["shop", 30 * MS]]);
    assert_eq!(fixture.rows(&path).await, parts);
    let owners = "SELECT entry_service, service_name, sum(exclusive_ns), sum(share) \
                  FROM critical_path('2026-11-20T10:00:00Z', '2026-11-20T11:00:00Z') GROUP BY 1, 2 ORDER BY 2";
    assert_eq!(fixture.rows(owners).await, json!([["shop", "cart", 400 * MS, 0.4], ["shop", "shop", 600 * MS, 0.6]]));
}

#[tokio::test]
async fn findings_of_a_range_come_with_evidence_and_sql_that_runs() {
    let fixture = Fixture::new().await;
    // Every request of cart asks its database for one product after the other.
    let mut spans = Vec::new();
    for trace in 0..240_u128 {
        let start = TEN + trace as i64 * SECOND;
        let base = Span { trace: trace + 1, start, ..Span::default() };
        spans.push(Span { span: 1, service: "cart", duration: 200 * MS, route: Some("/cart"), ..base.clone() });
        for query in 0..12_u64 {
            spans.push(Span {
                span: 10 + query,
                parent: Some(1),
                kind: "CLIENT",
                service: "cart",
                name: "SELECT products",
                start: start + (2 + 15 * query as i64) * MS,
                duration: 14 * MS,
                attributes: vec![("db.query.summary", "SELECT products"), ("server.address", "cart-db")],
                ..base.clone()
            });
        }
    }
    fixture.append(&spans).await;
    let found = fixture
        .rows(
            "SELECT kind, subject, severity, score, evidence, examples, sql, remedy, closed IS NULL \
             FROM findings('2026-11-20T10:00:00Z', '2026-11-20T10:04:00Z')",
        )
        .await;
    let found = found.as_array().unwrap();
    let kinds: Vec<&str> = found.iter().map(|row| row[0].as_str().unwrap()).collect();
    assert!(kinds.contains(&"N_PLUS_ONE"), "{found:#?}");
    for row in found {
        let evidence: Value = serde_json::from_str(row[4].as_str().unwrap()).unwrap();
        assert!(evidence["samples"].as_u64().unwrap() > 0, "{evidence}");
        assert!(!row[7].as_str().unwrap().is_empty());
        let sql = row[6].as_str().unwrap();
        let shown = fixture.rows(sql).await;
        assert!(!shown.as_array().unwrap().is_empty(), "{sql} shows nothing");
    }
    let quiet = "SELECT count(*) FROM findings('2026-11-20T12:00:00Z', '2026-11-20T13:00:00Z')";
    assert_eq!(fixture.rows(quiet).await, json!([[0]]));
}

#[tokio::test]
async fn findings_of_more_minutes_than_memory_holds_are_found() {
    const MEMORY: usize = 96 << 20;
    let limits = Limits { threads: 2, query_memory: MEMORY, total_memory: MEMORY, ..Limits::default() };
    let fixture = Fixture::with_limits(limits).await;
    let services: Vec<&'static str> = (0..100).map(|number| &*format!("service-{number}").leak()).collect();
    // Each service calls the five after it, so that there are cycles.
    for minute in 0..60 {
        let mut spans = Vec::new();
        for call in 0..1000_usize {
            let start = TEN + minute * MINUTE + call as i64 * 59 * MS;
            let base = Span { trace: (minute as u128 * 1000 + call as u128) + 1, start, ..Span::default() };
            let (caller, callee) = (services[call % 100], services[(call % 100 + call / 200 + 1) % 100]);
            let client = Span { span: 2, parent: Some(1), kind: "CLIENT", service: caller, ..base.clone() };
            spans.push(Span { service: caller, duration: 10 * MS, route: Some("/"), ..base.clone() });
            spans.push(Span { start: start + MS, ..client });
            spans.push(Span { span: 3, parent: Some(2), service: callee, start: start + 2 * MS, duration: MS, ..base });
        }
        fixture.append(&spans).await;
    }
    fixture.seal().await;
    let found = fixture
        .rows(
            "SELECT kind, bool_or(evidence LIKE '%Memory held no more than%') \
             FROM findings('2026-11-20T10:00:00Z', '2026-11-20T11:00:00Z') GROUP BY 1 ORDER BY 1",
        )
        .await;
    assert_eq!(found, json!([["CYCLE", true]]));
}

/// A clock that goes when it is told to.
#[derive(Debug)]
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now_unix_nano(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A store with a live analysis.
struct Live {
    store: Arc<Store>,
    engine: Arc<Engine>,
    analyst: Option<Analyst>,
    clock: Arc<HandClock>,
}

impl Live {
    async fn open(directory: &TempDir, now: i64) -> Live {
        Live::open_with(directory, now, Limits { threads: 2, ..Limits::default() }).await
    }

    async fn open_with(directory: &TempDir, now: i64, limits: Limits) -> Live {
        let mut live = Live::without_analysis(directory, now, limits).await;
        live.analyse();
        live
    }

    async fn without_analysis(directory: &TempDir, now: i64, limits: Limits) -> Live {
        let clock = Arc::new(HandClock(AtomicI64::new(now)));
        let config =
            StoreConfig { data_dir: directory.path().to_owned(), min_free_disk_bytes: 0, ..StoreConfig::default() };
        let store = Store::open(config, clock.clone()).await.unwrap();
        let engine = Engine::new(store.clone(), limits, clock.clone()).unwrap();
        Live { store, engine, analyst: None, clock }
    }

    fn analyse(&mut self) {
        self.analyst = Some(Analyst::start(self.store.clone(), &self.engine, self.clock.clone()).unwrap());
    }

    async fn append(&self, spans: &[Span]) {
        self.store.append(Table::Spans, span_batch(spans)).await.unwrap();
    }

    async fn rows(&self, sql: &str) -> Value {
        let mut stream = self.engine.sql(sql).await.unwrap();
        let schema = stream.schema();
        let mut text = Vec::new();
        let mut writer = Writer::begin(Format::Json, &schema, &mut text).unwrap();
        while let Some(batch) = stream.try_next().await.unwrap() {
            writer.batch(&batch, &mut text).unwrap();
        }
        writer.end(&stream.stats(), &mut text).unwrap();
        serde_json::from_slice::<Value>(&text).unwrap()["rows"].take()
    }

    /// Lets the clock go, ten seconds at a time, until the rows are as expected.
    async fn reach(&self, sql: &str, expected: &Value) {
        for _ in 0..60 {
            let rows = self.rows(sql).await;
            if rows == *expected {
                return;
            }
            self.clock.0.fetch_add(10 * SECOND, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(1100)).await;
        }
        assert_eq!(self.rows(sql).await, *expected, "{sql}");
    }

    async fn close(mut self) {
        self.analyst.take().unwrap().stop().await;
        self.store.close().await.unwrap();
    }
}

/// Waits for a minute at most.
async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..300 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("it does not come about that {what}");
}

const EDGES: &str = "SELECT source, target, sum(requests), sum(failures), sum(duration_sum_ns) FROM edges \
                     WHERE \"view\" = 'client' GROUP BY 1, 2";

#[tokio::test]
async fn rollups_are_written_corrected_and_found_again_after_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let live = Live::open(&directory, TEN + HOUR).await;
    let begin = TEN + HOUR + 5 * MINUTE;
    live.clock.0.store(begin + MINUTE, Ordering::Relaxed);
    let mut spans = requests(50, begin);
    let late = spans.remove(1);
    live.append(&spans).await;
    // The first call lacks its client span: it is seen from the server's side only.
    live.reach(EDGES, &json!([["shop", "cart", 49.0, 9.0, 2_940 * MS]])).await;
    live.append(&[late]).await;
    live.reach(EDGES, &json!([["shop", "cart", 50.0, 10.0, 3_000 * MS]])).await;
    let operations = "SELECT service_name, sum(requests), sum(failures), sum(duration_sum_ns) FROM operations \
                      WHERE \"view\" = 'server' GROUP BY 1 ORDER BY 1";
    let red = "SELECT service_name, CAST(sum(requests) AS DOUBLE), CAST(sum(failures) AS DOUBLE), \
               sum(duration_sum_ns) FROM red('2026-11-20T11:00:00Z', '2026-11-20T12:00:00Z') GROUP BY 1 ORDER BY 1";
    assert_eq!(live.rows(operations).await, live.rows(red).await);

    // Stored, but the analysis does not live to see it.
    drop(live.analyst);
    let more: Vec<Span> =
        requests(30, begin + 2 * MINUTE).into_iter().map(|span| Span { trace: span.trace + 1000, ..span }).collect();
    live.store.append(Table::Spans, span_batch(&more)).await.unwrap();
    live.store.close().await.unwrap();

    let live = Live::open(&directory, begin + 10 * MINUTE).await;
    live.reach(EDGES, &json!([["shop", "cart", 80.0, 16.0, 4_800 * MS]])).await;
    assert_eq!(live.rows(operations).await, live.rows(red).await);
    live.close().await;
}

#[tokio::test]
async fn what_is_counted_after_the_clock_was_set_back_counts() {
    let directory = tempfile::tempdir().unwrap();
    let (begin, more) = (TEN + HOUR, |span: Span| Span { trace: span.trace + 1000, ..span });
    let live = Live::open(&directory, begin + 40 * MINUTE).await;
    live.append(&requests(50, begin)).await;
    live.reach(EDGES, &json!([["shop", "cart", 50.0, 10.0, 3_000 * MS]])).await;
    live.close().await;
    let live = Live::open(&directory, begin + MINUTE).await;
    live.append(&requests(30, begin).into_iter().map(more).collect::<Vec<_>>()).await;
    live.reach(EDGES, &json!([["shop", "cart", 80.0, 16.0, 4_800 * MS]])).await;
    live.close().await;
}

#[tokio::test]
async fn the_live_analysis_neither_waits_for_queries_nor_keeps_them_from_running() {
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits { threads: 2, running: 1, waiting: 0, ..Limits::default() };
    let mut live = Live::without_analysis(&directory, TEN + HOUR, limits).await;
    // Stored while nothing analyses it, so that it has to be computed from storage.
    live.append(&requests(30, TEN)).await;
    let mut running = live.engine.sql("SELECT * FROM generate_series(1, 1000000000)").await.unwrap();
    assert!(running.try_next().await.unwrap().is_some());
    live.analyse();
    let stats = live.analyst.as_ref().unwrap().stats();
    eventually("its minutes are computed from storage", || {
        live.clock.0.fetch_add(10 * SECOND, Ordering::Relaxed);
        stats.minutes_recomputed() > 0
    })
    .await;
    assert_eq!(live.engine.running_queries(), 1);
    drop(running);
    eventually("the query is gone", || live.engine.running_queries() == 0).await;
    live.reach(EDGES, &json!([["shop", "cart", 30.0, 6.0, 1_800 * MS]])).await;
    live.close().await;
}

#[tokio::test]
async fn an_hour_is_added_up_whose_minutes_do_not_fit_in_memory_together() {
    const MEMORY: usize = 5 << 20;
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits { threads: 2, query_memory: MEMORY, total_memory: MEMORY, ..Limits::default() };
    let live = Live::open_with(&directory, TEN + 2 * HOUR, limits).await;
    let routes: Vec<&'static str> = (0..200).map(|route| &*format!("/things/{route}").leak()).collect();
    for minute in 0..60 {
        let span = |(number, route): (u128, &&'static str)| Span {
            trace: 1000 * (minute + 1) + number,
            span: 1,
            kind: "SERVER",
            service: "shop",
            start: TEN + minute as i64 * MINUTE + number as i64 * 100 * MS,
            duration: 10 * MS,
            outcome: "ok",
            name: "GET",
            route: Some(route),
            ..Span::default()
        };
        live.append(&(0..).zip(&routes).map(span).collect::<Vec<_>>()).await;
    }
    let hour = "SELECT count(*), sum(requests) FROM operations_hourly";
    live.reach(hour, &json!([[200, 12_000.0]])).await;
    live.close().await;
}
