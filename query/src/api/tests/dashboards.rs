//! Dashboards from files.

use super::*;

fn with_directory(api: &Api, directory: &std::path::Path) -> Router {
    let dashboards = Some(directory.to_owned());
    router(Arc::clone(&api.fixture.engine), ApiConfig { dashboards, ..ApiConfig::default() })
}

async fn get(router: &Router, path: &str) -> (StatusCode, Value) {
    let request = Request::get(format!("/api/v1{path}")).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    (response.status(), serde_json::from_slice(&bytes(response).await).unwrap())
}

#[tokio::test]
async fn dashboards_come_with_statements_for_the_range() {
    let api = shop().await;
    let list = api.ok("/dashboards").await;
    let names: Vec<&str> =
        list["dashboards"].as_array().unwrap().iter().map(|dashboard| dashboard["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["breakers", "databases", "gateway", "red", "spandrel"]);
    assert_eq!(list["problems"], json!([]));
    let red = api.ok("/dashboards/red?from=now-1h&bucket=10m").await;
    assert_eq!((&red["bucket_seconds"], &red["file"]), (&json!(600.0), &Value::Null));
    let panel = &red["panels"][0];
    assert_eq!((&panel["kind"], &panel["unit"], &panel["width"]), (&json!("line"), &json!("req/s"), &json!(4)));
    assert!(panel["sql"].as_str().unwrap().contains("red($from, $to, $bucket)"));
    let rows = api.fixture.rows(panel["statement"].as_str().unwrap()).await;
    assert_eq!(
        rows,
        json!([["2026-11-20T10:00:00.000000000Z", 2.0 / 600.0], ["2026-11-20T10:30:00.000000000Z", 1.0 / 600.0]])
    );
    assert_eq!(api.ok("/dashboards/red").await["bucket_seconds"], 30.0);
    for name in names {
        for panel in api.ok(&format!("/dashboards/{name}")).await["panels"].as_array().unwrap() {
            api.fixture.rows(panel["statement"].as_str().unwrap()).await;
        }
    }
    for (path, status, code) in [
        ("/dashboards/rod", StatusCode::NOT_FOUND, "unknown_dashboard"),
        ("/dashboards/..%2Fred", StatusCode::NOT_FOUND, "unknown_dashboard"),
        ("/dashboards/red?bucket=1us", StatusCode::BAD_REQUEST, "invalid_parameter"),
        ("/dashboards/red?form=now", StatusCode::BAD_REQUEST, "invalid_parameter"),
    ] {
        let (answered, body) = api.get(path).await;
        assert_eq!((answered, &body["error"]["code"]), (status, &json!(code)), "{path}");
    }
}

#[tokio::test]
async fn a_wrong_file_is_reported_with_its_line_and_costs_no_other() {
    let api = Api::new().await;
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("red.yaml", "title: Ours\npanels:\n  - {title: One, kind: stat, sql: SELECT 1 AS one}\n");
    write("kind.yaml", "title: Kind\npanels:\n  - title: One\n    kind: pie\n    sql: SELECT 1\n");
    write("key.yml", "title: Key\npanel: []\n");
    write("wide.yaml", "title: Wide\npanels:\n  - title: One\n    kind: stat\n    sql: SELECT 1\n    width: 13\n");
    write(
        "dollar.yaml",
        "title: T\npanels:\n  - title: One\n    kind: stat\n    sql: |\n      SELECT\n        $since\n",
    );
    write("none.yaml", "title: None\npanels: []\n");
    write("Big name.yaml", "title: T\npanels: []\n");
    write("broken.yaml", "title: [\n");
    write("notes.txt", "not YAML");
    let router = with_directory(&api, directory.path());
    let (_, list) = get(&router, "/dashboards").await;
    assert_eq!(list["dashboards"].as_array().unwrap().len(), 5, "{list}");
    let ours = list["dashboards"].as_array().unwrap().iter().find(|dashboard| dashboard["name"] == "red").unwrap();
    assert_eq!((&ours["title"], &ours["panels"]), (&json!("Ours"), &json!(1)));
    assert!(ours["file"].as_str().unwrap().ends_with("red.yaml"));
    let problems = list["problems"].as_array().unwrap();
    let find = |name: &str| problems.iter().find(|problem| problem["name"] == name).unwrap_or_else(|| panic!("{name}"));
    for (name, line, says) in [
        ("kind", json!(4), "pie"),
        ("key", json!(2), "panel"),
        ("wide", json!(6), "1 to 12"),
        ("dollar", json!(7), "$since"),
        ("none", Value::Null, "at least one"),
        ("Big name", Value::Null, "a to z"),
    ] {
        let problem = find(name);
        assert_eq!(problem["line"], line, "{problem}");
        assert!(problem["message"].as_str().unwrap().contains(says), "{problem}");
        assert!(problem["file"].as_str().unwrap().contains(name), "{problem}");
    }
    find("broken");
    assert_eq!(problems.len(), 7, "{problems:#?}");
    let (status, body) = get(&router, "/dashboards/kind").await;
    assert_eq!((status, &body["error"]["details"]["line"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(4)));

    let (_, list) = get(&with_directory(&api, &directory.path().join("absent")), "/dashboards").await;
    assert_eq!(list["dashboards"].as_array().unwrap().len(), 5);
    assert!(list["problems"][0]["message"].as_str().unwrap().contains("dashboards.path"), "{list}");
}
