//! `spandrel graph`

use super::{quote, sql};
use crate::cli::GraphArgs;

const EDGES: &str = "source, target, kind, view, requests, failures, p50_ms, p95_ms, p99_ms, attempts, sync_ratio";
const CHANGES: &str = "change, source, target, kind, before, after";

pub(crate) fn graph(args: &GraphArgs) -> anyhow::Result<()> {
    let (from, to) = (quote(&args.from), quote(&args.to));
    let statement = match (&args.compare_from, &args.compare_to) {
        (Some(before_from), Some(before_to)) => {
            let (before_from, before_to) = (quote(before_from), quote(before_to));
            format!("SELECT {CHANGES} FROM graph_diff({before_from}, {before_to}, {from}, {to})")
        }
        _ => format!("SELECT {EDGES} FROM service_graph({from}, {to})"),
    };
    sql::print(&statement, &args.url, args.data_dir.as_deref(), args.format)
}
