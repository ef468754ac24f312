//! Lines to Arrow, one core: how many of each format become rows a second, against reading the same lines with what
//! others would take (a regular expression, `serde_json::Value`) and going no further.
//!
//! `cargo bench -p spandrel-normalize`

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::tz::TimeZone;
use spandrel_normalize::{
    batch::LineBatch,
    format::{FormatOptions, LineContext},
    registry,
};

const LINES: usize = 2_000;

fn combined_lines() -> Vec<String> {
    let line = |number: usize| {
        format!(
            "203.0.113.{} - - [20/Nov/2026:10:{:02}:{:02} +0000] \"GET /api/products/{number}?page={} HTTP/1.1\" {} {} \
             \"https://shop.example/start\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36\"",
            number % 250,
            number / 60 % 60,
            number % 60,
            number % 7,
            if number.is_multiple_of(50) { 502 } else { 200 },
            number * 37 % 90_000,
        )
    };
    (0..LINES).map(line).collect()
}

fn envoy_lines() -> Vec<String> {
    let line = |number: usize| {
        format!(
            "{{\"start_time\":\"2026-11-20T10:{:02}:{:02}.{:03}Z\",\"method\":\"GET\",\"x-envoy-origin-path\":\"/api/products/{number}\",\
             \"protocol\":\"HTTP/1.1\",\"response_code\":{},\"response_flags\":\"-\",\"response_code_details\":\"via_upstream\",\
             \"connection_termination_details\":null,\"upstream_transport_failure_reason\":null,\"bytes_received\":0,\
             \"bytes_sent\":{},\"duration\":{},\"x-envoy-upstream-service-time\":\"{}\",\"x-forwarded-for\":\"203.0.113.7\",\
             \"user-agent\":\"curl/8.5.0\",\"x-request-id\":\"6c1f0a5e-1f0b-4c2d-9d7e-{number:012x}\",\":authority\":\"shop.example\",\
             \"upstream_host\":\"10.0.3.7:8080\",\"upstream_cluster\":\"httproute/default/products/rule/0\",\
             \"upstream_local_address\":\"10.0.1.2:41020\",\"downstream_local_address\":\"10.0.1.2:8080\",\
             \"downstream_remote_address\":\"203.0.113.7:55102\",\"requested_server_name\":null,\
             \"route_name\":\"httproute/default/products/rule/0/match/0\",\"traceparent\":\"00-{number:032x}-{:016x}-01\"}}",
            number / 60 % 60,
            number % 60,
            number % 1000,
            if number.is_multiple_of(50) { 503 } else { 200 },
            number * 37 % 90_000,
            number % 300,
            number % 290,
            number + 1,
        )
    };
    (1..=LINES).map(line).collect()
}

fn to_arrow(format: &str, lines: &[String]) -> usize {
    let format = registry::format(format, &FormatOptions::default()).expect("the format is one of ours");
    let zone = TimeZone::UTC;
    let context = LineContext {
        received_at: 1_795_168_800_000_000_000,
        envelope_time: None,
        zone: &zone,
        service: Some("gateway"),
        host: None,
        program: None,
        severity_number: None,
    };
    let mut batch = LineBatch::new(format, "bench", 1 << 20);
    for line in lines {
        batch.push(line.as_bytes(), &context);
    }
    let normalized = batch.finish();
    assert_eq!(normalized.counts.requests, lines.len() as u64, "every line gives a row");
    black_box(normalized.tables.len())
}

fn benches(criterion: &mut Criterion) {
    let combined = combined_lines();
    let mut group = criterion.benchmark_group("nginx combined");
    group.throughput(Throughput::Elements(LINES as u64));
    group.bench_function("to Arrow", |bencher| bencher.iter(|| to_arrow("nginx", &combined)));
    let pattern = r#"^(\S+) - (\S+) \[([^\]]+)\] "([^"]*)" (\d{3}) (\d+|-) "([^"]*)" "([^"]*)""#;
    let regex = regex::Regex::new(pattern).expect("the pattern is one");
    group.bench_function("regular expression only", |bencher| {
        bencher.iter(|| combined.iter().filter(|line| regex.captures(black_box(line)).is_some()).count());
    });
    group.finish();

    let envoy = envoy_lines();
    let mut group = criterion.benchmark_group("Envoy JSON");
    group.throughput(Throughput::Elements(LINES as u64));
    group.bench_function("to Arrow", |bencher| bencher.iter(|| to_arrow("envoy", &envoy)));
    group.bench_function("serde_json::Value only", |bencher| {
        bencher.iter(|| {
            let parsed =
                envoy.iter().filter_map(|line| serde_json::from_str::<serde_json::Value>(black_box(line)).ok());
            parsed.count()
        });
    });
    group.finish();
}

criterion_group!(lines, benches);
criterion_main!(lines);
