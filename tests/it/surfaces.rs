//! What a server shows of itself: health, metrics, its own telemetry, reflection, CORS, the definition of its API.

use std::io::Read;

use prost::Message;
use serde_json::Value;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::harness::{
    Server, T0, Transport, eventually, frame, gauge_point, log_record, logs_request, message_of, metrics_request, span,
    spans_request,
};

const OTLP_SERVICES: [&str; 3] = [
    "opentelemetry.proto.collector.logs.v1.LogsService",
    "opentelemetry.proto.collector.metrics.v1.MetricsService",
    "opentelemetry.proto.collector.trace.v1.TraceService",
];

#[tokio::test]
async fn health_over_http_and_grpc() {
    let server = Server::start(&[]).await;
    for path in ["/healthz", "/ready"] {
        assert_eq!(server.get(path).await.status(), 200, "{path}");
    }
    let mut health = HealthClient::new(server.channel());
    for service in OTLP_SERVICES.into_iter().chain([""]) {
        let request = HealthCheckRequest { service: service.to_owned() };
        let status = health.check(request).await.unwrap().into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{service:?}");
    }
    let unknown = health.check(HealthCheckRequest { service: "no.such".to_owned() }).await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::NotFound);
}

#[derive(Clone, PartialEq, Message)]
struct ReflectionRequest {
    #[prost(string, optional, tag = "4")]
    file_containing_symbol: Option<String>,
    #[prost(string, optional, tag = "7")]
    list_services: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct ReflectionResponse {
    #[prost(message, optional, tag = "4")]
    files: Option<Files>,
    #[prost(message, optional, tag = "6")]
    services: Option<Services>,
}

#[derive(Clone, PartialEq, Message)]
struct Files {
    #[prost(bytes = "vec", repeated, tag = "1")]
    files: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct Services {
    #[prost(message, repeated, tag = "1")]
    services: Vec<ServiceName>,
}

#[derive(Clone, PartialEq, Message)]
struct ServiceName {
    #[prost(string, tag = "1")]
    name: String,
}

#[tokio::test]
async fn grpc_reflection_lists_and_describes_the_services() {
    let server = Server::start(&[]).await;
    for version in ["v1", "v1alpha"] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let ask = async |request: ReflectionRequest| -> ReflectionResponse {
            let body = frame(false, &request.encode_to_vec());
            let answer = server.call(&path, &[("content-type", "application/grpc"), ("te", "trailers")], body).await;
            assert_eq!(answer.code(), tonic::Code::Ok, "{version}: {:?}", answer.status);
            message_of(&answer.body)
        };
        let list = ReflectionRequest { list_services: Some("*".to_owned()), ..Default::default() };
        let listed: Vec<String> =
            ask(list).await.services.unwrap().services.into_iter().map(|service| service.name).collect();
        for service in OTLP_SERVICES.into_iter().chain(["grpc.health.v1.Health"]) {
            assert!(listed.iter().any(|name| name == service), "{version}: {service} is not in {listed:?}");
            let describe = ReflectionRequest { file_containing_symbol: Some(service.to_owned()), ..Default::default() };
            assert!(!ask(describe).await.files.unwrap().files.is_empty(), "{version}: {service}");
        }
    }
}

#[tokio::test]
async fn metrics_count_what_was_sent() {
    let server = Server::start(&["--set", "self_telemetry=false"]).await;
    for (trace, transport) in (1..).zip(Transport::ALL) {
        server.send(transport, spans_request("shop", (0..4).map(|index| span(trace, index)).collect())).await;
        server.send(transport, logs_request("shop", vec![log_record("a"), log_record("b"), log_record("c")])).await;
        server.send(transport, metrics_request("shop", vec![gauge_point(1.0, T0), gauge_point(2.0, T0 + 1)])).await;
    }
    for (signal, table, records) in [("traces", "spans", 44.0), ("logs", "logs", 33.0), ("metrics", "metrics", 22.0)] {
        let received =
            |metric: &str, labels: &str| format!("spandrel_receiver_{metric}_total{{{labels}signal=\"{signal}\"}}");
        assert_eq!(server.metric(&received("requests", "transport=\"grpc\",")).await, 3.0, "{signal}");
        assert_eq!(server.metric(&received("requests", "transport=\"http\",")).await, 8.0, "{signal}");
        assert_eq!(server.metric(&received("records", "")).await, records, "{signal}");
        assert!(server.metric(&received("bytes", "")).await > records, "{signal}");
        assert_eq!(server.metric(&format!("spandrel_store_appended_rows_total{{table=\"{table}\"}}")).await, records);
        assert_eq!(server.metric(&format!("spandrel_store_hot_rows{{table=\"{table}\"}}")).await, records);
    }
    assert!(server.metric("spandrel_wal_fsyncs_total").await >= 1.0, "each acknowledgement waited for one (D-1)");
    assert_eq!(server.metric("spandrel_receiver_inflight_bytes").await, 0.0);
    let response = server.get("/metrics").await;
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    let text = response.text().await.unwrap();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        assert!(text.contains(&format!("# TYPE {name} ")), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[tokio::test]
async fn a_server_stores_its_own_telemetry() {
    let server = Server::start(&[]).await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = server.client().post(server.url("/api/v1/sql")).header("traceparent", parent);
    let body = serde_json::json!({"sql": "SELECT 1"});
    assert_eq!(request.json(&body).send().await.unwrap().status(), 200);
    let own = eventually("the server stores its spans", async || {
        let rows = server
            .sql(
                "SELECT parent_span_id, kind, http_request_method, http_response_status_code, url_path FROM spans \
                  WHERE service_name = 'spandrel' AND trace_id = '0af7651916cd43dd8448eb211c80319c'",
            )
            .await;
        (!rows.rows.is_empty()).then_some(rows)
    })
    .await;
    let expected = serde_json::json!(["b7ad6b7169203331", "SERVER", "POST", 200, "/api/v1/sql"]);
    assert_eq!(Value::from(own.rows[0].clone()), expected);
    eventually("the server stores its metrics", async || {
        let points = "service_name = 'spandrel' AND name = 'spandrel_receiver_records_total'";
        (server.count("metrics", points).await >= 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn cors_is_off_until_configured() {
    let preflight = async |server: &Server, origin: &str| {
        let url = format!("http://{}/v1/traces", server.otlp_http);
        let request = server.client().request(http::Method::OPTIONS, url);
        let request = request.header("origin", origin).header("access-control-request-method", "POST");
        request.header("access-control-request-headers", "content-type,x-team").send().await.unwrap()
    };
    let server = Server::start(&[]).await;
    let answer = preflight(&server, "https://shop.example").await;
    assert!(!answer.headers().contains_key("access-control-allow-origin"), "{answer:?}");

    let origins = "otlp.http.cors_origins=https://shop.example,http://localhost:3000";
    let server = Server::start(&["--set", origins]).await;
    for origin in ["https://shop.example", "http://localhost:3000"] {
        let answer = preflight(&server, origin).await;
        assert!(answer.status().is_success(), "{answer:?}");
        assert_eq!(answer.headers()["access-control-allow-origin"], origin);
        assert!(answer.headers()["access-control-allow-methods"].to_str().unwrap().contains("POST"));
        assert!(answer.headers().contains_key("access-control-allow-headers"));
    }
    let answer = preflight(&server, "https://elsewhere.example").await;
    assert!(!answer.headers().contains_key("access-control-allow-origin"), "{answer:?}");
    let headers = [("content-type", "application/json"), ("origin", "https://shop.example")];
    let answer = server.post_otlp("traces", &headers, b"{}".to_vec()).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["access-control-allow-origin"]),
        (200, &http::HeaderValue::from_static("https://shop.example"))
    );
}

#[tokio::test]
async fn the_api_defines_itself_and_the_page_is_there() {
    let server = Server::start(&[]).await;
    let definition: Value = server.get("/api/v1/openapi.json").await.json().await.unwrap();
    assert!(definition["openapi"].as_str().unwrap().starts_with("3."), "{definition}");
    for path in ["/api/v1/sql", "/api/v1/services", "/api/v1/traces", "/api/v1/traces/{id}"] {
        assert!(definition["paths"][path].is_object(), "{path}");
    }
    let page = server.get("/").await;
    assert_eq!(page.status(), 200);
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(page.text().await.unwrap().to_lowercase().contains("<!doctype html>"));
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_take_it() {
    let server = Server::start(&[]).await;
    let request = || server.client().get(server.url("/api/v1/openapi.json"));
    let plain = request().send().await.unwrap();
    assert_eq!(
        (plain.headers().get("content-encoding"), &plain.headers()["vary"]),
        (None, &"accept-encoding".parse().unwrap())
    );
    let plain = plain.bytes().await.unwrap();
    let compressed = request().header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(compressed.headers()["content-encoding"], "gzip");
    let compressed = compressed.bytes().await.unwrap();
    assert!(compressed.len() < plain.len() / 4, "{} of {}", compressed.len(), plain.len());
    let mut read = Vec::new();
    std::io::copy(&mut flate2::read::GzDecoder::new(&compressed[..]).take(1 << 20), &mut read).unwrap();
    assert!(read == plain);
}

#[tokio::test]
async fn services_and_traces_over_the_api() {
    let server = Server::start(&[]).await;
    server.send_spans(spans_request("shop", vec![span(1, 0), span(1, 1), span(2, 0)])).await;
    let range = "from=2026-11-20T09:00:00Z&to=2026-11-20T11:00:00Z";
    let services: Value = server.get(&format!("/api/v1/services?{range}")).await.json().await.unwrap();
    let shop = services.as_array().unwrap().iter().find(|service| service["service"] == "shop").unwrap();
    assert_eq!((&shop["requests"], &shop["failures"]), (&Value::from(3), &Value::from(0)), "{shop}");
    let traces: Value = server.get(&format!("/api/v1/traces?service=shop&{range}")).await.json().await.unwrap();
    assert_eq!(traces.as_array().unwrap().len(), 2, "{traces}");
    let trace: Value = server.get("/api/v1/traces/a1a1a1a1a1a1a1a10000000000000001").await.json().await.unwrap();
    assert_eq!(trace["spans"].as_array().unwrap().len(), 2, "{trace}");
    assert_eq!(trace["trace_id"], "a1a1a1a1a1a1a1a10000000000000001");
}

#[tokio::test]
async fn the_addresses_file_names_every_listener() {
    let server = Server::start(&[]).await;
    let file = std::fs::read_to_string(server.path("addresses.json")).unwrap();
    let addresses: Value = serde_json::from_str(&file).unwrap();
    for name in ["otlp_grpc", "otlp_http", "http"] {
        let address: std::net::SocketAddr = addresses[name].as_str().unwrap().parse().unwrap();
        assert!(address.ip().is_loopback() && address.port() != 0, "{name}: {address}");
    }
}
