//! Which statements run, and what a wrong one is answered.

use serde_json::json;
use spandrel_proto::model::Table;

use super::support::{Fixture, Span};
use crate::QueryError;

#[tokio::test]
async fn the_catalog_can_be_looked_at() {
    let fixture = Fixture::new().await;
    let tables = fixture.text("SHOW TABLES").await;
    for table in ["spans", "logs", "metrics"] {
        assert!(tables.contains(table), "{tables}");
    }
    assert!(fixture.text("DESCRIBE spans").await.contains("trace_id"));
    let sql =
        "SELECT data_type FROM information_schema.columns WHERE table_name = 'spans' AND column_name = 'trace_id'";
    assert_eq!(fixture.rows(sql).await, json!([["Utf8"]]));
    assert!(fixture.text("SHOW ALL").await.contains("datafusion.execution.batch_size"));
    assert!(fixture.text("EXPLAIN SELECT 1").await.contains("logical_plan"));
}

#[tokio::test]
async fn statements_that_write_are_refused() {
    let fixture = Fixture::new().await;
    fixture.append(&[Span::default()]).await;
    for sql in [
        "INSERT INTO spans SELECT * FROM spans",
        "DELETE FROM spans",
        "UPDATE spans SET name = 'x'",
        "DROP TABLE spans",
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '/etc'",
        "COPY spans TO '/tmp/spandrel-copy.parquet'",
        "SET datafusion.execution.batch_size = 1",
        "SELECT * INTO t FROM spans",
        "EXPLAIN INSERT INTO spans SELECT * FROM spans",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
    ] {
        let error = fixture.error(sql).await;
        assert!(matches!(error, QueryError::NotReadOnly { .. } | QueryError::Plan { .. }), "{sql}: {error:?}");
    }
    assert_eq!(fixture.rows("SELECT count(*) FROM spans").await, json!([[1]]));
}

#[tokio::test]
async fn nothing_outside_the_tables_can_be_read() {
    let fixture = Fixture::new().await;
    for sql in [
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM '/etc/hosts.csv'",
        "SELECT * FROM 'file:///tmp/x.parquet'",
        "SELECT * FROM 'http://127.0.0.1/x.parquet'",
        "SELECT * FROM \"/tmp/x.parquet\"",
        "SELECT * FROM read_parquet('/tmp/x.parquet')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM parquet_metadata('/tmp/x.parquet')",
    ] {
        let error = fixture.error(sql).await;
        let named =
            matches!(error, QueryError::UnknownTable { .. } | QueryError::Plan { .. } | QueryError::Syntax { .. });
        assert!(named, "{sql}: {error:?}");
    }
}

#[tokio::test]
async fn unknown_names_come_with_a_suggestion() {
    let fixture = Fixture::new().await;
    let error = fixture.error("SELECT * FROM span").await;
    let tables = Table::ALL.map(Table::name).join(", ");
    assert_eq!(error.to_string(), format!("there is no table 'span', did you mean 'spans'?; tables: {tables}"));
    let error = fixture.error("SELECT count(*) FROM (SELECT 1) a JOIN customers ON true").await;
    assert_eq!(error.to_string(), format!("there is no table 'customers'; tables: {tables}"));
    let error = fixture.error("SELECT servicename FROM spans").await;
    assert!(matches!(error, QueryError::UnknownColumn { .. }), "{error:?}");
    assert!(error.to_string().contains("did you mean 'service_name'"), "{error}");
    let error = fixture.error("SELECT nosuch(1)").await;
    assert!(error.to_string().contains("nosuch"), "{error}");
    let error = fixture.error("SELECT * FROM nosuch(1)").await;
    assert!(error.to_string().contains("nosuch"), "{error}");
}

#[tokio::test]
async fn syntax_errors_say_where() {
    let fixture = Fixture::new().await;
    let error = fixture.error("SELECT name\nFROM spans WHERE )").await;
    assert!(matches!(error, QueryError::Syntax { .. }), "{error:?}");
    assert!(error.to_string().contains("Line: 2"), "{error}");
    assert!(matches!(fixture.error("SELECT 'unterminated").await, QueryError::Syntax { .. }));
    assert!(matches!(fixture.error("SELECT 1; DROP TABLE spans").await, QueryError::ManyStatements { count: 2 }));
    assert!(matches!(fixture.error("  ").await, QueryError::Syntax { .. }));
}

#[tokio::test]
async fn values_that_cannot_be_computed_with_are_the_callers_fault() {
    let fixture = Fixture::new().await;
    fixture.append(&[Span::default()]).await;
    for sql in [
        "SELECT duration_ns / (duration_ns - duration_ns) FROM spans",
        "SELECT CAST(name AS BIGINT) FROM spans",
        "SELECT 1 / 0",
        "SELECT CAST('x' AS BIGINT)",
        "SELECT count(*) FROM spans WHERE start_time > 'yesterday'",
    ] {
        let error = fixture.error(sql).await;
        assert!(matches!(error, QueryError::Execution { .. } | QueryError::Plan { .. }), "{sql}: {error:?}");
    }
}

#[tokio::test]
async fn functions_without_bound_are_not_there() {
    let fixture = Fixture::new().await;
    for sql in [
        "SELECT repeat('x', 2000000000)",
        "SELECT lpad('x', 2000000000, 'y')",
        "SELECT range(1, 10000000000)",
        "SELECT generate_series(1, 10000000000)",
        "SELECT array_repeat(1, 10000000000)",
        "SELECT list_repeat(1, 10000000000)",
    ] {
        assert!(matches!(fixture.error(sql).await, QueryError::Plan { .. }), "{sql}");
    }
    assert_eq!(fixture.rows("SELECT sum(value) FROM generate_series(1, 10)").await, json!([[55]]));
}

#[tokio::test]
async fn time_functions_use_the_clock_of_the_engine() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.rows("SELECT now()").await, json!([["2026-11-20T11:00:00.000000000Z"]]));
    assert_eq!(fixture.rows("SELECT current_date").await, json!([["2026-11-20"]]));
}
