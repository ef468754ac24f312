//! `spandrel flow`

use std::{path::Path, sync::Arc};

use anyhow::Context;
use serde_json::Value;
use spandrel_proto::model::SystemClock;
use spandrel_query::{Engine, api::flow_document};

use super::{runtime, say, sql};
use crate::cli::{Failure, FlowArgs, OutputFormat, SqlArgs};

/// Deepest indentation, in levels; deeper records stand at this one.
const MAX_INDENT: usize = 40;
/// Longest text of a record that is shown, in characters.
const MAX_BODY: usize = 160;

pub(crate) fn flow(args: &FlowArgs) -> anyhow::Result<()> {
    if !matches!(args.format, OutputFormat::Table | OutputFormat::Json) {
        return sql::sql(&SqlArgs {
            statement: Some(format!("SELECT * FROM flow('{}')", args.id.replace('\'', "''"))),
            url: args.url.clone(),
            data_dir: args.data_dir.clone(),
            format: args.format,
        });
    }
    let document = runtime()?.block_on(async {
        match &args.data_dir {
            Some(data_dir) => over_directory(data_dir, &args.id).await,
            None => ask_server(&args.url, &args.id).await,
        }
    })?;
    if args.format == OutputFormat::Json {
        return say(format_args!("{}", serde_json::to_string_pretty(&document)?));
    }
    print_summary(&document)?;
    document["records"].as_array().into_iter().flatten().try_for_each(print_record)
}

async fn over_directory(data_dir: &Path, id: &str) -> anyhow::Result<Value> {
    let snapshot = spandrel_store::open_read_only(data_dir)
        .await
        .with_context(|| format!("cannot read the data directory {}", data_dir.display()))?;
    let engine = Engine::over_snapshot(snapshot, sql::offline_limits(), Arc::new(SystemClock))?;
    let document = flow_document(&engine, id).await.map_err(sql::query_failure)?;
    document.with_context(|| format!("no record has the id {id}"))
}

async fn ask_server(url: &str, id: &str) -> anyhow::Result<Value> {
    let mut endpoint = reqwest::Url::parse(url).map_err(|error| Failure::Usage(format!("--url {url}: {error}")))?;
    match endpoint.path_segments_mut() {
        Ok(mut segments) => segments.pop_if_empty().extend(["api", "v1", "flows", id]),
        Err(()) => return Err(Failure::Usage(format!("--url {url}: it has no host")).into()),
    };
    let answered = reqwest::get(endpoint.clone()).await;
    let response = answered.map_err(|error| {
        Failure::Connection(format!(
            "no answer from {endpoint}: {error}; is `spandrel serve` running, or is --url wrong?"
        ))
    })?;
    let status = response.status();
    let body: Value = response.json().await.unwrap_or_default();
    if status.is_success() {
        return Ok(body);
    }
    let message = body["error"]["message"].as_str().unwrap_or("the answer has no error message").to_owned();
    if status == reqwest::StatusCode::BAD_REQUEST {
        return Err(Failure::Usage(message).into());
    }
    anyhow::bail!(message)
}

fn print_summary(flow: &Value) -> anyhow::Result<()> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join(", ");
    let (counts, joins) = (&flow["counts"], &flow["joins"]);
    say(format_args!(
        "flow {}  {}  {:.3} ms  {}",
        text(&flow["id"]),
        text(&flow["start_time"]),
        flow["duration_ms"].as_f64().unwrap_or_default(),
        list(&flow["services"]),
    ))?;
    say(format_args!(
        "{} spans, {} requests, {} logs, {} breaker events; joined T0 {}, T1 {}, T2 {}; complete {:.1} %",
        counts["spans"],
        counts["requests"],
        counts["logs"],
        counts["breakers"],
        joins["T0"],
        joins["T1"],
        joins["T2"],
        100.0 * flow["completeness"].as_f64().unwrap_or_default(),
    ))?;
    for gap in flow["gaps"].as_array().into_iter().flatten() {
        say(format_args!("! {}: {}", text(&gap["kind"]), text(&gap["detail"])))?;
    }
    for linked in flow["linked_flows"].as_array().into_iter().flatten() {
        say(format_args!("linked: trace {}", text(&linked["trace_id"])))?;
    }
    Ok(())
}

/// One line: what it is, who, what, how long, how it ended, the tier of its join, what it says, and what is missing.
fn print_record(record: &Value) -> anyhow::Result<()> {
    let text = |key: &str| record[key].as_str();
    let indent = 2 * (record["depth"].as_u64().unwrap_or_default() as usize).min(MAX_INDENT);
    let mut words: Vec<String> = vec![text("type").unwrap_or_default().to_owned()];
    words.extend(["service", "name", "kind"].iter().filter_map(|key| text(key)).map(one_line));
    words.extend(record["duration_ms"].as_f64().map(|milliseconds| format!("{milliseconds:.3} ms")));
    words.extend(text("outcome").filter(|outcome| *outcome != "ok").map(str::to_owned));
    words.push(record["join"]["tier"].as_str().unwrap_or_default().to_owned());
    words.extend(text("body").map(one_line));
    words.extend(attempts(record));
    words.extend(text("gap").map(|gap| format!("! {gap}")));
    say(format_args!("{:indent$}{}", "", words.join("  ")))
}

/// The tries of a gateway, where there were several.
fn attempts(record: &Value) -> Option<String> {
    let attempts = record["attempts"].as_array().filter(|attempts| attempts.len() > 1)?;
    let attempt = |attempt: &Value| {
        let address = attempt["address"].as_str().unwrap_or("?");
        attempt["status"].as_i64().map_or_else(|| address.to_owned(), |status| format!("{address} {status}"))
    };
    Some(format!("tried {}", attempts.iter().map(attempt).collect::<Vec<_>>().join(", ")))
}

fn one_line(text: &str) -> String {
    let short: String = text.chars().take(MAX_BODY).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.len() < text.len() { short + "…" } else { short }
}
