//! What a query may use, and what happens past it.

use std::time::Duration;

use futures::StreamExt;
use serde_json::json;

use super::support::{Fixture, Span};
use crate::{Limits, QueryError};

/// Does not end by itself.
pub(crate) const ENDLESS: &str =
    "SELECT sum(a.value + b.value) FROM generate_series(1, 100) a, generate_series(1, 100000000000000) b";

fn limits() -> Limits {
    Limits { threads: 2, ..Limits::default() }
}

/// Waits until no query runs and none holds memory.
async fn idle(fixture: &Fixture) {
    while fixture.engine.running_queries() > 0 || fixture.engine.memory_used() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_query_past_its_time_limit_ends_and_says_which() {
    let limit = Duration::from_millis(50);
    let fixture = Fixture::with_limits(Limits { time: limit, ..limits() }).await;
    let error = fixture.error(ENDLESS).await;
    assert!(matches!(error, QueryError::TimedOut { limit: told } if told == limit), "{error:?}");
    assert!(error.to_string().contains("time limit of 0.05 s"), "{error}");
    idle(&fixture).await;
}

#[tokio::test]
async fn a_query_whose_operators_never_run_out_of_rows_ends_as_well() {
    let limit = Duration::from_millis(50);
    let fixture = Fixture::with_limits(Limits { time: limit, ..limits() }).await;
    for sql in [
        cross_join("sum(c0 + c11)"),
        cross_join("max(random() + c0)"),
        "WITH RECURSIVE n AS (SELECT 1 AS a UNION ALL SELECT a % 7 FROM n) SELECT sum(a) FROM n".to_owned(),
        "SELECT sum(u) FROM (SELECT unnest([1, 2, 3]) AS u FROM generate_series(1, 100000000000))".to_owned(),
    ] {
        let error = fixture.error(&sql).await;
        assert!(matches!(error, QueryError::TimedOut { .. }), "{sql}: {error:?}");
        idle(&fixture).await;
    }
}

/// Over a million million rows of twelve tables that are read at once, so that only joins are left to pause.
fn cross_join(aggregate: &str) -> String {
    let ten = "(VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9),(10))";
    let tables: Vec<String> = (0..12).map(|number| format!("{ten} AS t{number}(c{number})")).collect();
    format!("SELECT {aggregate} FROM {}", tables.join(", "))
}

#[tokio::test]
async fn a_reader_that_stops_reading_does_not_hold_a_query_past_its_time() {
    let fixture = Fixture::with_limits(Limits { time: Duration::from_millis(50), ..limits() }).await;
    let mut stream = fixture.engine.sql("SELECT * FROM generate_series(1, 100000000)").await.unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    idle(&fixture).await;
    let mut last = stream.next().await;
    while let Some(Ok(_)) = last {
        last = stream.next().await;
    }
    assert!(matches!(last, Some(Err(QueryError::TimedOut { .. }))), "{last:?}");
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_query_past_its_memory_limit_ends_and_says_which() {
    let fixture = Fixture::with_limits(Limits { query_memory: 4 << 20, ..limits() }).await;
    let error =
        fixture.error("SELECT value, count(*) FROM generate_series(1, 10000000) GROUP BY value ORDER BY 2").await;
    assert!(matches!(error, QueryError::MemoryExceeded { limit: 4_194_304 }), "{error:?}");
    assert!(error.to_string().contains("memory limit of 4194304 bytes"), "{error}");
    idle(&fixture).await;
    assert_eq!(fixture.rows("SELECT 1").await, json!([[1]]));
}

#[tokio::test]
async fn a_sketch_per_group_counts_as_memory() {
    let fixture = Fixture::with_limits(Limits { query_memory: 4 << 20, ..limits() }).await;
    let sql = "SELECT value % 100000, hdr_sketch(value) FROM generate_series(1, 3000000) GROUP BY 1";
    let error = fixture.error(sql).await;
    assert!(matches!(error, QueryError::MemoryExceeded { .. }), "{error:?}");
}

#[tokio::test]
async fn dropping_the_stream_ends_the_query() {
    let fixture = Fixture::with_limits(limits()).await;
    let mut stream = fixture.engine.sql("SELECT * FROM generate_series(1, 1000000000)").await.unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    assert_eq!(fixture.engine.running_queries(), 1);
    drop(stream);
    idle(&fixture).await;

    let busy = fixture.engine.sql(ENDLESS).await.unwrap();
    assert_eq!(fixture.engine.running_queries(), 1);
    drop(busy);
    idle(&fixture).await;
}

#[tokio::test]
async fn queries_past_the_queue_are_refused_and_may_be_retried() {
    let limits = Limits { running: 1, waiting: 1, wait: Duration::from_millis(20), ..limits() };
    let fixture = Fixture::with_limits(limits).await;
    let running = fixture.engine.sql(ENDLESS).await.unwrap();
    let (first, second) = tokio::join!(fixture.engine.sql("SELECT 1"), fixture.engine.sql("SELECT 1"));
    for refused in [first.unwrap_err(), second.unwrap_err()] {
        assert!(matches!(refused, QueryError::TooBusy { running: 1, .. }), "{refused:?}");
    }
    drop(running);
    idle(&fixture).await;
    assert_eq!(fixture.rows("SELECT 1").await, json!([[1]]));
}

#[tokio::test]
async fn a_waiting_query_runs_when_another_ends() {
    let fixture = Fixture::with_limits(Limits { running: 1, wait: Duration::from_secs(30), ..limits() }).await;
    let running = fixture.engine.sql(ENDLESS).await.unwrap();
    let waiting = fixture.rows("SELECT 2");
    let ending = async {
        tokio::task::yield_now().await;
        drop(running);
    };
    let (rows, ()) = tokio::join!(waiting, ending);
    assert_eq!(rows, json!([[2]]));
}

#[tokio::test]
async fn statements_as_deep_as_allowed_run_and_deeper_ones_are_refused() {
    let fixture = Fixture::with_limits(limits()).await;
    fixture.append(&[Span::default()]).await;
    let longest = fixture.engine.limits().statement_operators - 30;
    let plan = |condition: String| format!("SELECT count(*) FROM spans WHERE {condition}");

    let sum = vec!["duration_ns"; longest / 2].join(" + ");
    assert_eq!(fixture.rows(&plan(format!("{sum} > 0"))).await, json!([[1]]));
    let ands = (0..longest / 2).map(|n| format!("duration_ns > {n}")).collect::<Vec<_>>().join(" AND ");
    assert_eq!(fixture.rows(&plan(ands)).await, json!([[1]]));
    let ors = (0..longest / 2).map(|n| format!("name = 'n{n}'")).collect::<Vec<_>>().join(" OR ");
    assert_eq!(fixture.rows(&plan(ors)).await, json!([[0]]));
    let unions = vec!["SELECT 1 AS a"; 200].join(" UNION ALL ");
    assert_eq!(fixture.rows(&format!("SELECT count(*) FROM ({unions})")).await, json!([[200]]));

    for sql in [
        format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000)),
        format!("SELECT {}1{}", "(".repeat(200), ")".repeat(200)),
        plan(vec!["duration_ns > 1"; 10_000].join(" AND ")),
        format!("SELECT {}", "NOT ".repeat(10_000) + "true"),
        format!("SELECT {}1", "- ".repeat(10_000)),
        format!("SELECT {}1{}", "abs(".repeat(5_000), ")".repeat(5_000)),
        vec!["SELECT 1"; 5_000].join(" UNION ALL "),
        format!("SELECT 1{}", "::BIGINT".repeat(5_000)),
        format!("SELECT * FROM {}spans{}", "(SELECT * FROM ".repeat(300), ")".repeat(300)),
    ] {
        let error = fixture.error(&sql).await;
        let refused = matches!(error, QueryError::TooComplex { .. } | QueryError::Syntax { .. });
        assert!(refused, "{}...: {error:?}", &sql[..60]);
    }
    let nested = format!("SELECT * FROM {}spans{}", "(SELECT * FROM ".repeat(40), ")".repeat(40));
    assert_eq!(fixture.result(&nested).await.unwrap().1.rows, 1);
}

#[tokio::test]
async fn long_lists_are_not_deep() {
    let fixture = Fixture::with_limits(limits()).await;
    fixture.append(&[Span::default()]).await;
    let names = (0..10_000).map(|n| format!("'n{n}'")).collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT count(*) FROM spans WHERE name NOT IN ({names})");
    assert_eq!(fixture.rows(&sql).await, json!([[1]]));
}
