//! Configuration: every problem at once, with the nearest key; nothing reachable from outside by accident.

use std::path::Path;

use crate::harness::{Finished, Server, run};

fn check(yaml: &str) -> Finished {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("spandrel.yaml");
    std::fs::write(&file, yaml).unwrap();
    run(&["config", "check", file.to_str().unwrap()])
}

#[test]
fn a_good_file_is_good() {
    for yaml in
        ["", "# nothing\n", "data_dir: /tmp/x\nstorage:\n  retention: 7d\n", "otlp: {grpc: {address: \"127.0.0.1:0\"}}"]
    {
        let checked = check(yaml);
        assert_eq!(checked.code, Some(0), "{yaml}: {}", checked.stderr);
        assert!(checked.text().contains("good"), "{}", checked.text());
    }
}

#[test]
fn every_problem_is_told_at_once_with_the_nearest_key() {
    let checked = check(
        "storage:\n  retentoin: 7d\n  seal_bytes: lots\n  durability: maybe\nquery:\n  timeout: soon\notlp:\n  grpc: {adress: x}\nhttp:\n  address: 0.0.0.0:80\nself_telemetry: perhaps\n",
    );
    assert_eq!((checked.code, checked.text()), (Some(2), ""));
    for problem in [
        "7 problems",
        "unknown key storage.retentoin; did you mean storage.retention?",
        "unknown key otlp.grpc.adress; did you mean otlp.grpc.address?",
        "storage.seal_bytes: \"lots\"",
        "storage.durability: \"maybe\"",
        "query.timeout: \"soon\"",
        "self_telemetry: \"perhaps\"",
        "0.0.0.0:80 can be reached from other machines",
    ] {
        assert!(checked.stderr.contains(problem), "{problem:?} is not in {}", checked.stderr);
    }
}

#[test]
fn a_file_that_is_missing_or_no_yaml_is_told() {
    for (yaml, problem) in [("a: [1", "not YAML"), ("- a\n", "not a mapping"), ("storage: 7\n", "storage")] {
        let checked = check(yaml);
        assert_eq!(checked.code, Some(2), "{yaml}");
        assert!(checked.stderr.contains(problem), "{yaml}: {}", checked.stderr);
    }
    let checked = run(&["config", "check", "/no/such/file.yaml"]);
    assert_eq!(checked.code, Some(2));
    assert!(checked.stderr.contains("/no/such/file.yaml"), "{}", checked.stderr);
}

#[test]
fn addresses_that_others_can_reach_need_insecure() {
    for flag in ["--otlp-grpc", "--otlp-http", "--http"] {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path().join("data");
        let refused = run(&["serve", "--data-dir", data_dir.to_str().unwrap(), flag, "0.0.0.0:0"]);
        assert_eq!(refused.code, Some(2), "{flag}");
        assert!(refused.stderr.contains("0.0.0.0:0") && refused.stderr.contains("--insecure"), "{}", refused.stderr);
        assert!(!Path::exists(&data_dir), "nothing was opened");
    }
}

#[tokio::test]
async fn insecure_allows_them() {
    let server = Server::start(&["--http", "0.0.0.0:0", "--insecure"]).await;
    assert!(server.http.starts_with("0.0.0.0:"), "{}", server.http);
    assert_eq!(server.get("/ready").await.status(), 200);
}

#[test]
fn settings_on_the_command_line_are_checked_alike() {
    for (setting, problem) in [
        ("storage.retentoin=7d", "did you mean storage.retention?"),
        ("storage.retention", "expected KEY=VALUE"),
        ("query.timeout=0s", "no time at all"),
        ("otlp.max_inflight_bytes=1KiB", "must be at least otlp.max_decompressed_bytes"),
        ("storage.seal_bytes=10GiB", "must not be larger than storage.hot_max_bytes"),
    ] {
        let refused = run(&["serve", "--set", setting]);
        assert_eq!(refused.code, Some(2), "{setting}");
        assert!(refused.stderr.contains(problem), "{setting}: {}", refused.stderr);
    }
    let refused = run(&["serve", "--no-such-flag"]);
    assert_eq!(refused.code, Some(2));
}

#[tokio::test]
async fn a_file_configures_a_server() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("spandrel.yaml");
    std::fs::write(&file, "query:\n  timeout: 77s\nlog:\n  format: json\nself_telemetry: ${env:NOWHERE:-false}\n")
        .unwrap();
    let server = Server::start(&["--config", file.to_str().unwrap()]).await;
    let log = server.process.log();
    let first: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert!(first["timestamp"].is_string() && first["level"].is_string(), "{first}");
    server.sql("SELECT 1").await;
    let server = server.terminate().await.start().await;
    assert_eq!(
        server.count("spans", "true").await + server.count("metrics", "true").await,
        0,
        "no telemetry of its own"
    );
}
