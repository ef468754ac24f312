//! Lines that are wrong cost themselves only: they are counted and sampled in `rejects`, and the rest is stored.

use std::{fmt::Write as _, io::Write as _};

use serde_json::{Value, json};

use crate::harness::{Server, eventually};

/// Lines as an answer counts them.
async fn post(server: &Server, path: &str, body: Vec<u8>) -> Value {
    let response = server.client().post(server.url(&format!("/api/v1/logs/{path}"))).body(body).send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

fn access_line(path: &str) -> String {
    format!("203.0.113.7 - - [20/Nov/2026:10:00:00 +0000] \"GET {path} HTTP/1.1\" 200 512 \"-\" \"curl/8.5\"\n")
}

#[tokio::test]
async fn garbage_between_good_lines_costs_itself() {
    let server = Server::start(&[]).await;
    let mut body = access_line("/one").into_bytes();
    body.extend_from_slice(&[0, 159, 146, 150, 0, 7, b'\n']);
    body.extend_from_slice(b"not an access line at all\n");
    body.extend_from_slice(access_line("/two").as_bytes());
    // Not UTF-8, yet a line.
    body.extend_from_slice(
        &access_line("/caf\u{e9}").bytes().map(|byte| if byte == 0xc3 { 0xff } else { byte }).collect::<Vec<_>>(),
    );
    body.extend(std::iter::repeat_n(b'x', 1_200_000));
    body.push(b'\n');
    body.extend_from_slice(access_line("/three").as_bytes());

    let answer = post(&server, "nginx?service=gateway&source=edge", body).await;
    assert_eq!((&answer["lines"], &answer["requests"], &answer["rejected"]), (&json!(7), &json!(4), &json!(3)));
    assert_eq!(answer["reasons"], json!({"binary": 1, "format": 1, "too_long": 1}));
    assert_eq!(server.count("requests", "gateway = 'gateway' AND source = 'nginx'").await, 4);
    let rejects =
        server.sql("SELECT reason, source, records, octet_length(record) <= 1024 FROM rejects ORDER BY reason");
    let expected =
        [json!(["binary", "edge", 1, true]), json!(["format", "edge", 1, true]), json!(["too_long", "edge", 1, true])];
    assert_eq!(rejects.await.rows.into_iter().map(Value::Array).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn the_sum_of_rejects_is_exact_while_their_sample_is_small() {
    let server = Server::start(&[]).await;
    let answer = post(&server, "nginx?service=gateway", "nonsense\n".repeat(5_000).into_bytes()).await;
    assert_eq!(answer["rejected"], 5_000);
    let rejects = server.sql("SELECT sum(records), count(*) <= 16 FROM rejects").await;
    assert_eq!(rejects.rows, [[json!(5_000), json!(true)]]);
}

#[tokio::test]
async fn truncated_json_is_refused_and_its_neighbours_are_kept() {
    let server = Server::start(&[]).await;
    let body = "{\"level\":\"info\",\"msg\":\"one\",\"time\":\"2026-11-20T10:00:00Z\"}\n\
                {\"level\":\"info\",\"msg\":\"tw\n\
                {\"level\":\"warn\",\"msg\":\"three\",\"time\":\"2026-11-20T10:00:01Z\"}\n";
    let answer = post(&server, "json?service=shop", body.as_bytes().to_vec()).await;
    assert_eq!((&answer["logs"], &answer["reasons"]), (&json!(2), &json!({"json": 1})));
    let logs = server.sql("SELECT body, severity_number FROM logs WHERE service_name = 'shop' ORDER BY time").await;
    assert_eq!(logs.rows, [[json!("one"), json!(9)], [json!("three"), json!(13)]]);
}

#[tokio::test]
async fn formats_that_are_mixed_are_each_read_as_what_they_are() {
    let server = Server::start(&[]).await;
    let mut body = String::new();
    for number in 0..20 {
        body.push_str(&access_line(&format!("/{number}")));
        writeln!(
            body,
            "2026/11/20 10:00:00 [error] 7#7: *{number} connect() failed (111: Connection refused) while connecting to \
             upstream, client: 203.0.113.7, server: shop, request: \"GET /{number} HTTP/1.1\", upstream: \
             \"http://10.0.0.1:80/{number}\", host: \"shop\""
        )
        .unwrap();
    }
    let answer = post(&server, "auto?service=gateway", body.into_bytes()).await;
    assert_eq!(
        (&answer["requests"], &answer["logs"], &answer["rejected"]),
        (&json!(20), &json!(20), &json!(0)),
        "{answer}"
    );
}

#[tokio::test]
async fn a_clock_in_the_future_is_kept_as_it_is_and_harms_no_other_row() {
    let server = Server::start(&[]).await;
    let body = "{\"msg\":\"far\",\"level\":\"info\",\"time\":\"2199-01-01T00:00:00Z\"}\n\
                {\"msg\":\"here\",\"level\":\"info\",\"time\":\"2026-11-20T10:00:00Z\"}\n\
                {\"msg\":\"beyond\",\"level\":\"info\",\"time\":\"9999-01-01T00:00:00Z\"}\n";
    let answer = post(&server, "json?service=clocks", body.as_bytes().to_vec()).await;
    assert_eq!(answer["lines"], 3);
    assert_eq!(server.count("logs", "service_name = 'clocks' AND time > TIMESTAMP '2198-01-01T00:00:00Z'").await, 1);
    assert_eq!(server.count("logs", "service_name = 'clocks' AND body = 'here'").await, 1);
    // No time in 64 bits of nanoseconds: the line stands at the time it was received.
    assert_eq!(server.count("logs", "service_name = 'clocks' AND body = 'beyond' AND time = observed_time").await, 1);
}

#[tokio::test]
async fn ten_thousand_services_in_one_log_are_ten_thousand_services() {
    let server = Server::start(&[]).await;
    let mut body = String::new();
    for number in 0..10_000 {
        writeln!(body, "{{\"service\":\"svc-{number}\",\"level\":\"info\",\"message\":\"hello\"}}").unwrap();
    }
    let answer = post(&server, "winston", body.into_bytes()).await;
    assert_eq!(answer["logs"], 10_000);
    let services = server.sql("SELECT count(DISTINCT service_name) FROM logs WHERE body = 'hello'").await;
    assert_eq!(services.count(), 10_000);
}

#[tokio::test]
async fn requests_that_cannot_be_read_are_refused_with_what_to_do() {
    let server = Server::start(&[]).await;
    for (path, status, says) in [
        ("ngnix", 400, "nginx"),
        ("nginx?log_format=$remote_addr$status", 400, "log_format"),
        ("nginx?timezone=Mars/Olympus", 400, "timezone"),
        ("nginx?servce=shop", 400, "service"),
    ] {
        let url = server.url(&format!("/api/v1/logs/{path}"));
        let response = server.client().post(url).body("line\n").send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        let body: Value = response.json().await.unwrap();
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains(says), "{path}: {message}");
    }
    assert_eq!(server.count("rejects", "true").await, 0);
}

/// Peak resident memory of a process, in KiB.
fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_endless_line_takes_no_memory() {
    let logs = tempfile::tempdir().unwrap();
    let path = logs.path().join("access.log");
    let config = logs.path().join("spandrel.yaml");
    std::fs::write(&config, format!("sources: [{{type: file, paths: ['{}'], format: nginx}}]", path.display()))
        .unwrap();
    let server = Server::start(&["--config", &config.display().to_string()]).await;
    let before = peak_memory(server.process.id());
    let mut file = std::fs::File::create(&path).unwrap();
    let part = vec![b'x'; 1 << 20];
    for _ in 0..200 {
        file.write_all(&part).unwrap();
    }
    writeln!(file).unwrap();
    file.write_all(access_line("/after").as_bytes()).unwrap();
    eventually("the line after the endless one is stored", async || {
        (server.count("requests", "url_path = '/after'").await == 1).then_some(())
    })
    .await;
    let rejects = server.sql("SELECT reason, sum(records), max(octet_length(record)) FROM rejects GROUP BY 1").await;
    assert_eq!(rejects.rows, [[json!("too_long"), json!(1), json!(1024)]]);
    let grown = peak_memory(server.process.id()) - before;
    assert!(grown < 64 * 1024, "200 MiB of one line took {grown} KiB");
}
