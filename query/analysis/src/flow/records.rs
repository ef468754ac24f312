//! The records of a flow as numbers, read from the batches of their tables.

use std::cmp::Reverse;

use arrow::array::Array;
use spandrel_proto::model::correlation_key;

use super::{RecordType, Tier, columns::Columns, id::identifies, search::Found};
use crate::{
    span::Kind,
    text::{Text, Texts},
};

/// No record.
pub(super) const NONE: u32 = u32::MAX;

const MAX_TEXT_BYTES: usize = 48 << 20;

/// One record of any table.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) record_type: RecordType,
    pub(super) tier: Tier,
    pub(super) row: u32,
    /// 0 for none.
    pub(super) trace: u128,
    /// 0 for none.
    pub(super) span: u64,
    /// 0 for none.
    pub(super) parent_span: u64,
    pub(super) start: i64,
    /// Not before `start`.
    pub(super) end: i64,
    pub(super) service: Text,
    /// The correlation id to join by.
    pub(super) key: Text,
    /// Index of the record above it.
    pub(super) parent: u32,
}

/// What only spans have.
#[derive(Debug, Clone, Copy)]
pub(super) struct SpanPart {
    pub(super) kind: Kind,
    /// The service that a call over the network goes to, as far as the client says it.
    pub(super) callee: Text,
    /// It waits for somebody who may send spans: neither a database nor a queue, and not refused before it was sent.
    pub(super) expects_spans: bool,
    attributes: u32,
}

/// All records of a flow: spans first, in order of trace, start and end (the later first), then gateway records, then
/// breaker events, then logs, each in order of time.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) texts: Texts,
    pub(super) all: Vec<Record>,
    /// As many as there are spans.
    pub(super) spans: Vec<SpanPart>,
    /// As many as there are gateway records: every correlation id of each.
    pub(super) request_keys: Vec<Vec<Text>>,
}

impl Records {
    pub(super) fn read(found: &Found) -> Records {
        let mut records = Records {
            texts: Texts::new(MAX_TEXT_BYTES),
            all: Vec::with_capacity(found.len()),
            spans: Vec::with_capacity(found.spans.num_rows()),
            request_keys: Vec::with_capacity(found.requests.num_rows()),
        };
        records.read_spans(Columns(&found.spans));
        records.read_requests(Columns(&found.requests));
        records.read_events(Columns(&found.breakers), RecordType::Breaker, ["event", "detail"]);
        records.read_events(Columns(&found.logs), RecordType::Log, ["body", "severity_text"]);
        records
    }

    /// Indices of the gateway records in `all`.
    pub(super) fn requests(&self) -> std::ops::Range<usize> {
        self.spans.len()..self.spans.len() + self.request_keys.len()
    }

    /// Indices of breaker events and logs in `all`.
    pub(super) fn events(&self) -> std::ops::Range<usize> {
        self.requests().end..self.all.len()
    }

    fn read_spans(&mut self, columns: Columns<'_>) {
        let mut rows = Vec::with_capacity(columns.0.num_rows());
        let (kind, outcome) = (columns.text("kind"), columns.text("outcome"));
        let (peer, address) = (columns.text("service_peer_name"), columns.text("server_address"));
        let (database, queue) = (columns.text("db_system_name"), columns.text("messaging_system"));
        let attributes = columns.0.column_by_name("attributes").and_then(|column| {
            let maps: &arrow::array::MapArray = column.as_any().downcast_ref()?;
            Some(maps)
        });
        for (row, record) in self.base(columns, RecordType::Span, "start_time", "service_name").into_iter().enumerate()
        {
            let callee = peer.get(row).or_else(|| address.get(row).map(first_label)).unwrap_or_default();
            let part = SpanPart {
                kind: kind_of(kind.or_empty(row)),
                callee: self.intern(callee),
                expects_spans: database.get(row).is_none()
                    && queue.get(row).is_none()
                    && !matches!(outcome.or_empty(row), "rejected" | "unreachable"),
                attributes: attributes.map_or(0, |maps| maps.value_length(row) as u32),
            };
            rows.push((record, part));
        }
        rows.sort_by(|(a, a_part), (b, b_part)| {
            let key = |record: &Record, part: &SpanPart| {
                (record.trace, record.start, Reverse(record.end), record.span, part.kind, Reverse(part.attributes))
            };
            key(a, a_part).cmp(&key(b, b_part)).then_with(|| self.tie(a).cmp(&self.tie(b)))
        });
        self.add_unique_spans(rows);
    }

