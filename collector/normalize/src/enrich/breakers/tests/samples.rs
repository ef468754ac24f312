//! The labelled signals of `../shared/data/breaker-signals`, where they are.

use arrow::record_batch::RecordBatch;
use serde_json::Value;
use spandrel_proto::model::Table;

use super::{log, point, told_again, told_by};
use crate::{
    enrich::{
        breakers::BreakerDetector,
        testing::{batch, texts},
    },
    record::RequestRecord,
    rows::RequestRows,
};

/// Where an expectation of the sample differs from ours: what it has, what we have, and why.
const DEVIATIONS: [(&str, &str, &str); 1] = [
    // The sample calls each opening a trip. A host that Envoy ejects comes back without a breaker's half-open state, so
    // it is an event of its own.
    ("envoy outlier log", "trip", "eject"),
];

#[test]
fn labelled_signals_give_their_events() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/breaker-signals/signals.jsonl");
    let Ok(lines) = std::fs::read_to_string(path) else { return };
    for line in lines.lines() {
        let signal: Value = serde_json::from_str(line).unwrap();
        let (source, sample) = (signal["src"].as_str().unwrap(), signal["text"].as_str().unwrap());
        let expect = &signal["expect"];
        let told = told_of_sample(source, sample);
        let told: Vec<&str> = told.split(' ').collect();
        let event = expect["event"].as_str().map(|event| {
            DEVIATIONS
                .iter()
                .find(|(name, theirs, _)| source.starts_with(name) && *theirs == event)
                .map_or(event, |(.., ours)| *ours)
        });
        match (event, expect["state"].as_str()) {
            (Some(event), _) => assert_eq!(told[1], event, "{source}: {sample}"),
            // The state of a gauge; it becomes an event when it changes to open.
            (None, Some("closed")) => assert_eq!(told, [""], "{source}: {sample}"),
            (None, _) => assert_eq!(told[1], "trip", "{source}: {sample}"),
        }
        if let Some(breaker) = expect["breaker"].as_str().filter(|_| told.len() > 1) {
            assert_eq!(told[2], breaker, "{source}: {sample}");
        }
    }
}

fn told_of_sample(source: &str, sample: &str) -> String {
    if source.contains("prometheus") {
        return told_by(Table::Metrics, &prometheus(sample)).concat();
    }
    let rows = match source {
        "spring cloud circuitbreaker span" => {
            return told_by(Table::Spans, &batch(Table::Spans, vec![("name", texts(&["circuit-breaker fallback"]))]))
                .concat();
        }
        "envoy access flag" => {
            let mut rows = RequestRows::default();
            let record =
                RequestRecord { status: Some(503), response_flags: Some("UO".into()), ..RequestRecord::new("envoy") };
            rows.push(&record, "gateway", 5);
            return told_by(Table::Requests, &rows.finish()).concat();
        }
        _ => log(sample),
    };
    told_by(Table::Logs, &rows).concat()
}

/// One line of Prometheus' text as a point.
fn prometheus(line: &str) -> RecordBatch {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap();
    let labels: Vec<(&str, &str)> = labels
        .trim_end_matches('}')
        .split(',')
        .filter_map(|label| label.split_once('=').map(|(key, value)| (key, value.trim_matches('"'))))
        .collect();
    point(name, &labels, value.parse().unwrap())
}

#[test]
fn statistics_of_envoy_name_their_breakers() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/breaker-signals/envoy-stats-circuit-breakers.prom");
    let Ok(lines) = std::fs::read_to_string(path) else { return };
    let detector = BreakerDetector::default();
    let mut told = Vec::new();
    for line in lines.lines().filter(|line| !line.starts_with('#')) {
        assert!(told_again(&detector, Table::Metrics, &prometheus(line)).is_empty() || line.ends_with(" 1"), "{line}");
        let (series, _) = line.rsplit_once(' ').unwrap();
        told.extend(told_again(&detector, Table::Metrics, &prometheus(&format!("{series} 1"))));
    }
    let opened: Vec<&String> = told.iter().filter(|told| told.contains(" trip ")).collect();
    assert_eq!(opened.len(), 9, "{told:?}");
    assert!(
        opened.iter().all(|told| told.starts_with("envoy trip backend2015/") && told.ends_with(" explicit metric"))
    );
    assert_eq!(told.iter().filter(|told| told.contains("short_circuit service1 ")).count(), 3, "{told:?}");
}
