//! `spandrel sql`

use std::{
    io::{Read, Write},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use arrow::{buffer::Buffer, ipc::reader::StreamDecoder};
use futures::StreamExt;
use spandrel_proto::model::SystemClock;
use spandrel_query::{Engine, Limits, QueryError, QueryStats, output};

use super::runtime;
use crate::cli::{Failure, OutputFormat, SqlArgs};

/// Longest statement read from standard input.
const MAX_STATEMENT_BYTES: u64 = 1024 * 1024;
/// Memory a query over a data directory may use: there is no server to share it with.
const OFFLINE_MEMORY: usize = 1024 * 1024 * 1024;

impl From<OutputFormat> for output::Format {
    fn from(format: OutputFormat) -> Self {
        match format {
            OutputFormat::Table => output::Format::Table,
            OutputFormat::Json => output::Format::Json,
            OutputFormat::Ndjson => output::Format::Ndjson,
            OutputFormat::Csv => output::Format::Csv,
            OutputFormat::Arrow => output::Format::Arrow,
        }
    }
}

pub(crate) fn sql(args: &SqlArgs) -> anyhow::Result<()> {
    let statement = match args.statement.as_deref() {
        Some(statement) if statement != "-" => statement.to_owned(),
        _ => {
            let mut statement = String::new();
            std::io::stdin().take(MAX_STATEMENT_BYTES).read_to_string(&mut statement)?;
            statement
        }
    };
    print(&statement, &args.url, args.data_dir.as_deref(), args.format)
}

/// Prints the result of a statement, from a server or over a data directory.
pub(super) fn print(statement: &str, url: &str, data_dir: Option<&Path>, format: OutputFormat) -> anyhow::Result<()> {
    let format = output::Format::from(format);
    runtime()?.block_on(async {
        match data_dir {
            Some(data_dir) => {
                let mut out = std::io::BufWriter::new(std::io::stdout().lock());
                quiet(over_directory(data_dir, statement, format, &mut out).await)?;
                quiet(out.flush().map_err(anyhow::Error::from))
            }
            None => quiet(over_server(url, statement, format).await),
        }
    })
}

/// Runs `statement` over a data directory that no server has open.
pub(super) async fn over_directory(
    data_dir: &Path,
    statement: &str,
    format: output::Format,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let snapshot = spandrel_store::open_read_only(data_dir)
        .await
        .with_context(|| format!("cannot read the data directory {}", data_dir.display()))?;
    let engine = Engine::over_snapshot(snapshot, offline_limits(), Arc::new(SystemClock))?;
    let mut stream = engine.sql(statement).await.map_err(query_failure)?;
    let schema = stream.schema();
    let mut text = Vec::new();
    let mut writer = output::Writer::begin(format, &schema, &mut text)?;
    while let Some(batch) = stream.next().await {
        writer.batch(&batch.map_err(query_failure)?, &mut text)?;
        out.write_all(&text)?;
        text.clear();
    }
    writer.end(&stream.stats(), &mut text)?;
    out.write_all(&text)?;
    Ok(())
}

/// What a query over a data directory may use.
pub(super) fn offline_limits() -> Limits {
    Limits {
        query_memory: OFFLINE_MEMORY,
        total_memory: OFFLINE_MEMORY,
        time: Duration::from_secs(3600),
        ..Limits::default()
    }
}

async fn over_server(url: &str, statement: &str, format: output::Format) -> anyhow::Result<()> {
    // Servers have no use for aligned columns: that is done here, from Arrow.
    let asked = if format == output::Format::Table { output::Format::Arrow } else { format };
    let mut response = ask_server(url, statement, asked).await?;
    let mut out = std::io::stdout().lock();
    let mut table = TableText::default();
    while let Some(chunk) = response.chunk().await.map_err(|error| Failure::Connection(format!("{url}: {error}")))? {
        if asked == format {
            out.write_all(&chunk)?;
        } else {
            table.read(chunk)?;
        }
    }
    if asked != format {
        out.write_all(&table.end()?)?;
    }
    Ok(())
}

/// An Arrow stream as aligned columns.
#[derive(Default)]
struct TableText {
    decoder: StreamDecoder,
    writer: Option<output::Writer>,
    text: Vec<u8>,
}

impl TableText {
    fn read(&mut self, chunk: bytes::Bytes) -> anyhow::Result<()> {
        let mut buffer = Buffer::from(chunk);
        loop {
            let batch = self.decoder.decode(&mut buffer)?;
            if self.writer.is_none()
                && let Some(schema) = self.decoder.schema()
            {
                self.writer = Some(output::Writer::begin(output::Format::Table, &schema, &mut self.text)?);
            }
            match (batch, &mut self.writer) {
                (Some(batch), Some(writer)) => writer.batch(&batch, &mut self.text)?,
                _ => return Ok(()),
            }
        }
    }

    fn end(mut self) -> anyhow::Result<Vec<u8>> {
        self.decoder.finish()?;
        if let Some(writer) = self.writer {
            writer.end(&QueryStats::default(), &mut self.text)?;
        }
        Ok(self.text)
    }
}

/// Sends `statement` to a server and gives its answer, once it is a good one.
pub(super) async fn ask_server(
    url: &str,
    statement: &str,
    format: output::Format,
) -> anyhow::Result<reqwest::Response> {
    let endpoint = format!("{}/api/v1/sql", url.trim_end_matches('/'));
    let sent = reqwest::Client::new()
        .post(&endpoint)
        .header(reqwest::header::ACCEPT, format.media_type())
        .json(&serde_json::json!({"sql": statement}))
        .send()
        .await;
    let response = sent.map_err(|error| {
        Failure::Connection(format!(
            "no answer from {endpoint}: {error}; is `spandrel serve` running, or is --url wrong?"
        ))
    })?;
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let body: serde_json::Value = response.json().await.unwrap_or_default();
    let message = body["error"]["message"].as_str().unwrap_or("the answer has no error message");
    if status.is_client_error() {
        return Err(Failure::Usage(message.to_owned()).into());
    }
    anyhow::bail!("{status}: {message}")
}

pub(super) fn query_failure(error: QueryError) -> anyhow::Error {
    match error {
        QueryError::Internal { .. } | QueryError::TimedOut { .. } | QueryError::MemoryExceeded { .. } => error.into(),
        _ => Failure::Usage(error.to_string()).into(),
    }
}

/// A reader that went away, such as `head`, is no failure.
fn quiet(result: anyhow::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) => match error.downcast_ref::<std::io::Error>() {
            Some(io) if io.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(error),
        },
        Ok(()) => Ok(()),
    }
}
