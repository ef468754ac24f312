//! Breaker events in `logs`.

use std::borrow::Cow;

use arrow::record_batch::RecordBatch;

use super::{
    super::{
        searcher::Searcher,
        view::{Attributes, View},
    },
    first_rule,
    rules::{Name, event},
    told,
};
use crate::{
    json::Object,
    rows::{BreakerRow, BreakerRows},
};

/// The key that only events of Envoy's outlier detection have, where their line is a body as it is.
pub(super) const OUTLIER_MARKER: &str = "\"upstream_url\"";
/// The event's name where the line was read as such.
const OUTLIER_EVENT: &str = "envoy.outlier_detection";
const MESSAGE_KEYS: [&str; 3] = ["exception.message", "exception.type", "error.type"];

/// Parts of the names of attributes that tell of an event without words: a breaker's name, or an outlier's address.
pub(super) const KEYS: [&str; 4] = ["breaker", "Breaker", "circuit", "upstream_url"];
/// Attributes that name a breaker, and that say what it did or became.
const BREAKER_KEYS: [&str; 9] = [
    "breaker",
    "circuit",
    "circuitBreaker",
    "circuit_breaker",
    "breaker.name",
    "breaker_name",
    "circuitBreakerName",
    "circuit_breaker_name",
    "circuit_breaker.name",
];
const STATE_KEYS: [&str; 8] =
    ["event", "to", "to_state", "newState", "new_state", "state", "breaker.state", "circuit_breaker.state"];
/// Attributes in which a library may say its own name.
const SYSTEM_KEYS: [&str; 3] = ["component", "library", "logger"];
const SYSTEMS: [&str; 7] = ["opossum", "resilience4j", "hystrix", "polly", "gobreaker", "pybreaker", "cockatiel"];

pub(super) fn detect(markers: &Searcher, keys: &Searcher, batch: &RecordBatch, events: &mut BreakerRows) {
    let view = View(batch);
    let (bodies, attributes) = (view.texts("body"), view.attributes("attributes"));
    let event_names = view.texts("event_name");
    let mut rows = bodies.rows_with(markers);
    rows.extend(attributes.rows_with_value(markers));
    rows.extend(attributes.rows_with_key(keys));
    if event_names.0.is_some_and(|names| names.value_data().len() >= OUTLIER_EVENT.len()) {
        rows.extend((0..batch.num_rows()).filter(|row| event_names.get(*row) == Some(OUTLIER_EVENT)));
    }
    rows.sort_unstable();
    rows.dedup();
    let common = Common::of(view);
    for row in rows {
        let body = bodies.get(row).unwrap_or_default();
        if event_names.get(row) == Some(OUTLIER_EVENT) || attributes.get(row, "upstream_url").is_some() {
            outlier(&Outlier::of_attributes(attributes, row), &common.row(row), events);
        } else if let Some(parsed) = Outlier::of_line(body) {
            outlier(&parsed, &common.row(row), events);
        } else {
            let before = events.len();
            ruled(body, attributes, row, &common, events);
            if events.len() == before {
                stated(attributes, row, &common, events);
            }
        }
    }
}

fn ruled(body: &str, attributes: Attributes<'_>, row: usize, common: &Common<'_>, events: &mut BreakerRows) {
    let mut texts = vec![body];
    texts.extend(MESSAGE_KEYS.iter().filter_map(|key| attributes.get(row, key)));
    let Some((rule, text, breaker)) = first_rule(&texts) else { return };
    let told = told(rule, text, breaker);
    let breaker = match rule.name {
        Name::Attribute(key) => attributes.get(row, key),
        // Formats take nginx's upstream out of its message.
        Name::NginxUpstream => {
            breaker.or_else(|| attributes.first(row, &["nginx.upstream", "upstream"]).map(super::rules::host_of_url))
        }
        _ => breaker,
    };
    let base = common.row(row);
    let server_address =
        breaker.filter(|_| matches!(rule.name, Name::NginxUpstream) && rule.event != event::SHORT_CIRCUIT);
    events.push(&BreakerRow {
        breaker,
        server_address,
        signal: if std::ptr::eq(text, body) { "log" } else { "exception" },
        system: told.system,
        event: told.event,
        detail: told.detail,
        ..base
    });
}

