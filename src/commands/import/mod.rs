//! `spandrel import`

mod chunks;
mod client;

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use spandrel_normalize::kubernetes::workload_of_pod;

use self::{
    chunks::Chunks,
    client::{Client, Totals},
};
use super::{runtime, say};
use crate::cli::{Failure, ImportArgs};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

pub(crate) fn import(args: &ImportArgs) -> anyhow::Result<()> {
    let mut inputs = Vec::with_capacity(args.files.len());
    for path in &args.files {
        inputs.push(Input::open(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?);
    }
    let bar = progress_bar(inputs.iter().map(|input| input.bytes).sum(), args.quiet);
    let client = Client::new(args)?;
    let mut totals = Totals::default();
    let runtime = runtime()?;
    for input in inputs {
        bar.set_message(input.name.clone());
        let service = args.service.clone().or_else(|| service_of(&input.name));
        let mut chunks = Chunks::new(decompressed(input.file, &bar)?, args.multiline.is_some());
        while let Some(chunk) = chunks.next().with_context(|| format!("cannot read {}", input.name))? {
            let sent = runtime.block_on(client.send(chunk, &input.name, service.as_deref()));
            totals.add(sent.with_context(|| {
                format!("{} was imported up to line {}; the rest was not", input.name, chunks.lines_before())
            })?);
        }
    }
    bar.finish_and_clear();
    report(args, &totals)
}

/// A file, or standard input.
struct Input {
    name: String,
    file: Box<dyn Read>,
    /// Its size, 0 where nobody knows.
    bytes: u64,
}

impl Input {
    fn open(path: &Path) -> std::io::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self { name: "stdin".to_owned(), file: Box::new(std::io::stdin()), bytes: 0 });
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(std::io::Error::other("is a directory; name its files, as in DIR/*.log"));
        }
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Ok(Self { name, file: Box::new(file), bytes: metadata.len() })
    }
}

/// The content of a file: gzip and zstd are told by their first bytes.
fn decompressed(file: Box<dyn Read>, bar: &ProgressBar) -> anyhow::Result<Box<dyn Read>> {
    let mut file = bar.wrap_read(file);
    let mut magic = Vec::with_capacity(ZSTD_MAGIC.len());
    std::io::copy(&mut (&mut file).take(ZSTD_MAGIC.len() as u64), &mut magic)?;
    let whole = std::io::Cursor::new(magic.clone()).chain(file);
    if magic.starts_with(&GZIP_MAGIC) {
        return Ok(Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(whole))));
    }
    if magic == ZSTD_MAGIC {
        return Ok(Box::new(zstd::Decoder::new(whole)?));
    }
    Ok(Box::new(whole))
}

/// The service a file is named for, as Kubernetes names pods: `adservice-5f6585d649-fnmft.log.gz` is of `adservice`.
fn service_of(name: &str) -> Option<String> {
    let stem = name.split('.').next()?;
    workload_of_pod(stem).map(str::to_owned)
}

fn progress_bar(bytes: u64, quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target((bytes > 0).then_some(bytes), target);
    let template = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

fn report(args: &ImportArgs, totals: &Totals) -> anyhow::Result<()> {
    if args.json {
        return say(format_args!("{}", totals.to_json()));
    }
    say(format_args!(
        "{} lines: {} requests, {} logs, {} rejected",
        totals.lines, totals.requests, totals.logs, totals.rejected
    ))?;
    for (format, lines) in &totals.formats {
        say(format_args!("  {lines} lines read as {format}"))?;
    }
    for (reason, lines) in &totals.reasons {
        say(format_args!("  {lines} lines rejected: {reason}"))?;
    }
    if totals.rejected > 0 {
        say(format_args!(
            "Some of the rejected lines: spandrel sql 'SELECT * FROM rejects ORDER BY time DESC LIMIT 10'"
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_come_from_the_names_of_pods() {
        assert_eq!(service_of("adservice-5f6585d649-fnmft.log.gz").as_deref(), Some("adservice"));
        assert_eq!(service_of("access.log"), None);
    }

    #[test]
    fn content_is_decompressed_whatever_the_name() {
        let bar = ProgressBar::hidden();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, b"hello").unwrap();
        let zstd = zstd::encode_all(&b"hello"[..], 1).unwrap();
        for bytes in [b"hello".to_vec(), gzip.finish().unwrap(), zstd] {
            let mut content = String::new();
            decompressed(Box::new(std::io::Cursor::new(bytes)), &bar)
                .unwrap()
                .take(100)
                .read_to_string(&mut content)
                .unwrap();
            assert_eq!(content, "hello");
        }
    }
}
