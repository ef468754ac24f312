//! One minute of Online Boutique, where the sample is there: every log line joins its span, and every access record the
//! span of the same duration.

use std::{io::Read, path::PathBuf};

use serde_json::Value;

use crate::harness::{Server, run};

fn sample() -> Option<PathBuf> {
    let minute = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/nezha/2022-08-22_05_19");
    minute.is_dir().then_some(minute)
}

async fn server_with_sample(minute: &std::path::Path) -> Server {
    let server = Server::start(&[]).await;
    let mut traces = Vec::new();
    let file = std::fs::File::open(minute.join("otlp_traces.json.gz")).unwrap();
    std::io::copy(&mut flate2::read::GzDecoder::new(file).take(64 << 20), &mut traces).unwrap();
    let sent = server.post_otlp("traces", &[("content-type", "application/json")], traces).await.unwrap();
    assert_eq!(sent.status(), 200);

    let url = server.url("");
    let mut arguments = vec!["import".to_owned(), "--url".to_owned(), url, "--quiet".to_owned(), "--json".to_owned()];
    for file in std::fs::read_dir(minute.join("containers")).unwrap() {
        arguments.push(file.unwrap().path().display().to_string());
    }
    let finished = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let totals: Value = serde_json::from_str(finished.text()).unwrap();
    assert_eq!((totals["lines"].as_u64(), totals["rejected"].as_u64()), (Some(7260), Some(0)), "{totals}");
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_line_joins_its_span_and_every_access_record_its_request() {
    let Some(minute) = sample() else { return };
    let expected: Value =
        serde_json::from_str(&std::fs::read_to_string(minute.join("expected.json")).unwrap()).unwrap();
    let server = server_with_sample(&minute).await;
    assert_eq!(server.count("spans", "true").await, expected["spans"].as_u64().unwrap());
    assert_eq!(server.count("logs", "true").await, expected["log_lines"].as_u64().unwrap());

    let joined = server
        .sql(
            "SELECT count(*), count(DISTINCT l.trace_id), count(*) FILTER (WHERE l.service_name = s.service_name) \
             FROM logs l JOIN spans s ON l.trace_id = s.trace_id AND l.span_id = s.span_id",
        )
        .await;
    assert_eq!(joined.rows, [[Value::from(7260), Value::from(147), Value::from(7260)]]);

    let records = server
        .sql(
            "SELECT r.trace_id, r.span_id, r.correlation_id, r.http_request_method, r.url_path, \
             r.http_response_status_code, r.duration_ns / 1000000, r.response_bytes, s.duration_ns / 1000 \
             FROM requests r JOIN spans s ON r.trace_id = s.trace_id AND r.span_id = s.span_id ORDER BY r.trace_id",
        )
        .await;
    let fields =
        ["trace_id", "span_id", "request_id", "method", "path", "status", "duration_ms", "bytes", "span_duration_us"];
    let mut wanted: Vec<Vec<Value>> = expected["access_records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| fields.iter().map(|field| record[field].clone()).collect())
        .collect();
    wanted.sort_by_key(|record| record[0].to_string());
    assert_eq!(records.rows.len(), wanted.len());
    for (found, wanted) in records.rows.iter().zip(&wanted) {
        assert_eq!(found, wanted);
        let (log_ms, span_us) = (found[6].as_i64().unwrap(), found[8].as_i64().unwrap());
        assert!((log_ms - span_us / 1000).abs() <= 1, "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_the_lines_should_not_have_said_is_not_stored() {
    let Some(minute) = sample() else { return };
    let server = server_with_sample(&minute).await;
    let cards = server.count("logs", "body LIKE '%4432-8015-6152-0454%'").await;
    assert_eq!(cards, 0, "card numbers are taken out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_trace_with_its_logs_and_its_access_record_is_one_flow() {
    let Some(minute) = sample() else { return };
    let server = server_with_sample(&minute).await;
    let requests = server.sql("SELECT trace_id, span_id, correlation_id FROM requests ORDER BY duration_ns DESC").await;
    let [trace_id, span_id, request_id] = [0, 1, 2].map(|column| requests.rows[0][column].as_str().unwrap().to_owned());
    let of_trace = format!("trace_id = '{trace_id}'");
    let (spans, logs) = (server.count("spans", &of_trace).await, server.count("logs", &of_trace).await);
    assert!(spans > 1 && logs > 1, "{spans} {logs}");
    let mut answers = Vec::new();
    for id in [&trace_id, &request_id] {
        let flow: Value = server.get(&format!("/api/v1/flows/{id}")).await.json().await.unwrap();
        assert_eq!(
            (flow["counts"]["spans"].as_u64(), flow["counts"]["logs"].as_u64()),
            (Some(spans), Some(logs)),
            "{id}"
        );
        let records = flow["records"].as_array().unwrap();
        let request = records.iter().find(|record| record["type"] == "request").unwrap();
        let parent = &records[request["parent"].as_u64().unwrap() as usize];
        assert_eq!(
            (parent["span_id"].as_str(), &request["join"]["tier"]),
            (Some(span_id.as_str()), &Value::from("T0"))
        );
        assert_eq!(flow["joins"]["T0"], records.len(), "every line names its span");
        answers.push(flow["records"].clone());
    }
    assert_eq!(answers[0], answers[1]);
}
