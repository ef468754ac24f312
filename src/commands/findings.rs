//! `spandrel findings`

use super::{quote, sql};
use crate::cli::FindingsArgs;

const COLUMNS: &str = "severity, score, kind, subject, opened, closed, remedy, id";

pub(crate) fn findings(args: &FindingsArgs) -> anyhow::Result<()> {
    let columns = if args.evidence { format!("{COLUMNS}, evidence, examples, sql") } else { COLUMNS.to_owned() };
    let source = match (&args.from, &args.to) {
        (Some(from), Some(to)) => format!("findings({}, {})", quote(from), quote(to)),
        _ => "findings".to_owned(),
    };
    let mut conditions = Vec::new();
    if args.from.is_none() && !args.all {
        conditions.push("closed IS NULL".to_owned());
    }
    if let Some(kind) = &args.kind {
        conditions.push(format!("kind = {}", quote(&kind.to_uppercase())));
    }
    let condition = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    let statement = format!("SELECT {columns} FROM {source}{condition} ORDER BY score DESC, opened, subject");
    sql::print(&statement, &args.url, args.data_dir.as_deref(), args.format)
}
