//! Files that cannot hold matching rows are not opened.

use serde_json::json;

use super::support::{Fixture, HOUR, SECOND, Span, TEN, trace_hex};

/// Four files: hours ten to thirteen, each with its own trace.
async fn four_hours() -> Fixture {
    let fixture = Fixture::new().await;
    let spans: Vec<Span> = (0..4)
        .flat_map(|hour| {
            (0..10).map(move |span| Span {
                trace: 100 + hour,
                span: hour as u64 * 10 + span + 1,
                start: TEN + hour as i64 * HOUR + span as i64 * SECOND,
                ..Span::default()
            })
        })
        .collect();
    fixture.append(&spans).await;
    fixture.seal().await;
    fixture
}

#[tokio::test]
async fn a_trace_is_looked_up_in_the_files_that_may_have_it() {
    let fixture = four_hours().await;
    for (sql, rows, scanned) in [
        (format!("SELECT span_id FROM spans WHERE trace_id = '{}'", trace_hex(102)), 10, 1),
        (format!("SELECT span_id FROM spans WHERE '{}' = trace_id", trace_hex(102)), 10, 1),
        (format!("SELECT span_id FROM spans WHERE trace_id IN ('{}', '{}')", trace_hex(100), trace_hex(103)), 20, 2),
        (format!("SELECT span_id FROM spans WHERE trace_id = '{}'", trace_hex(7)), 0, 0),
        (format!("SELECT span_id FROM trace('{}')", trace_hex(101)), 10, 1),
        ("SELECT span_id FROM spans WHERE trace_id LIKE '%2'".to_owned(), 0, 4),
    ] {
        let (_, stats) = fixture.result(&sql).await.unwrap();
        assert_eq!((stats.rows, stats.files_scanned, stats.files_considered), (rows, scanned, 4), "{sql}");
    }
}

#[tokio::test]
async fn many_trace_ids_prune_as_well() {
    let fixture = four_hours().await;
    let ids: Vec<String> = (0..100).map(|trace| format!("'{}'", trace_hex(1000 + trace))).collect();
    let sql = format!("SELECT span_id FROM spans WHERE trace_id IN ('{}', {})", trace_hex(101), ids.join(", "));
    let (_, stats) = fixture.result(&sql).await.unwrap();
    assert_eq!((stats.rows, stats.files_scanned), (10, 1));
}

#[tokio::test]
async fn a_correlation_id_is_looked_up_in_the_files_that_may_have_it() {
    let fixture = Fixture::new().await;
    let spans = ["request-10", "request-11", "request-12", "request-13"].into_iter().zip(0..);
    let spans: Vec<Span> = spans
        .map(|(id, hour)| Span {
            trace: 100 + hour,
            start: TEN + hour as i64 * HOUR,
            correlation: Some(id),
            ..Span::default()
        })
        .collect();
    fixture.append(&spans).await;
    fixture.seal().await;
    for (condition, rows, scanned) in [
        ("correlation_id = 'request-12'", 1, 1),
        ("correlation_id IN ('request-10', 'request-13')", 2, 2),
        ("correlation_id = 'request-99'", 0, 0),
        ("correlation_id IS NOT NULL", 4, 4),
    ] {
        let (_, stats) = fixture.result(&format!("SELECT span_id FROM spans WHERE {condition}")).await.unwrap();
        assert_eq!((stats.rows, stats.files_scanned, stats.files_considered), (rows, scanned, 4), "{condition}");
    }
    let (rows, stats) = fixture.result("SELECT type FROM flow('request-11')").await.unwrap();
    assert_eq!((rows, stats.files_scanned), (json!([["span"]]), 2), "by its own id, then by its trace");
}

#[tokio::test]
async fn a_time_range_is_read_from_the_files_of_its_hours() {
    let fixture = four_hours().await;
    for (condition, rows, scanned) in [
        ("start_time >= '2026-11-20T12:00:00Z'", 20, 2),
        ("start_time < '2026-11-20T11:00:00Z'", 10, 1),
        ("start_time >= '2026-11-20T11:00:00Z' AND start_time < '2026-11-20T12:00:00Z'", 10, 1),
        ("start_time = '2026-11-20T13:00:01Z'", 1, 1),
        ("start_time > now() - INTERVAL '30 minutes'", 30, 3),
        ("start_time > '2030-01-01T00:00:00Z'", 0, 0),
        ("start_time > '2026-11-20T12:30:00Z' OR service_name = 'x'", 10, 4),
        ("end_time > '2026-11-20T13:00:00Z'", 10, 4),
    ] {
        let sql = format!("SELECT span_id FROM spans WHERE {condition}");
        let (_, stats) = fixture.result(&sql).await.unwrap();
        assert_eq!((stats.rows, stats.files_scanned, stats.files_considered), (rows, scanned, 4), "{condition}");
    }
}

#[tokio::test]
async fn filters_reach_the_parquet_reader_in_stored_terms() {
    let fixture = four_hours().await;
    let by_trace = fixture.text(&format!("EXPLAIN SELECT name FROM spans WHERE trace_id = '{}'", trace_hex(102))).await;
    assert!(by_trace.contains("trace_id@"), "{by_trace}");
    assert!(by_trace.contains("pruning_predicate="), "{by_trace}");
    let by_time = fixture.text("EXPLAIN SELECT name FROM spans WHERE start_time >= '2026-11-20T12:00:00Z'").await;
    assert!(by_time.contains("start_time_max@"), "{by_time}");
}

#[tokio::test]
async fn only_projected_columns_are_read() {
    let fixture = four_hours().await;
    let plan = fixture.text("EXPLAIN SELECT name FROM spans WHERE service_name = 'cart'").await;
    let scan = plan.split("DataSourceExec").last().unwrap();
    assert!(scan.contains("projection=[name"), "{plan}");
    assert!(!scan.contains("attributes"), "{plan}");
}

#[tokio::test]
async fn row_groups_are_pruned_by_time_and_by_the_rows_found_so_far() {
    let fixture = four_hours().await;
    let metrics =
        fixture.text("EXPLAIN ANALYZE SELECT name, start_time FROM spans ORDER BY start_time DESC LIMIT 3").await;
    assert!(metrics.contains("DynamicFilter"), "{metrics}");
    assert_eq!(
        fixture.rows("SELECT start_time FROM spans ORDER BY start_time DESC LIMIT 1").await,
        json!([["2026-11-20T13:00:09.000000000Z"]])
    );
}
