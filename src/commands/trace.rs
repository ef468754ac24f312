//! `spandrel trace`

use std::collections::HashMap;

use serde_json::Value;
use spandrel_proto::model::id;
use spandrel_query::output::Format;

use super::{runtime, say, sql};
use crate::cli::{Failure, TraceArgs};

/// Deepest indentation, in levels; deeper spans stand at this one.
const MAX_INDENT: usize = 40;

struct Row {
    span_id: String,
    parent: Option<String>,
    label: String,
}

pub(crate) fn trace(args: &TraceArgs) -> anyhow::Result<()> {
    if id::parse_trace_id(&args.id).is_none() {
        return Err(Failure::Usage(format!(
            "{:?} is not a trace id: expected 32 or 16 hex digits, not all zero",
            args.id
        ))
        .into());
    }
    let statement = format!(
        "SELECT span_id, parent_span_id, service_name, name, kind, duration_ns, outcome FROM trace('{}') ORDER BY start_time",
        args.id
    );
    let body = runtime()?.block_on(async {
        match &args.data_dir {
            Some(data_dir) => {
                let mut out = Vec::new();
                sql::over_directory(data_dir, &statement, Format::Json, &mut out).await?;
                anyhow::Ok(serde_json::from_slice::<Value>(&out)?)
            }
            None => Ok(sql::ask_server(&args.url, &statement, Format::Json).await?.json().await?),
        }
    })?;
    let rows: Vec<Row> = body["rows"].as_array().into_iter().flatten().map(row).collect();
    if rows.is_empty() {
        anyhow::bail!("no span of trace {} is stored", args.id);
    }
    print_tree(&rows)
}

fn row(cells: &Value) -> Row {
    let text = |index: usize| cells[index].as_str().unwrap_or_default();
    let milliseconds = cells[5].as_i64().unwrap_or_default() as f64 / 1e6;
    let outcome = if text(6) == "ok" { String::new() } else { format!("  {}", text(6)) };
    Row {
        span_id: text(0).to_owned(),
        parent: cells[1].as_str().map(str::to_owned),
        label: format!("{}  {}  {}  {milliseconds:.3} ms{outcome}", text(2), text(3), text(4)),
    }
}

/// Prints children under their parents, in order of start; spans whose parent is not stored stand at the left. Each span
/// is printed once, also where parents form a cycle.
fn print_tree(rows: &[Row]) -> anyhow::Result<()> {
    let mut children: HashMap<&str, Vec<usize>> = HashMap::new();
    let known: std::collections::HashSet<&str> = rows.iter().map(|row| row.span_id.as_str()).collect();
    let mut roots = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        match row.parent.as_deref().filter(|parent| known.contains(parent) && *parent != row.span_id) {
            Some(parent) => children.entry(parent).or_default().push(index),
            None => roots.push(index),
        }
    }
    let mut printed = vec![false; rows.len()];
    for start in roots.into_iter().chain(0..rows.len()) {
        let mut stack = vec![(start, 0)];
        while let Some((index, depth)) = stack.pop() {
            if std::mem::replace(&mut printed[index], true) {
                continue;
            }
            say(format_args!("{:indent$}{}", "", rows[index].label, indent = 2 * depth.min(MAX_INDENT)))?;
            let below = children.get(rows[index].span_id.as_str()).into_iter().flatten().rev();
            stack.extend(below.map(|child| (*child, depth + 1)));
        }
    }
    Ok(())
}
