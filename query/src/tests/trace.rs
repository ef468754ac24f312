//! `trace('id')`.

use serde_json::json;
use spandrel_proto::model::Table;

use super::support::{Fixture, SECOND, Span, TEN, span_batch, trace_hex};
use crate::QueryError;

fn span(id: u64, start: i64) -> Span {
    Span { trace: 0xfeed, span: id, start: TEN + start, ..Span::default() }
}

#[tokio::test]
async fn spans_come_in_order_of_start_each_once() {
    let fixture = Fixture::new().await;
    fixture.append(&[span(2, 2 * SECOND), span(1, 0), Span { trace: 7, ..span(9, 0) }]).await;
    fixture.seal().await;
    // The same span again past the store, as after a restart that forgot what it had seen.
    let again = [span(2, 2 * SECOND), span(3, SECOND), Span { kind: "CLIENT", ..span(3, SECOND) }];
    fixture.store.append(Table::Spans, span_batch(&again)).await.unwrap();

    let sql = format!("SELECT span_id, kind FROM trace('{}')", trace_hex(0xfeed));
    let expected = json!([
        ["0000000000000001", "SERVER"],
        ["0000000000000003", "CLIENT"],
        ["0000000000000003", "SERVER"],
        ["0000000000000002", "SERVER"],
    ]);
    let mut rows = fixture.rows(&sql).await;
    rows.as_array_mut().unwrap()[1..3].sort_by_key(|row| row[1].to_string());
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn either_case_and_64_bit_ids_are_understood() {
    let fixture = Fixture::new().await;
    fixture.append(&[span(1, 0)]).await;
    for id in [
        trace_hex(0xfeed),
        trace_hex(0xfeed).to_uppercase(),
        "000000000000feed".to_owned(),
        " 000000000000FEED ".to_owned(),
    ] {
        assert_eq!(fixture.rows(&format!("SELECT count(*) FROM trace('{id}')")).await, json!([[1]]), "{id}");
    }
    assert_eq!(fixture.rows(&format!("SELECT count(*) FROM trace('{}')", trace_hex(1))).await, json!([[0]]));
}

#[tokio::test]
async fn it_has_every_column_and_joins_like_a_table() {
    let fixture = Fixture::new().await;
    fixture.append(&[span(1, 0), Span { parent: Some(1), attributes: vec![("k", "v")], ..span(2, 1) }]).await;
    let id = trace_hex(0xfeed);
    let rows = fixture.rows(&format!("SELECT * FROM trace('{id}')")).await;
    assert_eq!(rows[0].as_array().unwrap().len(), Table::Spans.schema().fields().len());
    let sql = format!(
        "SELECT child.span_id, child.attributes['k'] FROM trace('{id}') parent \
         JOIN trace('{id}') child ON child.parent_span_id = parent.span_id"
    );
    assert_eq!(fixture.rows(&sql).await, json!([["0000000000000002", "v"]]));
    let filtered =
        format!("SELECT name FROM trace('{id}') WHERE parent_span_id IS NOT NULL AND start_time > '2026-01-01'");
    assert_eq!(fixture.rows(&filtered).await, json!([["work"]]));
}

#[tokio::test]
async fn a_wrong_id_is_named() {
    let fixture = Fixture::new().await;
    for (call, mentioned) in [
        ("trace('xyz')", "'xyz' is not a trace id"),
        ("trace('00000000000000000000000000000000')", "not all zero"),
        ("trace('5b8e')", "32 hex digits"),
        ("trace()", "takes one argument"),
        ("trace('a', 'b')", "takes one argument"),
        ("trace(5)", "a trace id as text"),
    ] {
        let error = fixture.error(&format!("SELECT * FROM {call}")).await;
        assert!(matches!(error, QueryError::Plan { .. }), "{call}: {error:?}");
        assert!(error.to_string().contains(mentioned), "{call}: {error}");
    }
}