    /// Of copies of a span (the same ids, service, kind and start), the one with the latest end, then with the most
    /// attributes, which is the first.
    fn add_unique_spans(&mut self, rows: Vec<(Record, SpanPart)>) {
        let mut seen = std::collections::HashSet::with_capacity(rows.len());
        for (record, part) in rows {
            let identity = (record.trace, record.span, record.service, part.kind, record.start);
            if record.span == 0 || seen.insert(identity) {
                self.all.push(record);
                self.spans.push(part);
            }
        }
    }

    fn read_requests(&mut self, columns: Columns<'_>) {
        let (side, path) = (columns.text("side"), columns.text("url_path"));
        let ids = columns.list("correlation_ids");
        let mut rows: Vec<Record> = self.base(columns, RecordType::Request, "start_time", "gateway");
        rows.sort_by(|a, b| {
            let key = |record: &Record| {
                let row = record.row as usize;
                (record.start, Reverse(record.end), side_rank(side.or_empty(row)), path.or_empty(row))
            };
            key(a).cmp(&key(b)).then_with(|| self.tie(a).cmp(&self.tie(b)))
        });
        for record in rows {
            let mut keys = vec![record.key];
            if let Some(ids) = ids.filter(|ids| ids.is_valid(record.row as usize)) {
                let texts = ids.value(record.row as usize);
                let texts = texts.as_any().downcast_ref::<arrow::array::StringArray>();
                keys.extend(texts.into_iter().flatten().flatten().map(|id| self.key(id.trim())));
            }
            let mut seen = std::collections::HashSet::new();
            keys.retain(|key| !key.is_none() && seen.insert(*key));
            self.request_keys.push(keys);
            self.all.push(record);
        }
    }

    fn read_events(&mut self, columns: Columns<'_>, record_type: RecordType, order: [&str; 2]) {
        let order = order.map(|name| columns.text(name));
        let mut rows = self.base(columns, record_type, "time", "service_name");
        rows.sort_by(|a, b| {
            let texts = |record: &Record| order.map(|texts| texts.or_empty(record.row as usize));
            (a.start, texts(a)).cmp(&(b.start, texts(b))).then_with(|| self.tie(a).cmp(&self.tie(b)))
        });
        self.all.append(&mut rows);
    }

    /// The rows with what all tables have.
    fn base(&mut self, columns: Columns<'_>, record_type: RecordType, time: &str, service: &str) -> Vec<Record> {
        let (times, services, keys) = (columns.time(time), columns.text(service), columns.text("correlation_id"));
        let (traces, spans, parents) = (columns.id("trace_id"), columns.id("span_id"), columns.id("parent_span_id"));
        let ends = if columns.0.column_by_name("end_time").is_some() { columns.time("end_time") } else { times };
        let base = |row: usize| {
            let start = times.get(row);
            Record {
                record_type,
                tier: Tier::Span,
                row: row as u32,
                trace: traces.trace(row),
                span: spans.span(row),
                parent_span: parents.span(row),
                start,
                end: ends.get(row).max(start),
                service: self.intern(services.or_empty(row)),
                key: keys.get(row).map_or(Text::NONE, |key| self.key(key)),
                parent: NONE,
            }
        };
        (0..columns.0.num_rows()).map(base).collect()
    }

    /// What tells records apart that are alike otherwise, so that their order does not depend on that of the rows.
    fn tie(&self, record: &Record) -> (&str, u128, u64, u64, &str) {
        let text = |text: Text| self.texts.get(text);
        (text(record.service), record.trace, record.span, record.parent_span, text(record.key))
    }

    fn key(&mut self, id: &str) -> Text {
        if identifies(id) { self.intern(&correlation_key(id)) } else { Text::NONE }
    }

    /// What no longer fits is nothing, so that it joins with nothing.
    fn intern(&mut self, text: &str) -> Text {
        Some(self.texts.intern(text)).filter(|text| *text != Text::OTHER).unwrap_or_default()
    }
}

/// Where a proxy stands on the way of a request.
fn side_rank(side: &str) -> u8 {
    match side {
        "edge" => 0,
        "outbound" => 1,
        _ => 2,
    }
}

fn kind_of(kind: &str) -> Kind {
    match kind {
        "SERVER" => Kind::Server,
        "CLIENT" => Kind::Client,
        "PRODUCER" => Kind::Producer,
        "CONSUMER" => Kind::Consumer,
        _ => Kind::Internal,
    }
}

/// The service in a Kubernetes name; addresses of numbers stay whole.
fn first_label(address: &str) -> &str {
    if address.parse::<std::net::IpAddr>().is_ok() {
        return address;
    }
    address.split('.').next().unwrap_or(address)
}
