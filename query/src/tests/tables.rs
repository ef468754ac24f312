//! What the tables show, wherever their rows are.

use serde_json::json;
use spandrel_proto::model::Table;

use super::support::{Fixture, HOUR, MINUTE, SECOND, Span, TEN, log_batch, rollup_batch, trace_hex};

/// Spans of two traces over three hours, one of them a child with attributes.
fn spans() -> Vec<Span> {
    vec![
        Span { trace: 0xab, span: 1, ..Span::default() },
        Span {
            trace: 0xab,
            span: 2,
            parent: Some(1),
            kind: "CLIENT",
            start: TEN + HOUR,
            attributes: vec![("user.id", "42"), ("tier", "gold")],
            ..Span::default()
        },
        Span { trace: 0xcd, span: 3, start: TEN + 2 * HOUR, service: "checkout", ..Span::default() },
    ]
}

/// Runs `check` with the rows in memory, in files, and in both.
async fn wherever_rows_are(check: impl AsyncFn(&Fixture, &str)) {
    let fixture = Fixture::new().await;
    fixture.append(&spans()).await;
    check(&fixture, "hot").await;
    fixture.seal().await;
    check(&fixture, "sealed").await;

    let both = Fixture::new().await;
    both.append(&spans()[..1]).await;
    both.seal().await;
    both.append(&spans()[1..]).await;
    check(&both, "both").await;
}

