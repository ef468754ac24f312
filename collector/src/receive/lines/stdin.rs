//! Lines of standard input.

use std::sync::Arc;

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::Instant,
};

use super::{
    assembler::Assembler,
    config::StdinConfig,
    source::{BATCH_AGE, RECORD_TIMEOUT, Source, Stopped, is_full},
    splitter::LineSplitter,
};

const READ_BYTES: usize = 64 * 1024;

/// Reads to the end of `input`, or until the source is stopped. Nothing is read while lines cannot be stored.
pub(super) async fn run(
    source: Arc<Source>,
    config: StdinConfig,
    mut input: impl AsyncRead + Unpin,
) -> Result<(), Stopped> {
    let mut splitter = LineSplitter::new(source.max_line_bytes);
    let mut assembler = Assembler::new(config.envelope, source.multiline.as_ref(), source.max_line_bytes);
    let (mut batch, mut lines, mut since) = (source.batch(), 0, None);
    let mut buffer = vec![0; READ_BYTES];
    let (mut ended, mut last_read) = (false, Instant::now());
    while !ended {
        let record_due = (assembler.pending_bytes() > 0).then_some(last_read + RECORD_TIMEOUT);
        let batch_due = since.map(|since: Instant| since + BATCH_AGE).filter(|due| *due > Instant::now());
        let due = [batch_due, record_due].into_iter().flatten().min();
        let count = tokio::select! {
            read = input.read(&mut buffer) => Some(read.unwrap_or_else(|error| {
                tracing::warn!(source = source.name, %error, "standard input cannot be read");
                0
            })),
            () = tokio::time::sleep_until(due.unwrap_or(last_read)), if due.is_some() => None,
            () = source.stop.cancelled() => Some(0),
        };
        ended = count == Some(0);
        let context = source.context();
        match count {
            Some(_) => last_read = Instant::now(),
            None if last_read.elapsed() >= RECORD_TIMEOUT => assembler.flush(&mut batch, &context),
            None => {}
        }
        let mut take = |line: &[u8]| {
            lines += 1;
            assembler.push(line, 0, &mut batch, &context);
        };
        splitter.push(&buffer[..count.unwrap_or(0)], &mut take);
        if ended {
            splitter.finish(&mut take);
            assembler.flush(&mut batch, &context);
        }
        if (lines > 0 || batch.bytes() > 0) && since.is_none() {
            since = Some(Instant::now());
        }
        if ended || is_full(&batch) || since.is_some_and(|since| since.elapsed() >= BATCH_AGE) {
            source.store_or_lose(std::mem::replace(&mut batch, source.batch()), lines).await?;
            (lines, since) = (0, None);
        }
    }
    Ok(())
}
