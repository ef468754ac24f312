//! Events of circuit breakers, and of retries, limits and timeouts, in the rows of other tables.

mod logs;
mod metrics;
mod requests;
mod rules;
mod spans;

use arrow::record_batch::RecordBatch;
use spandrel_proto::{columns::text_prefix, model::Table};

use super::searcher::Searcher;
use crate::rows::{BreakerRow, BreakerRows};
use rules::{Name, RULES, Rule};

/// The most bytes of the words that told of an event.
const DETAIL_BYTES: usize = 512;

/// Finds breaker events. What it remembers are the last values of metrics that show a breaker's state, of a bounded
/// number of series.
#[derive(Debug)]
pub struct BreakerDetector {
    markers: Searcher,
    /// Names of attributes that tell of an event in a span.
    span_keys: Searcher,
    span_names: Searcher,
    /// The same in a log.
    log_keys: Searcher,
    series: metrics::SeriesMemory,
}

impl Default for BreakerDetector {
    fn default() -> Self {
        let mut markers: Vec<&str> = RULES.iter().map(|rule| rule.marker).collect();
        markers.push(logs::OUTLIER_MARKER);
        markers.dedup();
        Self {
            markers: Searcher::new(&markers),
            span_keys: Searcher::new(&spans::KEYS),
            log_keys: Searcher::new(&logs::KEYS),
            span_names: Searcher::new(&[spans::SPRING_FALLBACK]),
            series: metrics::SeriesMemory::default(),
        }
    }
}

impl BreakerDetector {
    /// The events in the rows of a batch, as rows of `breakers`; `None` where there are none.
    pub fn detect(&self, table: Table, batch: &RecordBatch) -> Option<RecordBatch> {
        let mut events = BreakerRows::new(table);
        match table {
            Table::Requests => requests::detect(batch, &mut events),
            Table::Logs => logs::detect(&self.markers, &self.log_keys, batch, &mut events),
            Table::Spans => spans::detect(self, batch, &mut events),
            Table::Metrics => metrics::detect(&self.series, batch, &mut events),
            _ => {}
        }
        (!events.is_empty()).then(|| events.finish())
    }
}

/// The first rule that holds for one of the texts, with the name of the breaker where one of the texts says it.
fn first_rule<'t>(texts: &[&'t str]) -> Option<(&'static Rule, &'t str, Option<&'t str>)> {
    let (rule, text) = RULES.iter().find_map(|rule| {
        let text = texts.iter().find(|text| rule.holds(text))?;
        Some((rule, *text))
    })?;
    let breaker = rule.breaker(text).or_else(|| {
        texts.iter().find_map(|text| match rule.name {
            Name::Between(..) => rule.breaker(text),
            _ => None,
        })
    });
    Some((rule, text, breaker))
}

/// The beginning of the words that told of an event.
fn detail(text: &str) -> Option<&str> {
    std::str::from_utf8(text_prefix(text.as_bytes(), DETAIL_BYTES)).ok()
}

/// A row with what a rule says.
fn told<'t>(rule: &'static Rule, text: &'t str, breaker: Option<&'t str>) -> BreakerRow<'t> {
    BreakerRow { system: rule.system, breaker, event: rule.event, detail: detail(text), ..BreakerRow::default() }
}

#[cfg(test)]
mod tests;