#[tokio::test]
async fn v1_a_row_is_counted_once_before_during_and_after_sealing() {
    let fixture = Fixture::new().await;
    let mut total = 0;
    for round in 0..5 {
        let spans: Vec<Span> = (0..50)
            .map(|span| Span { trace: round, span: span + 1, start: TEN + span as i64 * SECOND, ..Span::default() })
            .collect();
        fixture.append(&spans).await;
        total += spans.len();
        let sealing = async {
            fixture.seal().await;
        };
        let counting = async {
            for _ in 0..10 {
                let counts = fixture.rows("SELECT count(*), count(DISTINCT span_id || trace_id) FROM spans").await;
                assert_eq!(counts, json!([[total, total]]), "V-1 in round {round}");
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(sealing, counting);
        assert_eq!(fixture.rows("SELECT count(*) FROM spans").await, json!([[total]]));
    }
}

/// A bucket is written whole, and again when it changed. `cart` is in the first revision of the first bucket only.
#[tokio::test]
async fn rows_of_earlier_revisions_do_not_count_wherever_they_are() {
    for (table, length) in [(Table::OperationsHourly, HOUR), (Table::Operations, MINUTE)] {
        let before = || rollup_batch(table, TEN, 1, &[("cart", 1.0), ("shop", 2.0)]);
        let after = || rollup_batch(table, TEN, 3, &[("shop", 10.0)]);
        let next = || rollup_batch(table, TEN + length, 2, &[("shop", 100.0), ("user", 1000.0)]);
        // Where there is a `None`, what came before is put into files. Later revisions may come first.
        let orders = [
            vec![Some(before()), Some(next()), Some(after())],
            vec![Some(after()), Some(before()), Some(next())],
            vec![Some(before()), None, Some(next()), Some(after())],
            vec![Some(after()), Some(next()), None, Some(before())],
            vec![Some(before()), Some(next()), None, Some(after()), None],
            vec![Some(before()), None, Some(after()), None, Some(next()), None],
            vec![Some(before()), Some(after()), Some(next()), None],
        ];
        for (number, order) in orders.into_iter().enumerate() {
            let fixture = Fixture::new().await;
            for step in order {
                match step {
                    Some(rows) => drop(fixture.store.append(table, rows).await.unwrap()),
                    None => fixture.seal().await,
                }
            }
            let name = table.name();
            for (select, expected) in [
                ("count(*)", json!([[3]])),
                ("sum(requests), max(revision)", json!([[1110.0, 3]])),
                ("service_name, requests", json!([["shop", 10.0], ["shop", 100.0], ["user", 1000.0]])),
            ] {
                let order = if select.starts_with("service") { "ORDER BY requests" } else { "" };
                let sql = format!("SELECT {select} FROM {name} {order}");
                assert_eq!(fixture.rows(&sql).await, expected, "{name}, order {number}: {sql}");
            }
            for (condition, expected) in [
                ("service_name = 'cart'", 0),
                ("service_name = 'shop'", 2),
                ("revision < 3", 2),
                ("time < '2026-11-20T10:00:01Z'", 1),
                ("time > '2026-11-20T10:00:00Z'", 2),
                ("time < '2026-11-20T10:00:01Z' AND requests < 5", 0),
                ("time < '2026-11-20T10:00:01Z' OR service_name = 'user'", 2),
            ] {
                let sql = format!("SELECT count(*) FROM {name} WHERE {condition}");
                assert_eq!(fixture.rows(&sql).await, json!([[expected]]), "{name}, order {number}: {condition}");
            }
            let some = fixture.rows(&format!("SELECT requests FROM {name} LIMIT 2")).await;
            assert_eq!(some.as_array().unwrap().len(), 2, "{name}, order {number}");
            assert!(some.as_array().unwrap().iter().all(|row| row[0].as_f64() > Some(5.0)), "{name}: {some}");
        }
    }
}

/// What is in memory tells which files count, as long as each is of one bucket and revision.
#[tokio::test]
async fn files_of_earlier_revisions_are_not_opened() {
    let fixture = Fixture::new().await;
    let append = async |time, revision| {
        let rows = rollup_batch(Table::OperationsHourly, time, revision, &[("shop", 1.0)]);
        fixture.store.append(Table::OperationsHourly, rows).await.unwrap();
    };
    for revision in 1..=3 {
        append(TEN, revision).await;
        append(TEN + HOUR, 10 + revision).await;
        fixture.seal().await;
    }
    let all = "SELECT max(revision), count(*) FROM operations_hourly";
    let (rows, stats) = fixture.result(all).await.unwrap();
    assert_eq!((rows, stats.files_scanned), (json!([[13, 2]]), 2));
    assert!(!fixture.text(&format!("EXPLAIN {all}")).await.contains("Join"));

    append(TEN, 4).await;
    append(TEN, 5).await;
    fixture.seal().await;
    assert!(fixture.text(&format!("EXPLAIN {all}")).await.contains("Join"), "one file has two revisions");
    assert_eq!(fixture.rows(all).await, json!([[13, 2]]));
}

#[tokio::test]
async fn ids_are_hex_text_on_both_sides_of_a_comparison() {
    wherever_rows_are(async |fixture, place| {
        let ab = trace_hex(0xab);
        for (condition, expected) in [
            (format!("trace_id = '{ab}'"), json!([[1], [2]])),
            (format!("'{ab}' = trace_id"), json!([[1], [2]])),
            (format!("trace_id != '{ab}'"), json!([[3]])),
            (format!("trace_id IN ('{ab}', '{}')", trace_hex(0xcd)), json!([[1], [2], [3]])),
            (format!("trace_id NOT IN ('{ab}', '{}')", trace_hex(1)), json!([[3]])),
            (format!("trace_id = '{}'", ab.to_uppercase()), json!([])),
            ("trace_id = 'not hex'".to_owned(), json!([])),
            ("trace_id != 'not hex'".to_owned(), json!([[1], [2], [3]])),
            ("trace_id LIKE '%ab'".to_owned(), json!([[1], [2]])),
            ("parent_span_id = '0000000000000001'".to_owned(), json!([[2]])),
            ("parent_span_id IS NULL".to_owned(), json!([[1], [3]])),
            (format!("trace_id = '{ab}' AND service_name = 'cart' AND duration_ns > 1"), json!([[1], [2]])),
            (format!("trace_id = '{ab}' OR service_name = 'checkout'"), json!([[1], [2], [3]])),
            (format!("trace_id = '{ab}' AND attributes['user.id'] = '42'"), json!([[2]])),
        ] {
            let sql =
                format!("SELECT to_hex(CAST(substr(span_id, 16) AS BIGINT)) FROM spans WHERE {condition} ORDER BY 1");
            let rows = fixture.rows(&sql).await;
            let ids: Vec<i64> =
                rows.as_array().unwrap().iter().map(|row| row[0].as_str().unwrap().parse().unwrap()).collect();
            let expected: Vec<i64> = expected.as_array().unwrap().iter().map(|row| row[0].as_i64().unwrap()).collect();
            assert_eq!(ids, expected, "{place}: {condition}");
        }
    })
    .await;
}

#[tokio::test]
async fn ids_join_with_ids_of_other_tables() {
    let fixture = Fixture::new().await;
    fixture.append(&spans()).await;
    let logs = log_batch(&[TEN, TEN + SECOND], &["first", "second"], Some(0xcd));
    fixture.store.append(Table::Logs, logs).await.unwrap();
    for _ in 0..2 {
        let sql = "SELECT s.service_name, l.body FROM spans s JOIN logs l ON s.trace_id = l.trace_id ORDER BY l.time";
        assert_eq!(fixture.rows(sql).await, json!([["checkout", "first"], ["checkout", "second"]]));
        fixture.seal().await;
    }
}

#[tokio::test]
async fn times_are_timestamps_also_inside_events() {
    wherever_rows_are(async |fixture, place| {
        for (condition, expected) in [
            ("start_time >= '2026-11-20T11:00:00Z'", 2),
            ("start_time >= TIMESTAMP '2026-11-20T11:00:00'", 2),
            ("start_time < now()", 1),
            ("start_time BETWEEN '2026-11-20T10:30:00Z' AND '2026-11-20T11:30:00Z'", 1),
            ("start_time = to_timestamp_nanos(1795168800000000000)", 1),
            ("date_trunc('day', start_time) = '2026-11-20'", 3),
        ] {
            let sql = format!("SELECT count(*) FROM spans WHERE {condition}");
            assert_eq!(fixture.rows(&sql).await, json!([[expected]]), "{place}: {condition}");
        }
        let sql = "SELECT start_time, end_time - start_time = INTERVAL '5 milliseconds', events[1]['time'], \
                   arrow_typeof(start_time) FROM spans ORDER BY start_time LIMIT 1";
        assert_eq!(
            fixture.rows(sql).await,
            json!([[
                "2026-11-20T10:00:00.000000000Z",
                true,
                "2026-11-20T10:00:00.000000000Z",
                "Timestamp(ns, \"UTC\")"
            ]]),
            "{place}"
        );
    })
    .await;
}

#[tokio::test]
async fn attributes_are_read_by_name() {
    wherever_rows_are(async |fixture, place| {
        let sql = "SELECT attributes['user.id'], attributes['absent'] FROM spans ORDER BY start_time";
        assert_eq!(fixture.rows(sql).await, json!([[null, null], ["42", null], [null, null]]), "{place}");
        let sql = "SELECT span_id FROM spans WHERE attributes['tier'] = 'gold'";
        assert_eq!(fixture.rows(sql).await, json!([["0000000000000002"]]), "{place}");
    })
    .await;
}

#[tokio::test]
async fn every_column_can_be_selected() {
    wherever_rows_are(async |fixture, place| {
        let rows = fixture.rows("SELECT * FROM spans ORDER BY start_time, span_id").await;
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), 3, "{place}");
        assert_eq!(rows[0].as_array().unwrap().len(), Table::Spans.schema().fields().len(), "{place}");
        assert_eq!(rows[0][0], json!(trace_hex(0xab)), "{place}");
    })
    .await;
}

