//! `red(from, to [, step])` and the sketch functions, against values computed by hand.

use serde_json::json;

use super::support::{Fixture, MINUTE, SECOND, Span, TEN};
use crate::QueryError;

const MILLI: i64 = 1_000_000;

async fn shop() -> Fixture {
    let fixture = Fixture::new().await;
    let request = |span: u64, start: i64, duration: i64| Span {
        trace: span.into(),
        span,
        start,
        duration,
        route: Some("/cart"),
        ..Span::default()
    };
    fixture
        .append(&[
            request(1, TEN, 10 * MILLI),
            request(2, TEN + 30 * SECOND, 30 * MILLI),
            Span { outcome: "server_fault", ..request(3, TEN + 59 * SECOND, 20 * MILLI) },
            request(4, TEN + MINUTE, 40 * MILLI),
            Span { outcome: "client_fault", ..request(5, TEN + MINUTE, 1) },
            Span { kind: "CLIENT", ..request(6, TEN, 999 * MILLI) },
            Span { kind: "INTERNAL", ..request(7, TEN, 999 * MILLI) },
            Span { kind: "CONSUMER", route: None, name: "orders process", service: "mailer", ..request(8, TEN, 7) },
            request(9, TEN - 1, 999 * MILLI),
            request(10, TEN + 2 * MINUTE, 999 * MILLI),
        ])
        .await;
    fixture
}

#[tokio::test]
async fn totals_equal_those_computed_by_hand() {
    let fixture = shop().await;
    let columns = "service_name, operation, requests, failures, duration_sum_ns, p50_ms, p95_ms, p99_ms";
    for _ in 0..2 {
        let sql = format!("SELECT time, {columns} FROM red('2026-11-20T10:00:00Z', '2026-11-20T10:02:00Z', '1m')");
        let (ten, past) = ("2026-11-20T10:00:00.000000000Z", "2026-11-20T10:01:00.000000000Z");
        assert_eq!(
            fixture.rows(&sql).await,
            json!([
                [ten, "cart", "GET /cart", 3, 1, 60 * MILLI, 20.0, 30.0, 30.0],
                [ten, "mailer", "orders process", 1, 0, 7, 0.000007, 0.000007, 0.000007],
                [past, "cart", "GET /cart", 2, 0, 40 * MILLI + 1, 0.000001, 40.0, 40.0],
            ])
        );
        let sql = format!("SELECT {columns} FROM red('2026-11-20T10:00:00Z', '2026-11-20T10:02:00Z')");
        assert_eq!(
            fixture.rows(&sql).await,
            json!([
                ["cart", "GET /cart", 5, 1, 100 * MILLI + 1, 20.0, 40.0, 40.0],
                ["mailer", "orders process", 1, 0, 7, 0.000007, 0.000007, 0.000007],
            ])
        );
        fixture.seal().await;
    }
}

#[tokio::test]
async fn ranges_are_half_open_and_written_in_many_ways() {
    let fixture = shop().await;
    for (arguments, requests) in [
        ("'now-1h', '2026-11-20T10:02:00Z'", 6),
        ("'now-1h', 'now'", 7),
        ("now() - interval '1 hour', now()", 7),
        ("TIMESTAMP '2026-11-20 10:00:00', TIMESTAMP '2026-11-20 10:01:00'", 4),
        ("to_timestamp('2026-11-20T10:01:00Z'), now(), interval '1 minute'", 3),
        ("'2026-11-20', '2026-11-21'", 8),
        ("'0001-01-01', '9999-12-31'", 8),
        ("'now', 'now'", 0),
    ] {
        let sql = format!("SELECT coalesce(sum(requests), 0) FROM red({arguments})");
        assert_eq!(fixture.rows(&sql).await, json!([[requests]]), "{arguments}");
    }
    let schema = fixture.engine.sql("SELECT * FROM red('now-1h', 'now')").await.unwrap().schema();
    let names: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
    assert_eq!(
        names,
        ["time", "service_name", "operation", "requests", "failures", "duration_sum_ns", "p50_ms", "p95_ms", "p99_ms"]
    );
}

#[tokio::test]
async fn steps_are_aligned_to_the_epoch() {
    let fixture = shop().await;
    let sql = "SELECT DISTINCT time FROM red('2026-11-20T10:00:40Z', '2026-11-20T10:02:00Z', '1m') ORDER BY time";
    assert_eq!(
        fixture.rows(sql).await,
        json!([["2026-11-20T10:00:00.000000000Z"], ["2026-11-20T10:01:00.000000000Z"]])
    );
}