/// An event that attributes state: which breaker, and what it did or became.
fn stated(attributes: Attributes<'_>, row: usize, common: &Common<'_>, events: &mut BreakerRows) {
    let Some(breaker) = attributes.first(row, &BREAKER_KEYS) else { return };
    let said = common.view.texts("event_name").get(row).or_else(|| attributes.first(row, &STATE_KEYS));
    let Some(event) = said.and_then(event_of) else { return };
    let names =
        SYSTEM_KEYS.iter().filter_map(|key| attributes.get(row, key)).chain(common.view.texts("scope_name").get(row));
    let system = names
        .filter_map(|name| SYSTEMS.into_iter().find(|system| name.to_ascii_lowercase().contains(system)))
        .next()
        .unwrap_or("circuit_breaker");
    let detail = common.view.texts("body").get(row).and_then(super::detail).or(said);
    events.push(&BreakerRow { system, breaker: Some(breaker), event, signal: "log", detail, ..common.row(row) });
}

/// The event that a word of a library stands for, whatever its case and however its parts are joined.
fn event_of(word: &str) -> Option<&'static str> {
    let plain: String = word.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    Some(match plain.as_str() {
        "open" | "opened" | "tripped" | "forcedopen" => event::TRIP,
        "halfopen" | "halfopened" => event::HALF_OPEN,
        "close" | "closed" | "reset" => event::CLOSE,
        "reject" | "rejected" | "shortcircuit" | "shortcircuited" | "notpermitted" => event::SHORT_CIRCUIT,
        "fallback" => event::FALLBACK,
        "timeout" => event::TIMEOUT,
        _ => return None,
    })
}

/// What each event takes from its row.
struct Common<'b> {
    view: View<'b>,
}

impl<'b> Common<'b> {
    fn of(view: View<'b>) -> Self {
        Self { view }
    }

    fn row(&self, row: usize) -> BreakerRow<'b> {
        let view = self.view;
        BreakerRow {
            time: view.longs("time").get(row).unwrap_or_default(),
            service_name: view.texts("service_name").get(row).unwrap_or_default(),
            trace_id: view.ids("trace_id").get(row),
            span_id: view.ids("span_id").get(row),
            correlation_id: view.texts("correlation_id").get(row),
            ..BreakerRow::default()
        }
    }
}

/// An event of Envoy's outlier detection, of either schema.
#[derive(Debug)]
struct Outlier<'a> {
    cluster: Option<Cow<'a, str>>,
    upstream: Option<Cow<'a, str>>,
    action: Option<Cow<'a, str>>,
    enforced: Option<Cow<'a, str>>,
    kind: Option<Cow<'a, str>>,
}

impl<'a> Outlier<'a> {
    fn of_attributes(attributes: Attributes<'a>, row: usize) -> Self {
        // Without the prefix where the line was read as any JSON.
        let get = |keys: [&str; 2]| attributes.first(row, &keys).map(Cow::Borrowed);
        Self {
            cluster: get(["envoy.cluster", "cluster"]).or_else(|| get(["envoy.cluster_name", "cluster_name"])),
            upstream: get(["envoy.upstream_url", "upstream_url"]),
            action: get(["envoy.action", "action"]),
            enforced: get(["envoy.enforced", "enforced"]),
            kind: get(["envoy.type", "type"]),
        }
    }

    fn of_line(line: &'a str) -> Option<Self> {
        if !line.trim_start().starts_with('{') || !line.contains(OUTLIER_MARKER) {
            return None;
        }
        let object = Object::parse(line).ok()?;
        Some(Self {
            cluster: Some(object.text("cluster_name").or_else(|| object.text("cluster"))?),
            upstream: Some(object.text("upstream_url")?),
            action: object.text("action"),
            enforced: object.text("enforced"),
            kind: object.text("type"),
        })
    }
}

/// A host that was only detected, not ejected, gives no event. Fields of the value zero may be left out: the action is
/// then to eject, and enforced it was not.
fn outlier(outlier: &Outlier<'_>, base: &BreakerRow<'_>, events: &mut BreakerRows) {
    let is_uneject =
        outlier.action.as_deref().is_some_and(|action| action.eq_ignore_ascii_case("uneject") || action == "1");
    if !is_uneject && outlier.enforced.as_deref() != Some("true") {
        return;
    }
    let upstream = outlier.upstream.as_deref();
    let breaker = match (outlier.cluster.as_deref(), upstream) {
        (Some(cluster), Some(upstream)) => Some(format!("{cluster}@{upstream}")),
        (cluster, upstream) => cluster.or(upstream).map(str::to_owned),
    };
    events.push(&BreakerRow {
        system: "envoy",
        breaker: breaker.as_deref(),
        server_address: upstream,
        event: if is_uneject { event::UNEJECT } else { event::EJECT },
        signal: "outlier_log",
        detail: outlier.kind.as_deref(),
        ..base.clone()
    });
}
