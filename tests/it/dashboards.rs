//! The dashboards that come with the server show something of the shop.

use serde_json::Value;

use crate::harness::{Rows, Server, eventually};

/// Panels that are empty where nothing of the kind happened, or happened yet.
const MAY_BE_EMPTY: [&str; 4] = [
    "Retries, rate limits and timeouts",
    "Findings about breakers and retries",
    "Refused requests and rejected records",
    "Failures",
];

/// A shop with a breaker, and two requests in the log of an Envoy.
async fn server() -> Server {
    let directory = tempfile::tempdir().unwrap();
    let truth = directory.path().join("truth.json");
    let mut arguments = vec!["--history", "8", "--stop-shop-after", "0", "--seed", "7", "--rate", "10"];
    arguments.extend(["--scenario", "breaker", "--truth", truth.to_str().unwrap()]);
    let server = Server::start_command("demo", &arguments).await;
    eventually("the shop closes", async || truth.exists().then_some(())).await;
    let line = |flags: &str, status: u16| {
        format!(
            "[2026-11-20T10:00:00.001Z] \"GET /cart HTTP/1.1\" {status} {flags} 0 5 98 97 \"-\" \"curl\" \
             \"00000000-aaaa-4bbb-8ccc-1234567890ab\" \"shop\" \"10.0.0.1:8080\"\n"
        )
    };
    let url = server.url("/api/v1/logs/envoy");
    let answer = server.client().post(url).body(line("-", 200) + &line("UO", 503)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    server
}

async fn dashboard(server: &Server, name: &str) -> Value {
    let range = match name {
        "gateway" => "from=2026-11-20T09:30:00Z&to=2026-11-20T10:30:00Z",
        _ => "from=now-1h&to=now%2B1h",
    };
    server.get(&format!("/api/v1/dashboards/{name}?{range}")).await.json().await.unwrap()
}

/// Rows of a panel, once it has some: the server's own metrics come every half minute.
async fn rows(server: &Server, name: &str, index: usize) -> Rows {
    let rows = async || {
        let dashboard = dashboard(server, name).await;
        server.sql(dashboard["panels"][index]["statement"].as_str().unwrap()).await
    };
    let panel = dashboard(server, name).await["panels"][index].clone();
    if MAY_BE_EMPTY.contains(&panel["title"].as_str().unwrap()) {
        return rows().await;
    }
    let what = format!("{name}: {} has rows", panel["title"]);
    eventually(&what, async || Some(rows().await).filter(|rows| !rows.rows.is_empty())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_panel_has_rows_where_there_are_data() {
    let server = server().await;
    let list: Value = server.get("/api/v1/dashboards").await.json().await.unwrap();
    assert_eq!(list["problems"], serde_json::json!([]));
    let mut panels = 0;
    for summary in list["dashboards"].as_array().unwrap() {
        let name = summary["name"].as_str().unwrap();
        let dashboard = dashboard(&server, name).await;
        for (index, panel) in dashboard["panels"].as_array().unwrap().iter().enumerate() {
            let rows = rows(&server, name, index).await;
            let types = rows.types.join(", ");
            let is_number = |index: usize| ["BIGINT", "DOUBLE", "INTEGER"].contains(&rows.types[index].as_str());
            let is_right = match panel["kind"].as_str().unwrap() {
                "line" => {
                    rows.columns[0] == "time"
                        && rows.types[0].starts_with("TIMESTAMP")
                        && is_number(rows.types.len() - 1)
                }
                "bar" => rows.types.len() == 2 && rows.types[0] == "VARCHAR" && is_number(1),
                "stat" => rows.types.len() == 1 && is_number(0),
                _ => true,
            };
            assert!(is_right, "{name}: {}: {types}", panel["title"]);
            panels += 1;
        }
    }
    assert!(panels >= 30, "{panels} panels");
}
