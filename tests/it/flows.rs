//! One request, told by spans, gateways and logs: one flow, by whichever id.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value, json};

use crate::harness::{Server, T0, attribute, log_record, logs_request, run, span, spans_request, text_value};

const TRACE: &str = "a1a1a1a1a1a1a1a10000000000000001";
/// As the client sent it, and as Envoy logged it after it had decided to trace.
const SENT: &str = "a0ba4d42-c0a8-4f4e-b2f5-3c5a3a1c8f2a";
const SAMPLED: &str = "a0ba4d42-c0a8-9f4e-b2f5-3c5a3a1c8f2a";
const MS: u64 = 1_000_000;

async fn post_lines(server: &Server, path: &str, lines: String) {
    let url = server.url(&format!("/api/v1/logs/{path}"));
    let answer = server.client().post(url).body(lines).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
}

/// nginx -> Envoy -> shop -> cart, and a log line of each service; one more request that nobody sampled.
async fn server_with_requests() -> Server {
    let server = Server::start(&["--set", "self_telemetry=false"]).await;
    let mut shop: Vec<_> = (0..2).map(|index| span(1, index)).collect();
    (shop[0].start_time_unix_nano, shop[0].end_time_unix_nano) = (T0 + 5 * MS, T0 + 95 * MS);
    shop[0].attributes.push(attribute("http.request.header.x-request-id", text_value(SAMPLED)));
    (shop[1].start_time_unix_nano, shop[1].end_time_unix_nano) = (T0 + 20 * MS, T0 + 60 * MS);
    (shop[1].kind, shop[1].parent_span_id) = (SpanKind::Client as i32, shop[0].span_id.clone());
    let mut cart = span(1, 2);
    (cart.start_time_unix_nano, cart.end_time_unix_nano) = (T0 + 25 * MS, T0 + 55 * MS);
    cart.parent_span_id = shop[1].span_id.clone();
    let mut log = log_record("cart is read");
    (log.trace_id, log.span_id, log.time_unix_nano) = (cart.trace_id.clone(), cart.span_id.clone(), T0 + 30 * MS);
    server.send_spans(spans_request("shop", shop)).await;
    server.send_spans(spans_request("cart", vec![cart])).await;
    server.send_logs(logs_request("cart", vec![log])).await;

    let envoy = |id: &str, time: &str| {
        format!(
            "[2026-11-20T10:00:{time}Z] \"GET /cart HTTP/1.1\" 200 - 0 5 98 97 \"-\" \"curl\" \"{id}\" \"shop\" \"10.0.0.1:8080\"\n"
        )
    };
    post_lines(&server, "envoy", envoy(SAMPLED, "00.001") + &envoy("00000000-aaaa-4bbb-8ccc-1234567890ab", "30.000"))
        .await;
    let nginx = |id: &str, time: &str| {
        format!(
            "{{\"msec\":\"{time}\",\"request\":\"GET /cart HTTP/1.1\",\"status\":\"200\",\"request_time\":\"0.100\",\"http_x_request_id\":\"{id}\"}}\n"
        )
    };
    post_lines(&server, "nginx?service=edge", nginx(SENT, "1795168800.100")).await;
    let application = |id: &str, time: &str| {
        format!(
            "{{\"time\":\"2026-11-20T10:00:{time}Z\",\"level\":\"info\",\"msg\":\"priced\",\"x-request-id\":\"{id}\"}}\n"
        )
    };
    let unsampled = application("00000000-aaaa-9bbb-8ccc-1234567890ab", "30.050");
    post_lines(&server, "json?service=shop", application(SENT, "00.050") + &unsampled).await;
    server
}

fn lines(flow: &Value) -> Vec<String> {
    let line = |record: &Value| {
        let indent = "  ".repeat(record["depth"].as_u64().unwrap() as usize);
        let words = [&record["type"], &record["service"], &record["join"]["tier"]].map(|word| word.as_str().unwrap());
        format!("{indent}{}", words.join(" "))
    };
    flow["records"].as_array().unwrap().iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn spans_gateway_records_and_logs_of_a_request_are_one_flow() {
    let server = server_with_requests().await;
    let gateways = server.sql("SELECT gateway FROM requests WHERE source = 'envoy' LIMIT 1").await;
    let envoy = gateways.rows[0][0].as_str().unwrap().to_owned();
    let expected = [
        "request edge T2".to_owned(),
        format!("  request {envoy} T2"),
        "    span shop T2".to_owned(),
        "      span shop T0".to_owned(),
        "        span cart T0".to_owned(),
        "          log cart T0".to_owned(),
        "      log shop T2".to_owned(),
    ];
    for id in [TRACE, SENT, SAMPLED] {
        let flow: Value = server.get(&format!("/api/v1/flows/{id}")).await.json().await.unwrap();
        assert_eq!(lines(&flow), expected, "{id}: {flow:#}");
        assert_eq!(flow["completeness"], 1.0);
        assert_eq!(flow["counts"], json!({"spans": 3, "requests": 2, "logs": 2, "breakers": 0}));
        let rows = server.sql(&format!("SELECT type, service_name FROM flow('{id}')")).await;
        assert_eq!(rows.rows.len(), 7, "{id}");
    }

    let unsampled: Value = server.get("/api/v1/flows/00000000-aaaa-4bbb-8ccc-1234567890ab").await.json().await.unwrap();
    assert_eq!(lines(&unsampled), [format!("request {envoy} T2"), "  log shop T2".to_owned()], "{unsampled:#}");
    assert_eq!(unsampled["records"][0]["gap"], "not_sampled: no span of the request is stored");
    assert_eq!(unsampled["completeness"], 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn flow_prints_a_tree() {
    let server = server_with_requests().await;
    let url = server.url("");
    let tree = run(&["flow", "--url", &url, SENT]);
    assert_eq!(tree.code, Some(0), "{}", tree.stderr);
    let depths: Vec<usize> =
        tree.text().lines().skip(2).map(|line| (line.len() - line.trim_start().len()) / 2).collect();
    assert_eq!(depths, [0, 1, 2, 3, 4, 5, 3], "{}", tree.text());
    for text in ["3 spans, 2 requests, 2 logs", "complete 100.0 %", "cart is read", "GET /cart", "90.000 ms", "T2"] {
        assert!(tree.text().contains(text), "{text} in {}", tree.text());
    }
    let json = run(&["flow", "--url", &url, "--format", "json", SENT]);
    let document: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(document["records"].as_array().unwrap().len(), 7);
    let csv = run(&["flow", "--url", &url, "--format", "csv", SENT]);
    assert_eq!(csv.text().lines().count(), 8, "{}", csv.text());
    assert!(csv.text().starts_with("position,parent,depth,type,time,"), "{}", csv.text());

    for (id, code, says) in [("-", 2, "no id"), ("1234567", 2, "no id"), ("nobody-knows-it", 1, "nobody-knows-it")] {
        let wrong = run(&["flow", "--url", &url, "--", id]);
        assert_eq!((wrong.code, wrong.text()), (Some(code), ""), "{id}: {}", wrong.stderr);
        assert!(wrong.stderr.contains(says), "{id}: {}", wrong.stderr);
    }
    let stopped = server.terminate().await;
    let offline = run(&["flow", "--data-dir", stopped.path("data").to_str().unwrap(), SENT]);
    assert_eq!(offline.text(), tree.text(), "{}", offline.stderr);
}
