//! Dashboards as files.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;

use super::statement;

const MAX_FILE_BYTES: u64 = 256 << 10;
const MAX_FILES: usize = 200;
const MAX_PANELS: usize = 100;
/// Columns that panels share a row of.
const COLUMNS: u8 = 12;
const DEFAULT_WIDTH: u8 = 6;

macro_rules! built_in {
    ($($name:literal),*) => {
        &[$(($name, include_str!(concat!("../../../../dashboards/", $name, ".yaml")))),*]
    };
}

const BUILT_IN: &[(&str, &str)] = built_in!["breakers", "databases", "gateway", "red", "spandrel"];

/// How a panel shows its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum PanelKind {
    /// A column `time`, perhaps a column of text whose values are lines of their own, and columns of numbers.
    Line,
    /// A column of text, and one of numbers.
    Bar,
    /// Whatever there is.
    Table,
    /// One number.
    Stat,
}

/// A dashboard that was read.
#[derive(Debug, Clone)]
pub(super) struct Dashboard {
    pub(super) name: String,
    /// None for those that come with the server.
    pub(super) file: Option<String>,
    pub(super) title: String,
    pub(super) description: Option<String>,
    pub(super) panels: Vec<Panel>,
}

#[derive(Debug, Clone)]
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) description: Option<String>,
    pub(super) kind: PanelKind,
    pub(super) unit: Option<String>,
    /// 1 to 12.
    pub(super) width: u8,
    /// With placeholders.
    pub(super) sql: String,
}

/// A file that is no dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(super) struct DashboardProblem {
    /// The name that the dashboard would have.
    pub(super) name: String,
    file: String,
    /// From 1; none where it is not about one line.
    line: Option<u64>,
    /// What is wrong, and what to do.
    pub(super) message: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DashboardFile {
    title: String,
    description: Option<String>,
    panels: Vec<Spanned<PanelFile>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PanelFile {
    title: String,
    description: Option<String>,
    kind: PanelKind,
    unit: Option<String>,
    width: Option<Spanned<u8>>,
    sql: Spanned<String>,
}

/// The dashboards that come with the server and those in `directory`, by name, and what is wrong with files of it. A file
/// takes the place of the dashboard of the same name that comes with the server.
pub(super) async fn read_all(directory: Option<&Path>) -> (Vec<Dashboard>, Vec<DashboardProblem>) {
    let (mut dashboards, mut problems) = (Vec::new(), Vec::new());
    for (name, text) in BUILT_IN {
        match parse(name, None, text) {
            Ok(dashboard) => dashboards.push(dashboard),
            Err(problem) => problems.push(problem),
        }
    }
    if let Some(directory) = directory {
        match files(directory).await {
            Ok(files) => {
                if files.len() > MAX_FILES {
                    let message = format!("there are {} files, of which the first {MAX_FILES} are read", files.len());
                    problems.push(problem("", directory, None, message));
                }
                for file in files.iter().take(MAX_FILES) {
                    match read(file).await {
                        Ok(dashboard) => {
                            dashboards.retain(|other: &Dashboard| other.name != dashboard.name);
                            dashboards.push(dashboard);
                        }
                        Err(problem) => problems.push(problem),
                    }
                }
            }
            Err(error) => {
                let message = format!("`dashboards.path` cannot be read: {error}");
                problems.push(problem("", directory, None, message));
            }
        }
    }
    dashboards.sort_by(|a, b| a.name.cmp(&b.name));
    (dashboards, problems)
}

/// The YAML files of a directory, in order.
async fn files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut entries = tokio::fs::read_dir(directory).await?;
    let mut files = Vec::new();
    while let Some(entry) = entries.next_entry().await? {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

async fn read(path: &Path) -> Result<Dashboard, DashboardProblem> {
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let wrong = |message: String| problem(&name, path, None, message);
    let is_usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    if name.is_empty() || !name.bytes().all(is_usual) {
        let message = "a dashboard is named as its file: write it with a to z, 0 to 9, - and _, such as checkout.yaml";
        return Err(wrong(message.to_owned()));
    }
    let metadata = tokio::fs::metadata(path).await.map_err(|error| wrong(format!("it cannot be read: {error}")))?;
    if metadata.len() > MAX_FILE_BYTES {
        return Err(wrong(format!("it has {} bytes; at most {MAX_FILE_BYTES} are read: divide it", metadata.len())));
    }
    let text = tokio::fs::read_to_string(path).await.map_err(|error| wrong(format!("it cannot be read: {error}")))?;
    parse(&name, Some(path), &text)
}

fn parse(name: &str, path: Option<&Path>, text: &str) -> Result<Dashboard, DashboardProblem> {
    let file = path.unwrap_or_else(|| Path::new(name));
    let read: DashboardFile = serde_saphyr::from_str(text).map_err(|error| {
        let line = error.location().map(|location| location.line());
        let said = error.without_snippet().to_string();
        problem(name, file, line, format!("{said}; see docs/reference/dashboards.md for what a dashboard has"))
    })?;
    if read.panels.is_empty() || read.panels.len() > MAX_PANELS {
        let message = format!("panels: it has {}; give at least one, and at most {MAX_PANELS}", read.panels.len());
        return Err(problem(name, file, None, message));
    }
    let panels = read
        .panels
        .into_iter()
        .map(|panel| checked(panel).map_err(|(line, message)| problem(name, file, Some(line), message)));
    Ok(Dashboard {
        name: name.to_owned(),
        file: path.map(|path| path.display().to_string()),
        title: read.title,
        description: read.description,
        panels: panels.collect::<Result<_, _>>()?,
    })
}

/// A panel, or what is wrong with it and in which line.
fn checked(panel: Spanned<PanelFile>) -> Result<Panel, (u64, String)> {
    let line = panel.referenced.line();
    let PanelFile { title, description, kind, unit, width, sql } = panel.value;
    let title_of = |problem: String| format!("panel '{title}': {problem}");
    let width = match width {
        Some(width) if !(1..=COLUMNS).contains(&width.value) => {
            let message = format!("width: {} is not one of 1 to {COLUMNS} columns", width.value);
            return Err((width.referenced.line(), title_of(message)));
        }
        Some(width) => width.value,
        None => DEFAULT_WIDTH,
    };
    if sql.value.trim().is_empty() {
        return Err((line, title_of("sql: it is empty; write a statement that reads".to_owned())));
    }
    if let Some((placeholder, below)) = statement::unknown(&sql.value) {
        let message = format!(
            "sql: ${placeholder} stands for nothing; there are $from, $to, $bucket, $bucket_seconds and $range_seconds"
        );
        return Err((sql.referenced.line() + below as u64, title_of(message)));
    }
    Ok(Panel { title, description, kind, unit, width, sql: sql.value })
}

fn problem(name: &str, file: &Path, line: Option<u64>, message: String) -> DashboardProblem {
    DashboardProblem { name: name.to_owned(), file: file.display().to_string(), line, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn those_that_come_with_the_server_are_right() {
        let (dashboards, problems) = read_all(None).await;
        assert_eq!(problems, []);
        let names: Vec<&str> = dashboards.iter().map(|dashboard| dashboard.name.as_str()).collect();
        assert_eq!(names, ["breakers", "databases", "gateway", "red", "spandrel"]);
    }
}
