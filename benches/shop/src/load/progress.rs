//! The progress line on a terminal.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::{task::JoinHandle, time::interval};

use super::report::Tally;

const REFRESH: Duration = Duration::from_millis(500);

/// A line on the standard error output that is redrawn until it is dropped. Nothing is drawn where that is no terminal.
#[derive(Debug)]
pub(super) struct ProgressLine {
    bar: ProgressBar,
    refresher: JoinHandle<()>,
}

impl ProgressLine {
    pub(super) fn draw(tally: Arc<Mutex<Tally>>, duration: Option<Duration>) -> Self {
        let bar =
            ProgressBar::with_draw_target(duration.map(|duration| duration.as_secs()), ProgressDrawTarget::stderr());
        let template =
            if duration.is_some() { "[{elapsed_precise}] {bar:30} {msg}" } else { "[{elapsed_precise}] {msg}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let refreshed = bar.clone();
        let refresher = tokio::spawn(async move {
            let mut ticker = interval(REFRESH);
            loop {
                ticker.tick().await;
                let report = tally.lock().unwrap_or_else(PoisonError::into_inner).report();
                refreshed.set_position(refreshed.elapsed().as_secs());
                refreshed.set_message(Cow::from(format!(
                    "{:.0} spans/s, {} accepted, {} lost, {} retries, p99 {:.1} ms",
                    report.accepted_spans_per_second,
                    report.accepted_spans,
                    report.rejected_spans + report.refused_spans + report.failed_spans,
                    report.retries,
                    report.latency_ms.p99,
                )));
            }
        });
        Self { bar, refresher }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.refresher.abort();
        self.bar.finish_and_clear();
    }
}
