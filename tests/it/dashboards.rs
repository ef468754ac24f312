//! The dashboards that come with the server show something of the shop.

use serde_json::Value;

use crate::harness::{Server, eventually};

/// Panels that are empty where nothing of the kind happened, or happened yet.
const MAY_BE_EMPTY: [&str; 4] =
    ["Response flags", "Findings about breakers and retries", "Refused requests and rejected records", "Failures"];

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_panel_has_rows_where_there_are_data() {
    let directory = tempfile::tempdir().unwrap();
    let truth = directory.path().join("truth.json");
    let shop = ["--history", "4", "--stop-shop-after", "0", "--seed", "7", "--rate", "20"];
    let mut arguments = shop.to_vec();
    arguments.extend(["--truth", truth.to_str().unwrap()]);
    let server = Server::start_command("demo", &arguments).await;
    eventually("the shop closes", async || truth.exists().then_some(())).await;
    let list: Value = server.get("/api/v1/dashboards").await.json().await.unwrap();
    assert_eq!(list["problems"], serde_json::json!([]));
    let mut panels = 0;
    for dashboard in list["dashboards"].as_array().unwrap() {
        let name = dashboard["name"].as_str().unwrap();
        let dashboard: Value =
            server.get(&format!("/api/v1/dashboards/{name}?from=now-1h&to=now%2B1h")).await.json().await.unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            let title = panel["title"].as_str().unwrap();
            let rows = server.sql(panel["statement"].as_str().unwrap()).await;
            let is_empty = rows.rows.is_empty();
            assert!(!is_empty || MAY_BE_EMPTY.contains(&title), "{name}: {title} is empty");
            let types = rows.types.join(" ");
            if panel["kind"] == "line" {
                assert_eq!(rows.columns[0], "time", "{name}: {title}");
                assert!(rows.types[0].starts_with("TIMESTAMP"), "{name}: {title}: {types}");
            }
            panels += 1;
        }
    }
    assert!(panels >= 30, "{panels} panels");
}
