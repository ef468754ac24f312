//! All that is done to batches between reading and storing them.

use std::collections::BTreeMap;

use arrow::record_batch::RecordBatch;
use spandrel_proto::model::Table;

use super::{
    EnrichError,
    access::requests_in_logs,
    breakers::BreakerDetector,
    correlation::{CorrelationPattern, Correlator},
    redact::{RedactionRule, Redactor},
    services::{ServiceMap, StaticService},
    view::View,
};

/// What the configuration says of all that is derived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrichConfig {
    /// Whether secrets are taken out.
    pub redact: bool,
    /// Rules beside the built-in ones.
    pub redaction_rules: Vec<RedactionRule>,
    pub services: Vec<StaticService>,
    /// Attributes that hold a correlation id.
    pub correlation_keys: Vec<String>,
    pub correlation_patterns: Vec<CorrelationPattern>,
}

impl Default for EnrichConfig {
    fn default() -> Self {
        Self {
            redact: true,
            redaction_rules: Vec::new(),
            services: Vec::new(),
            correlation_keys: Vec::new(),
            correlation_patterns: Vec::new(),
        }
    }
}

/// Derives what batches do not say themselves. One is shared by all inputs.
#[derive(Debug)]
pub struct Enricher {
    services: ServiceMap,
    correlator: Correlator,
    breakers: BreakerDetector,
    redactor: Option<Redactor>,
}

/// What was derived and taken out, for metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnrichCounts {
    /// Finds by redaction rule.
    pub redactions: BTreeMap<String, u64>,
    /// Rows of `breakers` by system.
    pub breaker_events: BTreeMap<String, u64>,
}

impl EnrichCounts {
    pub fn add(&mut self, other: &EnrichCounts) {
        for (rule, count) in &other.redactions {
            *self.redactions.entry(rule.clone()).or_default() += count;
        }
        for (system, count) in &other.breaker_events {
            *self.breaker_events.entry(system.clone()).or_default() += count;
        }
    }
}

/// The batches to store.
#[derive(Debug)]
pub struct Enriched {
    pub tables: Vec<(Table, RecordBatch)>,
    pub counts: EnrichCounts,
}

impl Enricher {
    /// # Errors
    /// What is wrong with the rules and patterns; each problem names its own.
    pub fn new(config: &EnrichConfig) -> Result<Self, Vec<EnrichError>> {
        let correlator = Correlator::new(&config.correlation_keys, &config.correlation_patterns);
        // Rules are checked even where redaction is off, so that switching it on brings no surprise.
        let redactor = Redactor::new(&config.redaction_rules);
        match (correlator, redactor) {
            (Ok(correlator), Ok(redactor)) => Ok(Self {
                services: ServiceMap::new(&config.services),
                correlator,
                breakers: BreakerDetector::default(),
                redactor: config.redact.then_some(redactor),
            }),
            (correlator, redactor) => Err([correlator.err(), redactor.err()].into_iter().flatten().collect()),
        }
    }

    /// Batches of one request or of some lines, with what is derived from them.
    pub fn apply(&self, mut tables: Vec<(Table, RecordBatch)>) -> Enriched {
        for (table, batch) in &tables {
            self.services.learn(*table, batch);
        }
        // First, so that all that follows is done to them too.
        let in_logs = tables.iter().filter(|(table, _)| *table == Table::Logs);
        let in_logs: Vec<RecordBatch> = in_logs.filter_map(|(_, logs)| requests_in_logs(logs)).collect();
        tables.extend(in_logs.into_iter().map(|requests| (Table::Requests, requests)));
        let mut counts = EnrichCounts::default();
        let mut breakers = Vec::new();
        for (table, batch) in &mut tables {
            let mut current = batch.clone();
            if *table == Table::Requests {
                current = self.services.apply(current);
            }
            *batch = self.correlator.apply(*table, current);
            if let Some(events) = self.breakers.detect(*table, batch) {
                count_systems(&events, &mut counts.breaker_events);
                breakers.push((Table::Breakers, events));
            }
        }
        tables.append(&mut breakers);
        if let Some(redactor) = &self.redactor {
            redact(redactor, &mut tables, &mut counts.redactions);
        }
        Enriched { tables, counts }
    }
}