#[tokio::test]
async fn counts_and_limits_need_no_columns() {
    wherever_rows_are(async |fixture, place| {
        assert_eq!(fixture.rows("SELECT count(*) FROM spans").await, json!([[3]]), "{place}");
        assert_eq!(fixture.rows("SELECT 1 FROM spans").await, json!([[1], [1], [1]]), "{place}");
        assert_eq!(fixture.rows("SELECT 1 FROM spans LIMIT 2").await, json!([[1], [1]]), "{place}");
        let sql = "SELECT count(*) FROM (SELECT name FROM spans WHERE service_name = 'cart' LIMIT 1)";
        assert_eq!(fixture.rows(sql).await, json!([[1]]), "{place}");
        let sql = "SELECT min(start_time), max(start_time) FROM spans";
        let expected = json!([["2026-11-20T10:00:00.000000000Z", "2026-11-20T12:00:00.000000000Z"]]);
        assert_eq!(fixture.rows(sql).await, expected, "{place}");
    })
    .await;
}

#[tokio::test]
async fn the_first_and_last_rows_by_time_are_right() {
    wherever_rows_are(async |fixture, place| {
        let sql = "SELECT span_id FROM spans ORDER BY start_time DESC LIMIT 2";
        assert_eq!(fixture.rows(sql).await, json!([["0000000000000003"], ["0000000000000002"]]), "{place}");
        let sql = "SELECT span_id FROM spans ORDER BY start_time LIMIT 1";
        assert_eq!(fixture.rows(sql).await, json!([["0000000000000001"]]), "{place}");
    })
    .await;
}

#[tokio::test]
async fn empty_tables_have_their_columns() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.rows("SELECT count(*), max(time) FROM logs").await, json!([[0, null]]));
    assert_eq!(fixture.rows("SELECT name, unit FROM metrics").await, json!([]));
    assert_eq!(fixture.rows("SELECT * FROM spans WHERE trace_id = '00'").await, json!([]));
}

#[tokio::test]
async fn a_query_sees_what_was_acknowledged_before_it() {
    let fixture = Fixture::new().await;
    for count in 1..=3_u64 {
        fixture.append(&[Span { span: count, start: TEN + MINUTE, ..Span::default() }]).await;
        assert_eq!(fixture.rows("SELECT count(*) FROM spans").await, json!([[count]]));
    }
}
