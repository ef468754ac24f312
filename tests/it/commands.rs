//! Commands that talk to a server, and the forms of their answers.

use arrow::{array::AsArray, datatypes::Int64Type, ipc::reader::StreamReader};
use serde_json::{Value, json};

use crate::harness::{Server, run, run_with_input, span, spans_request};

const STATEMENT: &str = "SELECT span_id, duration_ns, start_time, attributes, parent_span_id FROM spans \
                         WHERE service_name = 'shop' ORDER BY span_id";

async fn server_with_spans() -> Server {
    let server = Server::start(&[]).await;
    let mut spans: Vec<_> = (0..3).map(|index| span(1, index)).collect();
    spans[1].parent_span_id = spans[0].span_id.clone();
    spans[2].parent_span_id = spans[1].span_id.clone();
    server.send_spans(spans_request("shop", spans)).await;
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn sql_writes_every_form() {
    let server = server_with_spans().await;
    let url = server.url("");
    let answer = |format: &str| {
        let finished = run(&["sql", "--url", &url, "--format", format, STATEMENT]);
        assert_eq!(finished.code, Some(0), "{format}: {}", finished.stderr);
        finished
    };
    let json: Value = serde_json::from_slice(&answer("json").stdout).unwrap();
    let first = json!(["0000000000000001", 1_000_000, "2026-11-20T10:00:00.000000000Z", {"user.id": "7"}, null]);
    assert_eq!(json["rows"][0], first);
    assert_eq!(json["rows"].as_array().unwrap().len(), 3);
    assert_eq!(json["columns"][1]["name"], "duration_ns");

    let csv = answer("csv");
    let lines: Vec<&str> = csv.text().lines().collect();
    assert_eq!(lines[0], "span_id,duration_ns,start_time,attributes,parent_span_id");
    let row = "0000000000000001,1000000,2026-11-20T10:00:00.000000000Z,\"{\"\"user.id\"\":\"\"7\"\"}\",";
    assert_eq!((lines[1], lines.len()), (row, 4));

    let ndjson = answer("ndjson");
    let rows: Vec<Value> = ndjson.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((rows.len(), &rows[2]["parent_span_id"]), (3, &json!("0000000000000002")));

    let table = answer("table");
    for text in ["span_id", "duration_ns", "0000000000000003", "1000000"] {
        assert!(table.text().contains(text), "{}", table.text());
    }

    let arrow = answer("arrow");
    let batches: Vec<_> = StreamReader::try_new(&arrow.stdout[..], None).unwrap().map(Result::unwrap).collect();
    assert_eq!(batches.iter().map(arrow::record_batch::RecordBatch::num_rows).sum::<usize>(), 3);
    assert_eq!(batches[0].column_by_name("duration_ns").unwrap().as_primitive::<Int64Type>().value(0), 1_000_000);
}

#[tokio::test]
async fn the_api_writes_what_it_is_asked_for() {
    let server = server_with_spans().await;
    for (accept, content_type, start) in [
        ("application/json", "application/json", &b"{\"columns\":"[..]),
        ("*/*", "application/json", b"{\"columns\":"),
        ("application/x-ndjson", "application/x-ndjson", b"{\"span_id\":"),
        ("text/csv", "text/csv; charset=utf-8", b"span_id,"),
        ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream", &[0xff; 4]),
    ] {
        let request = server.client().post(server.url("/api/v1/sql")).header("accept", accept);
        let response = request.json(&json!({"sql": STATEMENT})).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], content_type, "{accept}");
        let body = response.bytes().await.unwrap();
        assert!(body.starts_with(start), "{accept}: {body:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn exit_codes_say_what_went_wrong() {
    let server = server_with_spans().await;
    let url = server.url("");
    let from_input = run_with_input(&["sql", "--url", &url, "--format", "csv"], "SELECT 1 AS one");
    assert_eq!((from_input.code, from_input.text()), (Some(0), "one\n1\n"));
    for (statement, says) in
        [("SELEC 1", "syntax error"), ("SELECT * FROM span", "spans"), ("DROP TABLE spans", "refused")]
    {
        let wrong = run(&["sql", "--url", &url, statement]);
        assert_eq!((wrong.code, wrong.text()), (Some(2), ""), "{statement}");
        assert!(wrong.stderr.contains(says), "{statement}: {}", wrong.stderr);
    }
    let stopped = server.terminate().await;
    let wrong = stopped.run_sql("SELECT * FROM span");
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("spans"), "{}", wrong.stderr);
    let nobody = run(&["sql", "--url", &url, "SELECT 1"]);
    assert_eq!((nobody.code, nobody.text()), (Some(3), ""));
    assert!(nobody.stderr.contains(&url) && nobody.stderr.contains("spandrel serve"), "{}", nobody.stderr);
    let nothing = run(&["sql", "--data-dir", "/no/such/directory", "SELECT 1"]);
    assert_eq!(nothing.code, Some(1));
    assert!(nothing.stderr.contains("/no/such/directory does not exist"), "{}", nothing.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn trace_prints_a_tree() {
    let server = server_with_spans().await;
    let url = server.url("");
    let id = "a1a1a1a1a1a1a1a10000000000000001";
    let tree = run(&["trace", "--url", &url, id]);
    assert_eq!(tree.code, Some(0), "{}", tree.stderr);
    let depths: Vec<usize> = tree.text().lines().map(|line| line.len() - line.trim_start().len()).collect();
    assert_eq!(depths, [0, 2, 4], "{}", tree.text());
    assert!(tree.text().contains("GET /items/2") && tree.text().contains("1.000 ms"), "{}", tree.text());
    assert_eq!(run(&["trace", "--url", &url, "xyz"]).code, Some(2));
    assert_eq!(run(&["trace", "--url", &url, &"9".repeat(32)]).code, Some(1));
    let stopped = server.terminate().await;
    let offline = run(&["trace", "--data-dir", stopped.path("data").to_str().unwrap(), id]);
    assert_eq!(offline.text(), tree.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn load_reports_what_is_stored() {
    let server = Server::start(&["--set", "self_telemetry=false"]).await;
    for (protocol, address) in [("grpc", server.otlp_grpc.clone()), ("http", server.otlp_http.clone())] {
        let before = server.count("spans", "true").await;
        let acked = server.path(protocol);
        let finished = run(&[
            "load",
            "--endpoint",
            &format!("http://{address}"),
            "--protocol",
            protocol,
            "--rate",
            "4000",
            "--duration",
            "1s",
            "--batch",
            "200",
            "--json",
            "--acked-file",
            acked.to_str().unwrap(),
        ]);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        let report: Value = serde_json::from_slice(&finished.stdout).unwrap();
        let accepted = report["accepted_spans"].as_u64().unwrap();
        assert!(accepted > 0, "{report}");
        for none in ["rejected_spans", "refused_spans", "failed_spans"] {
            assert_eq!(report[none], 0, "{report}");
        }
        assert_eq!(server.count("spans", "true").await - before, accepted);

        let acked = std::fs::read_to_string(acked).unwrap();
        let mut spans = 0;
        let mut counts = std::collections::HashMap::new();
        for row in server.sql("SELECT trace_id, count(*) FROM spans GROUP BY trace_id").await.rows {
            counts.insert(row[0].as_str().unwrap().to_owned(), row[1].as_u64().unwrap());
        }
        for line in acked.lines() {
            let (trace, count) = line.split_once(' ').unwrap();
            let count: u64 = count.parse().unwrap();
            assert_eq!(counts.get(trace), Some(&count), "{trace}");
            spans += count;
        }
        assert_eq!(spans, accepted, "{protocol}");
    }
}

#[test]
fn help_and_completions() {
    let help = run(&["--help"]);
    assert_eq!(help.code, Some(0));
    for text in ["serve", "demo", "sql", "trace", "load", "config", "completions", "Exit codes"] {
        assert!(help.text().contains(text), "{text}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]);
        assert_eq!(script.code, Some(0));
        assert!(script.text().contains("spandrel"), "{shell}");
    }
    assert_eq!(run(&[]).code, Some(2));
}
