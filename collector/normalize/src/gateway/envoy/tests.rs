use proptest::prelude::*;

use super::*;
use crate::{
    gateway::reading::{attribute, context, log, nanos, refusal, request, sample, survives},
    record::{RequestRecord, Side},
};

const ID: &str = "3f6c1d52-8a07-9c1e-b7d4-52f09e1a66c8";

fn read<'a>(format: &Arc<dyn Format>, line: &'a str) -> RequestRecord<'a> {
    request(&**format, line)
}

fn plain() -> FormatOptions {
    FormatOptions::default()
}

#[test]
fn default_text_of_envoy() {
    let line = format!(
        r#"[2026-03-01T10:00:00.310Z] "POST /api/cart?item=7 HTTP/2" 204 - 154 0 226 100 "198.51.100.7, 10.0.0.1" "shop "app"/2" "{ID}" "shop.example:8443" "tcp://10.0.2.1:80""#
    );
    let record = read(&envoy(&plain()).unwrap(), &line);
    assert_eq!(record.start_time, nanos("2026-03-01T10:00:00.310Z"));
    assert_eq!((record.duration_ns, record.upstream_duration_ns), (Some(226_000_000), Some(100_000_000)));
    assert_eq!((record.method.as_deref(), record.path.as_deref()), (Some("POST"), Some("/api/cart")));
    assert_eq!((record.status, record.upstream_status), (Some(204), Some(204)));
    assert_eq!((record.request_bytes, record.response_bytes), (Some(154), Some(0)));
    assert_eq!(record.client_address.as_deref(), Some("198.51.100.7"));
    assert_eq!(record.user_agent.as_deref(), Some(r#"shop "app"/2"#));
    assert_eq!(record.ids.correlation, [ID]);
    assert_eq!(record.server_address.as_deref(), Some("shop.example"));
    assert_eq!(record.upstream_address.as_deref(), Some("10.0.2.1:80"));
    assert_eq!(attribute(&record, "url.query"), Some("item=7"));
    assert_eq!(attribute(&record, "server.port"), Some("8443"));
    assert_eq!(attribute(&record, "network.protocol.version"), Some("2"));
    assert_eq!((record.source, record.side, record.response_flags), ("envoy", Side::Edge, None));
}

#[test]
fn istio_text_of_each_age() {
    let istio = istio(&plain()).unwrap();
    let outbound = format!(
        r#"[2026-03-01T10:00:00.310Z] "GET /reviews/7 HTTP/1.1" 503 UF,URX upstream_reset_before_response_started{{connection_failure}} - "delayed connect error: Connection refused" 0 152 31 - "-" "curl/8.5" "{ID}" "reviews:9080" "10.2.0.9:9080" outbound|9080|v1|reviews.shop.svc.cluster.local - 10.96.3.4:9080 10.2.0.5:41604 - default"#
    );
    let record = read(&istio, &outbound);
    assert_eq!((record.side, record.status), (Side::Outbound, Some(503)));
    assert_eq!(record.upstream_service.as_deref(), Some("reviews"));
    assert_eq!(attribute(&record, "service.peer.namespace"), Some("shop"));
    assert_eq!(attribute(&record, "envoy.upstream_subset"), Some("v1"));
    assert_eq!(record.response_flags.as_deref(), Some("UF,URX"));
    assert_eq!(record.error.as_deref(), Some("delayed connect error: Connection refused"));
    assert_eq!((record.upstream_status, record.upstream_duration_ns, record.route), (None, None, None));
    assert_eq!(record.client_address.as_deref(), Some("10.2.0.5"));

    let inbound = format!(
        r#"[2026-03-01T10:00:00.310Z] "GET /reviews/7 HTTP/1.1" 200 - via_upstream - "-" 0 379 12 11 "-" "curl/8.5" "{ID}" "reviews:9080" "10.2.0.9:9080" inbound|9080|| 127.0.0.6:44311 10.2.0.9:9080 10.2.0.5:39106 outbound_.9080_._.reviews.shop.svc.cluster.local default"#
    );
    let record = read(&istio, &inbound);
    assert_eq!((record.side, record.upstream_service.as_deref()), (Side::Inbound, Some("reviews")));
    assert_eq!((record.upstream_status, record.error), (Some(200), None));

    let older = format!(
        r#"[2019-03-01T10:00:00.310Z] "GET /a HTTP/1.1" 200 - "-" 0 379 12 11 "-" "curl/7" "{ID}" "cart:80" "10.2.0.9:80" outbound|80||cart.shop.svc.cluster.local - 10.96.3.4:80 10.2.0.5:41604 -"#
    );
    let record = read(&istio, &older);
    assert_eq!((record.response_bytes, record.upstream_service.as_deref()), (Some(379), Some("cart")));
    let mixer = older.replacen(r#""-" 0"#, r#""-" "-" 0"#, 1) + " default";
    assert_eq!(read(&istio, &mixer).duration_ns, Some(12_000_000));
}

#[test]
fn an_outbound_record_of_a_gateway_is_at_the_edge() {
    let line = r#"{"start_time":"2026-03-01T10:00:00.310Z","method":"GET","path":"/","response_code":200,"response_flags":"-","upstream_cluster":"outbound|80||cart.shop.svc.cluster.local"}"#;
    let istio = istio(&plain()).unwrap();
    for (service, side) in
        [(None, Side::Outbound), (Some("istio-ingressgateway"), Side::Edge), (Some("cart"), Side::Outbound)]
    {
        let mut output = Output::default();
        istio.parse(line, &context(service), &mut output).unwrap();
        assert_eq!(output.requests[0].side, side, "{service:?}");
    }
}

#[test]
fn kuma_names_mesh_trace_and_services() {
    let kuma = kuma(&plain()).unwrap();
    let line = format!(
        r#"[2026-03-01T10:00:00.310Z] default "GET /a HTTP/1.1" 200 - 0 5 3 2 "-" "curl/8" "4bf92f3577b34da6a3ce929d0e0e4736" "{ID}" "cart:80" "web_shop_svc_80" "cart_shop_svc_80" "10.2.0.5" "10.2.0.9:80""#
    );
    let record = read(&kuma, &line);
    assert_eq!((record.side, record.gateway.as_deref()), (Side::Outbound, Some("web")));
    assert_eq!(record.upstream_service.as_deref(), Some("cart"));
    assert_eq!(attribute(&record, "kuma.mesh"), Some("default"));
    assert_eq!(record.ids.trace_id.map(|id| id[0]), Some(0x4b));
    let tcp = "[2026-03-01T10:00:00.310Z] - default 10.2.0.5(web_shop_svc_80)->10.2.0.9:5432(db_shop_svc_5432) took 31ms, sent 12 bytes, received: 99 bytes";
    let record = read(&kuma, tcp);
    assert_eq!((record.duration_ns, record.request_bytes, record.status), (Some(31_000_000), Some(99), None));
    assert_eq!((record.upstream_service.as_deref(), record.cancelled), (Some("db"), false));
}

#[test]
fn emissary_and_app_mesh_text() {
    let text = format!(
        r#"[2026-03-01T10:00:00.310Z] "GET /a HTTP/1.1" 200 - 0 5 3 2 "-" "curl/8" "{ID}" "cart:80" "127.0.0.1:8080""#
    );
    assert_eq!(read(&app_mesh(&plain()).unwrap(), &text).side, Side::Inbound);
    let access = format!("ACCESS {text}");
    assert_eq!(read(&emissary(&plain()).unwrap(), &access).duration_ns, Some(3_000_000));
    assert_eq!(refusal(&*emissary(&plain()).unwrap(), &text), LineReason::Format);
}

#[test]
fn json_with_numbers_texts_and_nulls() {
    let gateway = envoy_gateway(&plain()).unwrap();
    let line = format!(
        r#"{{":authority":"shop.example","bytes_received":0,"bytes_sent":"93","connection_termination_details":null,"duration":15,"method":"GET","protocol":"HTTP/1.1","requested_server_name":null,"response_code":200,"response_code_details":"via_upstream","response_flags":"-","route_name":"httproute/shop/cart/rule/0","start_time":"2026-03-01T10:00:00.310Z","upstream_cluster":"httproute/shop/cart/rule/0","upstream_host":"10.2.0.9:80","upstream_transport_failure_reason":"-","user-agent":"a\"b","x-envoy-origin-path":"/cart?x","x-envoy-upstream-service-time":"14","x-forwarded-for":"198.51.100.7","x-request-id":"{ID}","x_b3_traceid":"4bf92f3577b34da6","tenant":"t1","labels":{{"a":1}},"attempts":2.5}}"#
    );
    let record = read(&gateway, &line);
    assert_eq!((record.status, record.response_bytes, record.request_bytes), (Some(200), Some(93), Some(0)));
    assert_eq!((record.duration_ns, record.upstream_duration_ns), (Some(15_000_000), Some(14_000_000)));
    assert_eq!((record.path.as_deref(), record.user_agent.as_deref()), (Some("/cart"), Some("a\"b")));
    assert_eq!(record.route.as_deref(), Some("httproute/shop/cart/rule/0"));
    assert_eq!(record.upstream_service, None);
    assert_eq!(attribute(&record, "envoy.tenant"), Some("t1"));
    assert_eq!(attribute(&record, "envoy.labels.a"), Some("1"));
    assert_eq!(attribute(&record, "envoy.attempts"), Some("2.5"));
}

#[test]
fn signs_of_failure() {
    let envoy = envoy(&plain()).unwrap();
    for (members, status, cancelled, error, flags, rpc) in [
        (r#""response_code":0,"response_flags":"DC""#, None, true, None, Some("DC"), None),
        (r#""response_code":0,"response_flags":"-""#, None, true, None, None, None),
        (
            r#""response_code":"503","response_flags":"NoHealthyUpstream","response_code_details":"no_healthy_upstream""#,
            Some(503),
            false,
            Some("no_healthy_upstream"),
            Some("UH"),
            None,
        ),
        (
            r#""response_code":504,"response_flags":"UT","response_code_details":"upstream_response_timeout""#,
            Some(504),
            false,
            Some("upstream_response_timeout"),
            Some("UT"),
            None,
        ),
        (
            r#""response_code":500,"response_flags":"-","response_code_details":"via_upstream""#,
            Some(500),
            false,
            None,
            None,
            None,
        ),
        (
            r#""response_code":200,"response_flags":"-","grpc_status":14"#,
            Some(200),
            false,
            None,
            None,
            Some("UNAVAILABLE"),
        ),
        (
            r#""response_code":200,"response_flags":"-","grpc_status":"DeadlineExceeded""#,
            Some(200),
            false,
            None,
            None,
            Some("DEADLINE_EXCEEDED"),
        ),
        (
            r#""response_code":200,"response_flags":"-","grpc_status":"Canceled""#,
            Some(200),
            false,
            None,
            None,
            Some("CANCELLED"),
        ),
    ] {
        let line = format!(r#"{{"method":"GET","upstream_cluster":"cart_v1",{members}}}"#);
        let record = read(&envoy, &line);
        assert_eq!((record.status, record.cancelled), (status, cancelled), "{members}");
        assert_eq!((record.error.as_deref(), record.response_flags.as_deref()), (error, flags), "{members}");
        assert_eq!(record.rpc_status.as_deref(), rpc, "{members}");
        assert_eq!(record.upstream_service.as_deref(), Some("cart_v1"));
    }
}

#[test]
fn consul_names_the_service_in_its_clusters() {
    let line = r#"{"start_time":"2026-03-01T10:00:00.310Z","response_code":200,"response_flags":"-","upstream_cluster":"cart.default.dc1.internal.11-22.consul","upstream_request_attempt_count":3}"#;
    let record = read(&consul(&plain()).unwrap(), line);
    assert_eq!((record.side, record.upstream_service.as_deref()), (Side::Outbound, Some("cart")));
    assert_eq!(attribute(&record, "http.request.resend_count"), Some("2"));
}

#[test]
fn format_strings_of_ones_own() {
    let options = |log_format: &str| FormatOptions { log_format: Some(log_format.to_owned()), ..plain() };
    let text = envoy(&options(r#"%START_TIME(%Y/%m/%d %H:%M:%S)% %REQ(X-FORWARDED-FOR)% %REQ(:METHOD)% %RESPONSE_CODE% t=%TRACE_ID% %REQ(X-TENANT)%\n"#)).unwrap();
    let record =
        read(&text, "2026/03/01 10:00:00 198.51.100.7, 10.0.0.1 GET 200 t=4bf92f3577b34da6a3ce929d0e0e4736 blue");
    assert_eq!(record.start_time, nanos("2026-03-01T10:00:00Z"));
    assert_eq!(record.client_address.as_deref(), Some("198.51.100.7"));
    assert_eq!(attribute(&record, "http.request.header.x-tenant"), Some("blue"));
    assert!(record.ids.trace_id.is_some());
    let epoch = envoy(&options("%START_TIME(%s.%3f)% %RESPONSE_CODE%")).unwrap();
    assert_eq!(read(&epoch, "1800000000.250 200").start_time, Some(1_800_000_000_250_000_000));

    let json =
        envoy(&options(r#"{"t":"%START_TIME%","c":"%RESPONSE_CODE%","ms":"%DURATION%","who":"%REQ(A)% %REQ(B)%","up":{"host":"%UPSTREAM_HOST%"}}"#))
            .unwrap();
    let record = read(&json, r#"{"t":"2026-03-01T10:00:00Z","c":200,"ms":7,"who":"x y","up":{"host":"10.2.0.9:80"}}"#);
    assert_eq!(
        (record.status, record.duration_ns, attribute(&record, "envoy.who")),
        (Some(200), Some(7_000_000), Some("x y"))
    );
    assert_eq!(refusal(&*json, r#"{"level":"info","msg":"hello"}"#), LineReason::Format);

    assert_eq!(record.upstream_address.as_deref(), Some("10.2.0.9:80"));
    for bad in ["%DURATION", "plain", "%A%%B%", "{broken"] {
        assert!(envoy(&options(bad)).is_err(), "{bad}");
    }
    let mut keys = plain();
    keys.keys.insert("rc".to_owned(), "http_response_status_code".to_owned());
    keys.keys.insert("zone".to_owned(), "cloud.availability_zone".to_owned());
    let record_line = r#"{"rc":201,"zone":"z1","method":"PUT"}"#;
    let mapped = envoy(&keys).unwrap();
    let record = read(&mapped, record_line);
    assert_eq!((record.status, attribute(&record, "cloud.availability_zone")), (Some(201), Some("z1")));
}

#[test]
fn outlier_events_of_both_schemas_become_logs() {
    let envoy = envoy(&plain()).unwrap();
    for (line, action, kind, enforced) in [
        (
            r#"{"time":"2026-03-01T10:00:00.112Z","secs_since_last_action":"-1","cluster":"cart","upstream_url":"10.2.0.9:80","action":"uneject","type":"5xx","num_ejections":"1","enforced":"true"}"#,
            "UNEJECT",
            "5xx",
            "true",
        ),
        (
            r#"{"type":"CONSECUTIVE_GATEWAY_FAILURE","cluster_name":"cart","upstream_url":"10.2.0.9:80","action":"EJECT","num_ejections":1,"enforced":true,"timestamp":"2026-03-01T10:00:00.112Z"}"#,
            "EJECT",
            "CONSECUTIVE_GATEWAY_FAILURE",
            "true",
        ),
        (
            r#"{"cluster_name":"cart","upstream_url":"10.2.0.9:80","num_ejections":1,"timestamp":"2026-03-01T10:00:00.112Z"}"#,
            "EJECT",
            "CONSECUTIVE_5XX",
            "false",
        ),
    ] {
        let mut output = Output::default();
        envoy.parse(line, &context(None), &mut output).unwrap();
        assert!(output.requests.is_empty());
        let log = &output.logs[0];
        let get = |key: &str| log.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| &**value);
        assert_eq!(log.time, nanos("2026-03-01T10:00:00.112Z"), "{line}");
        assert_eq!(log.event_name.as_deref(), Some("envoy.outlier_detection"));
        assert_eq!((get("envoy.cluster"), get("envoy.upstream_url")), (Some("cart"), Some("10.2.0.9:80")));
        assert_eq!((get("envoy.action"), get("envoy.type")), (Some(action), Some(kind)));
        assert_eq!((get("envoy.enforced"), get("envoy.num_ejections")), (Some(enforced), Some("1")));
    }
}

#[test]
fn outlier_events_of_the_sample_data_name_their_breaker() {
    let Some(lines) = sample("breaker-signals/signals.jsonl") else { return };
    let mut events = 0;
    for line in &lines {
        let signal: serde_json::Value = serde_json::from_str(line).unwrap();
        if !signal["src"].as_str().unwrap().starts_with("envoy outlier log") {
            continue;
        }
        let event = log(&*envoy(&plain()).unwrap(), signal["text"].as_str().unwrap()).attributes.iter().fold(
            (String::new(), String::new(), String::new()),
            |(cluster, host, action), (key, value)| match &**key {
                "envoy.cluster" => (value.to_string(), host, action),
                "envoy.upstream_url" => (cluster, value.to_string(), action),
                "envoy.action" => (cluster, host, value.to_string()),
                _ => (cluster, host, action),
            },
        );
        assert_eq!(signal["expect"]["breaker"], format!("{}@{}", event.0, event.1));
        assert_eq!((signal["expect"]["event"].as_str(), &*event.2), (Some("trip"), "EJECT"));
        events += 1;
    }
    assert_eq!(events, 2);
}

#[test]
fn lines_of_others_and_broken_ones_are_told_apart() {
    let envoy = envoy(&plain()).unwrap();
    for (line, reason) in [
        (r#"10.0.0.1 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "curl""#, LineReason::Format),
        (r#"{"level":"info","msg":"hello","method":"GET","status":200}"#, LineReason::Format),
        (r#"{"start_time":"2026-03-01T"#, LineReason::Json),
        (r#"{"start_time":"yesterday","upstream_host":null,"response_flags":"-"}"#, LineReason::Time),
        (r#"{"response_code":"ok","upstream_host":null,"response_flags":"-"}"#, LineReason::Field),
        (r#"{"duration":[1],"upstream_host":null,"response_flags":"-"}"#, LineReason::Field),
    ] {
        assert_eq!(refusal(&*envoy, line), reason, "{line}");
    }
}

proptest! {
    #[test]
    fn hostile_lines_never_panic(
        line in "\\PC{0,200}",
        inside in "[\\[\\]\" %|_.,:{}0-9TZ-]{0,120}",
        flags in "[A-Za-z,]{0,20}",
    ) {
        let formats = [envoy(&plain()), istio(&plain()), kuma(&plain()), emissary(&plain()), consul(&plain())];
        let json = serde_json::json!({
            "start_time": line, "upstream_cluster": inside, "response_flags": flags, "path": line, ":authority": inside,
            "upstream_host": inside, "x-forwarded-for": line, "requested_server_name": inside,
        });
        let bracketed = format!("[{inside}] \"{line}");
        for format in formats {
            let format = format.unwrap();
            for text in [&line, &inside, &json.to_string().replace(&*line, "x"), &bracketed, &json.to_string()] {
                survives(&*format, text);
            }
        }
    }

    #[test]
    fn hostile_formats_never_panic(format in "[%A-Z_()?:\" a-z]{0,80}", line in "\\PC{0,80}") {
        if let Ok(format) = envoy(&FormatOptions { log_format: Some(format), ..plain() }) {
            survives(&*format, &line);
        }
    }
}
