//! Sources of lines in a running server: followed files over rotation and power loss, syslog, standard input's kin.

use std::{
    fmt::Write as _,
    io::Write as _,
    net::{TcpStream, UdpSocket},
    path::Path,
};

use serde_json::Value;

use crate::harness::{Server, eventually};

fn access_line(number: usize) -> String {
    format!(
        "203.0.113.7 - - [20/Nov/2026:10:{:02}:{:02} +0000] \"GET /n/{number} HTTP/1.1\" 200 512 \"-\" \"curl/8.5\"\n",
        number / 60 % 60,
        number % 60
    )
}

fn append(path: &Path, text: &str) {
    let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A server with a configuration file of these sources, and the directory of its logs.
async fn server_with(sources: impl FnOnce(&Path) -> String) -> (Server, tempfile::TempDir) {
    let logs = tempfile::tempdir().unwrap();
    let config = logs.path().join("spandrel.yaml");
    std::fs::write(&config, format!("sources:\n{}", sources(logs.path()))).unwrap();
    let server = Server::start(&["--config", &config.display().to_string()]).await;
    (server, logs)
}

async fn eventually_paths(server: &Server, expected: usize) {
    eventually("all lines are stored", async || {
        let counts = server.sql("SELECT count(*), count(DISTINCT url_path) FROM requests").await;
        (counts.rows[0][1] == expected).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_followed_file_survives_rotation_and_power_loss() {
    let (server, logs) = server_with(|directory| {
        format!("- {{type: file, paths: ['{}/access*.log'], format: nginx, service: edge}}\n", directory.display())
    })
    .await;
    let path = logs.path().join("access.log");
    append(&path, &(0..500).map(access_line).collect::<String>());
    eventually_paths(&server, 500).await;

    // By rename: what is written to the old file until it is let go counts too.
    std::fs::rename(&path, logs.path().join("access.log.1")).unwrap();
    append(&logs.path().join("access.log.1"), &access_line(500));
    append(&path, &(501..600).map(access_line).collect::<String>());
    eventually_paths(&server, 600).await;

    // By copy and truncation.
    std::fs::File::create(&path).unwrap();
    append(&path, &(600..650).map(access_line).collect::<String>());
    eventually_paths(&server, 650).await;

    // Lines that come while nobody looks are read afterwards.
    let stopped = server.kill9().await;
    append(&path, &(650..800).map(access_line).collect::<String>());
    let server = stopped.start().await;
    eventually_paths(&server, 800).await;
    let stopped = server.terminate().await;
    append(&path, &access_line(800));
    let server = stopped.start().await;
    eventually_paths(&server, 801).await;
    assert_eq!(server.count("rejects", "true").await, 0);
    assert_eq!(server.count("requests", "gateway <> 'edge'").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn directories_that_appear_later_are_read_at_once() {
    // Had the directory to be found by listing, the file would be gone by then.
    let (server, logs) = server_with(|directory| {
        format!(
            "- {{type: file, paths: ['{}/a/b/access.log'], format: nginx, service: edge, list_interval: 1h}}\n",
            directory.display()
        )
    })
    .await;
    let directory = logs.path().join("a/b");
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("access.log");
    append(&path, &(0..10).map(access_line).collect::<String>());
    eventually_paths(&server, 10).await;
    std::fs::rename(&path, directory.join("access.log.1")).unwrap();
    append(&directory.join("access.log.1"), &access_line(10));
    append(&path, &access_line(11));
    eventually_paths(&server, 12).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn containers_logs_give_services_and_joined_lines() {
    let (server, logs) = server_with(|directory| {
        format!("- {{type: file, paths: ['{}/*.log'], format: auto, multiline: indented}}\n", directory.display())
    })
    .await;
    let path = logs.path().join(
        "checkout-5f6585d649-fnmft_shop_app-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.log",
    );
    let mut lines = String::new();
    for (time, text) in [
        ("01.1", "2026-11-20 10:00:01.100 ERROR payment failed"),
        ("01.2", "java.lang.IllegalStateException: no"),
        ("01.3", "\tat shop.Pay.charge(Pay.java:7)"),
        ("02.0", "2026-11-20 10:00:02.000 INFO next"),
    ] {
        writeln!(lines, "2026-11-20T10:00:{time}Z stdout F {text}").unwrap();
    }
    append(&path, &lines);
    let logs = eventually("both records are stored", async || {
        let rows = server.sql("SELECT body, service_name, severity_number FROM logs ORDER BY time").await.rows;
        (rows.len() >= 2).then_some(rows)
    })
    .await;
    let text = logs[0][0].as_str().unwrap();
    assert!(text.contains("payment failed") && text.contains("Pay.java:7"), "{logs:?}");
    assert_eq!((&logs[0][1], &logs[0][2]), (&Value::from("checkout"), &Value::from(17)));
    assert_eq!(logs[1][2], 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn syslog_arrives_by_datagram_and_by_stream() {
    let (server, _logs) = server_with(|_| {
        "- {type: syslog, name: net, udp: '127.0.0.1:0', tcp: '127.0.0.1:0', format: auto}\n".to_owned()
    })
    .await;
    let addresses: Value =
        serde_json::from_str(&std::fs::read_to_string(server.path("addresses.json")).unwrap()).unwrap();
    let address = |kind: &str| addresses["sources"]["net"][kind].as_str().unwrap().to_owned();

    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.send_to(b"<11>Nov 20 10:00:00 web-1 cart[71]: disk is full", address("udp")).unwrap();
    let mut tcp = TcpStream::connect(address("tcp")).unwrap();
    let message = "<165>1 2026-11-20T10:00:01.5Z web-2 pay 72 ID47 [meta@1 user=\"u1\"] charged";
    // One message by octet counting, one ended by a line end.
    write!(tcp, "{} {message}", message.len()).unwrap();
    writeln!(tcp, "<14>Nov 20 10:00:02 web-3 stock: sold").unwrap();
    tcp.flush().unwrap();

    let rows = eventually("three messages are stored", async || {
        let rows = server.sql("SELECT service_name, host_name, body, severity_number FROM logs ORDER BY time").await;
        (rows.rows.len() == 3).then_some(rows.objects())
    })
    .await;
    let expected = serde_json::json!([
        {"service_name": "cart", "host_name": "web-1", "body": "disk is full", "severity_number": 17},
        {"service_name": "pay", "host_name": "web-2", "body": "charged", "severity_number": 10},
        {"service_name": "stock", "host_name": "web-3", "body": "sold", "severity_number": 9},
    ]);
    assert_eq!(Value::from(rows), expected);
}