#[tokio::test]
async fn wrong_arguments_are_named() {
    let fixture = shop().await;
    for (arguments, mentioned) in [
        ("", "two or three arguments"),
        ("'now-1h'", "two or three arguments"),
        ("'yesterday', 'now'", "'yesterday' is not a time"),
        ("'now', 'now-1h'", "ends before it begins"),
        ("'now-1h', 'now', '0s'", "not more than zero"),
        ("'now-1h', 'now', 'often'", "'often' is not a duration"),
        ("'now-1h', 'now', interval '1 month'", "without months"),
        ("1, 2", "a time"),
        ("NULL, 'now'", "a time"),
    ] {
        let error = fixture.error(&format!("SELECT * FROM red({arguments})")).await;
        assert!(matches!(error, QueryError::Plan { .. }), "{arguments}: {error:?}");
        assert!(error.to_string().contains(mentioned), "{arguments}: {error}");
    }
}

#[tokio::test]
async fn weights_count_as_the_calls_they_stand_for() {
    let fixture = Fixture::new().await;
    let sampled = |span: u64, weight: f64, outcome: &'static str| Span {
        span,
        trace: span.into(),
        weight,
        outcome,
        ..Span::default()
    };
    fixture.append(&[sampled(1, 4.0, "timeout"), sampled(2, 1.0, "ok"), sampled(3, 0.0, "ok")]).await;
    let sql = "SELECT requests, failures, duration_sum_ns FROM red('now-1h', 'now')";
    assert_eq!(fixture.rows(sql).await, json!([[5, 4, 25 * MILLI]]));
}

#[tokio::test]
async fn large_groups_are_sketched_within_one_percent() {
    let fixture = Fixture::new().await;
    let spans: Vec<Span> = (1..=10_000_u64)
        .map(|span| Span { trace: span.into(), span, duration: span as i64 * MILLI / 10, ..Span::default() })
        .collect();
    for chunk in spans.chunks(1500) {
        fixture.append(chunk).await;
    }
    for _ in 0..2 {
        let rows =
            fixture.rows("SELECT requests, duration_sum_ns, p50_ms, p95_ms, p99_ms FROM red('now-1h', 'now')").await;
        assert_eq!((&rows[0][0], &rows[0][1]), (&json!(10_000), &json!(50_005_000 * (MILLI / 10))));
        for (column, expected) in [(2, 500.0), (3, 950.0), (4, 990.0)] {
            let percentile = rows[0][column].as_f64().unwrap();
            assert!((percentile / expected - 1.0).abs() < 0.011, "{percentile} for {expected}");
        }
        fixture.seal().await;
    }
}

#[tokio::test]
async fn sketches_merge_in_sql() {
    let fixture = shop().await;
    let whole =
        "SELECT hdr_quantile(hdr_sketch(duration_ns), 0.5), hdr_quantile(hdr_sketch(duration_ns), 1.0) FROM spans";
    let merged = "SELECT hdr_quantile(hdr_merge(latency), 0.5), hdr_quantile(hdr_merge(latency), 1.0) \
                  FROM (SELECT hdr_sketch(duration_ns) AS latency FROM spans GROUP BY service_name, kind)";
    assert_eq!(fixture.rows(whole).await, fixture.rows(merged).await);
    let weighted = "SELECT hdr_quantile(hdr_sketch(column1, column2), 0.5) FROM (VALUES (1, 1.0), (5, 3.0), (9, 1.0))";
    assert_eq!(fixture.rows(weighted).await, json!([[5]]));
    let below = "SELECT hdr_count_below(hdr_sketch(column1, column2), 5), hdr_count_below(NULL, 5) \
                 FROM (VALUES (1, 1.0), (5, 3.0), (9, 1.0))";
    assert_eq!(fixture.rows(below).await, json!([[4, null]]));
    let nothing =
        "SELECT hdr_sketch(duration_ns), hdr_quantile(hdr_sketch(duration_ns), 0.5) FROM spans WHERE name = 'x'";
    assert_eq!(fixture.rows(nothing).await, json!([[null, null]]));

    for (sql, mentioned) in [
        ("SELECT hdr_quantile(X'00ff', 0.5)", "sketch"),
        ("SELECT hdr_quantile(hdr_sketch(duration_ns), 99.0) FROM spans", "between 0 and 1"),
        ("SELECT hdr_count_below(X'00ff', 1)", "sketch"),
        ("SELECT hdr_sketch(DISTINCT duration_ns), count(DISTINCT name) FROM spans", "DISTINCT"),
    ] {
        let error = fixture.error(sql).await.to_string();
        assert!(error.contains(mentioned), "{sql}: {error}");
    }
}

#[tokio::test]
async fn operation_name_is_a_function() {
    let fixture = Fixture::new().await;
    let sql = "SELECT operation_name('n', 'GET', NULL, '/a/17', NULL, NULL, NULL), operation_name('n', NULL, NULL, NULL, NULL, 'send', 'q')";
    assert_eq!(fixture.rows(sql).await, json!([["GET /a/{id}", "send q"]]));
}