fn redact(redactor: &Redactor, tables: &mut [(Table, RecordBatch)], redactions: &mut BTreeMap<String, u64>) {
    let mut counts = Vec::new();
    for (_, batch) in tables {
        *batch = redactor.apply(batch.clone(), &mut counts);
    }
    for (rule, count) in redactor.rules().iter().zip(counts).filter(|(_, count)| *count > 0) {
        *redactions.entry(rule.clone()).or_default() += count;
    }
}

fn count_systems(events: &RecordBatch, counts: &mut BTreeMap<String, u64>) {
    let systems = View(events).texts("system");
    for system in (0..events.num_rows()).filter_map(|row| systems.get(row)) {
        match counts.get_mut(system) {
            Some(count) => *count += 1,
            None => {
                counts.insert(system.to_owned(), 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::enrich::testing::{batch, maps, text, texts};

    #[test]
    fn one_pass_learns_fills_detects_and_redacts() {
        let config = EnrichConfig { correlation_keys: vec!["sale".to_owned()], ..EnrichConfig::default() };
        let enricher = Enricher::new(&config).unwrap();
        let spans = batch(
            Table::Spans,
            vec![("service_name", texts(&["stock"])), ("resource_attributes", maps(&[&[("k8s.pod.ip", "10.0.3.7")]]))],
        );
        let requests = batch(
            Table::Requests,
            vec![
                ("source", texts(&["envoy"])),
                ("response_flags", texts(&["UO"])),
                ("upstream_address", texts(&["10.0.3.7:8080"])),
                ("attributes", maps(&[&[("sale", "s-100")]])),
            ],
        );
        let logs = batch(Table::Logs, vec![("body", texts(&["Breaker is open for card 4111111111111111"]))]);
        let enriched =
            enricher.apply(vec![(Table::Requests, requests), (Table::Spans, spans.clone()), (Table::Logs, logs)]);
        let tables: Vec<Table> = enriched.tables.iter().map(|(table, _)| *table).collect();
        assert_eq!(tables, [Table::Requests, Table::Spans, Table::Logs, Table::Breakers, Table::Breakers]);
        let column = |at: usize, name| text(&enriched.tables[at].1, name, 0);
        assert_eq!((column(0, "upstream_service"), column(0, "correlation_id")), (Some("stock"), Some("s-100")));
        assert_eq!(column(2, "body"), Some("Breaker is open for card [REDACTED]"));
        assert_eq!((column(3, "peer_service"), column(3, "correlation_id")), (Some("stock"), Some("s-100")));
        assert_eq!(column(4, "detail"), Some("Breaker is open for card [REDACTED]"));
        assert_eq!(enriched.counts.redactions, BTreeMap::from([("card".to_owned(), 2)]));
        let systems = BTreeMap::from([("envoy".to_owned(), 1), ("opossum".to_owned(), 1)]);
        assert_eq!(enriched.counts.breaker_events, systems);
        let untouched = enriched.tables[1].1.columns().iter().zip(spans.columns());
        assert!(untouched.into_iter().all(|(after, before)| Arc::ptr_eq(after, before)));
    }

    #[test]
    fn redaction_can_be_off_and_every_problem_is_told() {
        let off = Enricher::new(&EnrichConfig { redact: false, ..EnrichConfig::default() }).unwrap();
        let logs = batch(Table::Logs, vec![("body", texts(&["card 4111111111111111"]))]);
        assert_eq!(text(&off.apply(vec![(Table::Logs, logs)]).tables[0].1, "body", 0), Some("card 4111111111111111"));
        let broken = EnrichConfig {
            redaction_rules: vec![RedactionRule { name: "r1".into(), regex: "(".into(), replacement: String::new() }],
            correlation_patterns: vec![CorrelationPattern {
                name: "c1".into(),
                columns: vec!["body".into()],
                regex: "(".into(),
            }],
            ..EnrichConfig::default()
        };
        let problems: Vec<String> = Enricher::new(&broken).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), 2);
        assert!(problems[0].contains("`c1`") && problems[1].contains("`r1`"), "{problems:?}");
    }
}
