//! The shop says what really happened; `red()` says the same, to the last nanosecond.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::{Rows, Server, eventually};

/// Requests, failures and sum of durations by minute, service and operation.
type Red = BTreeMap<(i64, String, String), [u64; 3]>;

const FROM_TRUTH: [&str; 3] = ["requests", "failures", "duration_sum_ns"];

fn truth_red(truth: &Value) -> Red {
    let mut red = Red::new();
    for entry in truth["operations"].as_array().unwrap() {
        let text = |name: &str| entry[name].as_str().unwrap().to_owned();
        let key = (entry["minute_unix_nano"].as_i64().unwrap(), text("service"), text("operation"));
        red.insert(key, FROM_TRUTH.map(|name| entry[name].as_u64().unwrap()));
    }
    red
}

fn answered_red(rows: &Rows) -> Red {
    let mut red = Red::new();
    for row in &rows.rows {
        let text = |index: usize| row[index].as_str().unwrap().to_owned();
        let key = (row[0].as_i64().unwrap(), text(1), text(2));
        let earlier = red.insert(key, [3, 4, 5].map(|index: usize| row[index].as_u64().unwrap()));
        assert_eq!(earlier, None, "{row:?}");
    }
    red
}

fn assert_equal(answered: &Red, truth: &Red, when: &str) {
    let wrong: Vec<_> = truth
        .keys()
        .chain(answered.keys().filter(|key| !truth.contains_key(*key)))
        .filter(|key| truth.get(*key) != answered.get(*key))
        .map(|key| (key, answered.get(key), truth.get(key)))
        .collect();
    let shown = &wrong[..wrong.len().min(20)];
    assert!(
        wrong.is_empty(),
        "{when}: {} of {} rows differ (row, answered, true): {shown:#?}",
        wrong.len(),
        truth.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn red_equals_the_truth_exactly() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("truth.json");
    let mut shop =
        vec!["--history", "3", "--stop-shop-after", "0", "--seed", "7", "--rate", "20", "--scenario", "none"];
    shop.extend(["--truth", file.to_str().unwrap()]);
    let server = Server::start_command("demo", &shop).await;
    let truth: Value = eventually("the shop closes and tells the truth", async || {
        let text = std::fs::read(&file).ok()?;
        // It may be on its way to the disk.
        serde_json::from_slice(&text).ok()
    })
    .await;
    let truth_rows = truth_red(&truth);
    let minutes: std::collections::BTreeSet<i64> = truth_rows.keys().map(|key| key.0).collect();
    let services: std::collections::BTreeSet<&String> = truth_rows.keys().map(|key| &key.1).collect();
    assert!(minutes.len() >= 3 && services.len() >= 12, "{minutes:?} {services:?}");

    let statement = "SELECT CAST(time AS BIGINT), service_name, operation, requests, failures, duration_sum_ns \
                     FROM red('now-1h', 'now+1h', '1m') WHERE service_name <> 'spandrel'";
    assert_equal(&answered_red(&server.sql(statement).await), &truth_rows, "as acknowledged");
    assert_totals(&server, &truth["totals"]).await;

    let stopped = server.terminate().await;
    assert_equal(&answered_red(&stopped.sql(statement)), &truth_rows, "from files");
}

async fn assert_totals(server: &Server, totals: &Value) {
    for (table, total) in [("spans", "spans"), ("logs", "logs"), ("metrics", "data_points")] {
        let count = server.count(table, "service_name <> 'spandrel'").await;
        assert_eq!(Some(count), totals[total].as_u64(), "{total} of {totals}");
        assert!(count > 0, "{total}");
    }
    let traces =
        server.sql("SELECT count(DISTINCT trace_id) FROM spans WHERE service_name <> 'spandrel'").await.count();
    assert_eq!(Some(traces), totals["traces"].as_u64(), "{totals}");
    let red = "SELECT CAST(sum(requests) AS BIGINT), CAST(sum(failures) AS BIGINT) FROM red('now-1h', 'now+1h') \
               WHERE service_name <> 'spandrel'";
    let sums = server.sql(red).await;
    assert_eq!(sums.rows, [[totals["requests"].clone(), totals["failures"].clone()]]);
    assert!(totals["failures"].as_u64() > Some(0), "{totals}");
}
