//! What was acknowledged is there after a restart, once; and the data directory can be read without a server.

use crate::harness::{
    Server, T0, Transport, gauge_point, log_record, logs_request, metrics_request, span, spans_request,
};

const TABLES: [&str; 3] = ["spans", "logs", "metrics"];

async fn send_some(server: &Server, first_trace: u64, traces: u64) {
    for trace in first_trace..first_trace + traces {
        let spans = (0..10).map(|index| span(trace, index)).collect();
        server.send_spans(spans_request("shop", spans)).await;
        server.send_logs(logs_request("shop", vec![log_record("a"), log_record("b")])).await;
        let points = vec![gauge_point(trace as f64, T0 + trace)];
        server.send(Transport::Protobuf("gzip"), metrics_request("shop", points)).await;
    }
}

async fn counts(server: &Server) -> Vec<u64> {
    let mut counts = Vec::new();
    for table in TABLES {
        counts.push(server.count(table, "service_name = 'shop'").await);
    }
    counts
}

#[tokio::test]
async fn d_1_v_1_every_kind_of_restart_keeps_each_row_once() {
    let mut server = Server::start(&[]).await;
    let mut traces = 0;
    for round in 0..4 {
        send_some(&server, traces, 5).await;
        traces += 5;
        let expected = vec![traces * 10, traces * 2, traces];
        assert_eq!(counts(&server).await, expected, "round {round}, as acknowledged");
        // Rows of earlier rounds are in files, those of this one in the log, when the kill comes after a clean stop.
        let stopped = if round % 2 == 0 { server.kill9().await } else { server.terminate().await };
        server = stopped.start().await;
        assert_eq!(counts(&server).await, expected, "round {round}, after the restart");
    }
    let sums = server.sql("SELECT sum(value), count(DISTINCT time) FROM metrics WHERE service_name = 'shop'").await;
    assert_eq!(sums.rows, [[serde_json::json!(190.0), serde_json::json!(20)]]);
}

#[tokio::test]
async fn a_clean_stop_writes_everything_to_parquet() {
    let server = Server::start(&["--set", "self_telemetry=false"]).await;
    send_some(&server, 0, 3).await;
    assert_eq!(server.metric("spandrel_store_hot_rows{table=\"spans\"}").await, 30.0);
    let server = server.terminate().await.start().await;
    for (table, rows) in TABLES.into_iter().zip([30.0, 6.0, 3.0]) {
        let of_table = |metric: &str| format!("{metric}{{table=\"{table}\"}}");
        assert_eq!(server.metric(&of_table("spandrel_store_file_rows")).await, rows, "{table}");
        assert_eq!(server.metric(&of_table("spandrel_store_hot_rows")).await, 0.0, "{table}");
    }
    assert_eq!(counts(&server).await, [30, 6, 3]);
    assert_eq!(server.metric("spandrel_wal_replayed_rows_total").await, 0.0);
}

#[tokio::test]
async fn a_data_directory_answers_as_its_server_did() {
    let statements = [
        "SELECT * FROM spans WHERE service_name = 'shop' ORDER BY trace_id, span_id",
        "SELECT * FROM logs WHERE service_name = 'shop' ORDER BY body",
        "SELECT * FROM metrics WHERE service_name = 'shop' ORDER BY time",
        "SELECT * FROM trace('a1a1a1a1a1a1a1a10000000000000003') ORDER BY span_id",
        "SELECT * FROM red('2026-11-20T09:00:00Z', '2026-11-20T11:00:00Z', '1m') WHERE service_name = 'shop'",
    ];
    let server = Server::start(&[]).await;
    send_some(&server, 1, 4).await;
    let mut answers = Vec::new();
    for statement in statements {
        answers.push(server.sql(statement).await);
    }
    assert!(answers.iter().all(|answer| !answer.rows.is_empty()), "{answers:?}");

    // Killed: the rows are in the log only.
    let stopped = server.kill9().await;
    for (statement, answer) in statements.iter().zip(&answers) {
        assert_eq!(&stopped.sql(statement), answer, "over the log: {statement}");
    }
    let stopped = stopped.start().await.terminate().await;
    for (statement, answer) in statements.iter().zip(&answers) {
        assert_eq!(&stopped.sql(statement), answer, "over files: {statement}");
    }
    // Reading changed nothing for the next server.
    let server = stopped.start().await;
    for (statement, answer) in statements.iter().zip(&answers) {
        assert_eq!(&server.sql(statement).await, answer, "a server again: {statement}");
    }
}

#[tokio::test]
async fn a_data_directory_in_use_is_refused() {
    let server = Server::start(&[]).await;
    let data_dir = server.path("data").display().to_string();
    let refused = crate::harness::run(&["sql", "--data-dir", &data_dir, "SELECT 1"]);
    assert_eq!((refused.code, refused.text()), (Some(1), ""));
    assert!(refused.stderr.contains(&data_dir) && refused.stderr.contains("in use"), "{}", refused.stderr);

    let addresses = ["--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--http", "127.0.0.1:0"];
    let mut second = vec!["serve", "--data-dir", &data_dir];
    second.extend(addresses);
    let refused = crate::harness::run(&second);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("in use"), "{}", refused.stderr);
    assert_eq!(server.count("spans", "service_name = 'shop'").await, 0);
}
