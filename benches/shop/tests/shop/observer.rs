//! What an exact observer sees in spans: the measures of ANALYSIS section 7, counted in a plain way.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use spandrel_shop::FindingKind;

use crate::{
    derive::{is_failure, is_query, operation, outcome, peer, text, texts},
    history::Sent,
};

/// A span with what is derived from it, and its place in its trace.
pub(crate) struct Seen<'a> {
    pub(crate) sent: &'a Sent,
    pub(crate) operation: String,
    pub(crate) outcome: &'static str,
    pub(crate) peer: String,
    pub(crate) parent: Option<usize>,
    pub(crate) children: Vec<usize>,
}

impl Seen<'_> {
    pub(crate) fn kind(&self) -> SpanKind {
        self.sent.span.kind()
    }

    pub(crate) fn start(&self) -> i64 {
        self.sent.span.start_time_unix_nano as i64
    }

    pub(crate) fn end(&self) -> i64 {
        self.sent.span.end_time_unix_nano as i64
    }

    fn duration(&self) -> i64 {
        self.end() - self.start()
    }

    fn is_server_of(&self, service: &str) -> bool {
        self.kind() == SpanKind::Server && self.sent.service == service
    }

    fn failed(&self) -> bool {
        is_failure(self.outcome)
    }
}

/// All spans, and those that began while something was going on.
pub(crate) struct Observer<'a> {
    pub(crate) spans: Vec<Seen<'a>>,
    during: Range<i64>,
}

impl<'a> Observer<'a> {
    pub(crate) fn new(spans: &'a [Sent], during: Range<i64>) -> Self {
        let index: HashMap<&[u8], usize> =
            spans.iter().enumerate().map(|(place, sent)| (&*sent.span.span_id, place)).collect();
        let mut seen: Vec<Seen<'a>> = spans
            .iter()
            .map(|sent| Seen {
                sent,
                operation: operation(&sent.span),
                outcome: outcome(&sent.span),
                peer: peer(&sent.span),
                parent: index.get(&*sent.span.parent_span_id).copied(),
                children: Vec::new(),
            })
            .collect();
        for place in 0..seen.len() {
            if let Some(parent) = seen[place].parent {
                seen[parent].children.push(place);
            }
        }
        Self { spans: seen, during }
    }

    fn inside(&self) -> impl Iterator<Item = &Seen<'a>> {
        self.spans.iter().filter(|seen| self.during.contains(&seen.start()))
    }

    fn servers(&self, service: &'static str) -> impl Iterator<Item = &Seen<'a>> {
        self.inside().filter(move |seen| seen.is_server_of(service))
    }

    /// Calls of one service to another, attempts each on their own.
    fn attempts(&self, caller: &'static str, callee: &'static str) -> Vec<&Seen<'a>> {
        let calls = self.inside().filter(|seen| seen.kind() == SpanKind::Client && seen.peer == callee);
        calls.filter(|seen| seen.sent.service == caller).collect()
    }

    fn amplification(&self, caller: &'static str, callee: &'static str) -> f64 {
        let attempts = self.attempts(caller, callee);
        // Nobody calls the same operation twice in a row unless the first attempt failed.
        let calls: BTreeSet<_> = attempts.iter().map(|attempt| (attempt.parent, &attempt.operation)).collect();
        attempts.len() as f64 / calls.len() as f64
    }

    fn children<'b>(&'b self, seen: &'b Seen<'a>) -> impl Iterator<Item = &'b Seen<'a>> {
        seen.children.iter().map(|child| &self.spans[*child])
    }

    /// Services from the entry down to a span.
    pub(crate) fn chain(&self, seen: &Seen<'a>) -> Vec<&str> {
        let mut chain = Vec::new();
        let mut next = Some(seen);
        while let Some(seen) = next {
            if seen.kind() == SpanKind::Server {
                chain.push(seen.sent.service.as_str());
            }
            next = seen.parent.map(|parent| &self.spans[parent]);
        }
        chain
    }

    /// Whether the condition holds that the shop's scenario of this kind is made for.
    pub(crate) fn sees(&self, kind: FindingKind) -> bool {
        match kind {
            FindingKind::SyncChain => self.sees_chain(),
            FindingKind::Cascade => self.sees_cascade(),
            FindingKind::HotService => self.sees_heat(),
            FindingKind::Breaker => self.inside().any(|seen| {
                text(&texts(&seen.sent.span.attributes), &["error.type"]) == "EOPENBREAKER"
                    && seen.sent.service == "web-bff"
                    && seen.peer == "recommendation"
            }),
            FindingKind::RetryStorm => self.amplification("web-bff", "search") >= 1.5,
            FindingKind::RetryAmplification => self.amplification("web-bff", "inventory") >= 1.2,
            FindingKind::Chatty => self.attempts("web-bff", "catalog").len() >= 10 * self.servers("web-bff").count(),
            FindingKind::NPlusOne => self.sees_n_plus_one(),
            FindingKind::SharedDb => {
                let writes = |seen: &&Seen<'_>| is_query(&seen.sent.span) && seen.operation.starts_with("UPDATE");
                let writers = self.inside().filter(|seen| seen.peer == "catalog-db").filter(writes);
                writers.map(|seen| &seen.sent.service).collect::<BTreeSet<_>>().len() >= 2
            }
            FindingKind::Cycle => self.inside().any(|seen| {
                seen.kind() == SpanKind::Server
                    && self.chain(seen).iter().filter(|name| **name == "checkout").count() > 1
            }),
            FindingKind::FanoutBurst => self.sees_burst(),
            FindingKind::Spof => {
                let instances: BTreeSet<&str> = self.servers("catalog").map(|seen| &*seen.sent.instance).collect();
                instances.len() == 1
            }
            FindingKind::TimeoutInversion => {
                let longer = self.servers("recommendation").filter(|seen| seen.duration() > 60_000_000).count();
                longer * 100 >= self.servers("recommendation").count()
            }
            FindingKind::WastedWork => self.wasted() >= self.during.end - self.during.start,
            FindingKind::DistributedMonolith => {
                let with =
                    |service| self.servers(service).map(|seen| &seen.sent.span.trace_id).collect::<BTreeSet<_>>();
                let (pricing, tax) = (with("pricing"), with("tax"));
                pricing.intersection(&tax).count() * 100 >= pricing.len() * 95
            }
            FindingKind::Nanoservice => self.overhead("rounding") >= 0.5,
            FindingKind::GodGateway => self.sees_god(),
            FindingKind::HiddenErrors => self.sees_hidden_errors(),
            FindingKind::InstrumentationGap => {
                let calls = self.inside().filter(|seen| seen.kind() == SpanKind::Client && seen.peer == "pricing");
                calls.count() * 10 > self.servers("pricing").count() * 11
            }
        }
    }

    fn sees_chain(&self) -> bool {
        let searches = self.servers("gateway").filter(|seen| seen.operation == "GET /api/search").count();
        let deep: BTreeSet<_> =
            self.inside().filter(|seen| self.chain(seen).len() >= 6).map(|seen| &seen.sent.span.trace_id).collect();
        deep.len() * 20 >= searches
    }

    fn sees_cascade(&self) -> bool {
        let entries: Vec<&Seen<'_>> =
            self.servers("gateway").filter(|seen| seen.operation == "GET /api/products/{id}").collect();
        entries.iter().filter(|seen| seen.failed()).count() * 20 >= entries.len()
    }

    fn sees_heat(&self) -> bool {
        let p99 = |mut durations: Vec<i64>| {
            durations.sort_unstable();
            durations[durations.len() * 99 / 100]
        };
        let before = self.spans.iter().filter(|seen| seen.start() < self.during.start && seen.is_server_of("pricing"));
        let before = p99(before.map(Seen::duration).collect());
        p99(self.servers("pricing").map(Seen::duration).collect()) * 2 >= before * 3
    }

    fn sees_n_plus_one(&self) -> bool {
        let carts: Vec<&Seen<'_>> = self.servers("cart").filter(|seen| seen.operation.ends_with("GetCart")).collect();
        let repeats = carts.iter().filter(|cart| {
            let items: Vec<&Seen<'_>> =
                self.children(cart).filter(|child| child.operation.ends_with("GetItem")).collect();
            let sequential =
                items.windows(2).filter(|pair| pair[0].end() <= pair[1].start() || pair[1].end() <= pair[0].start());
            items.len() >= 5
                && sequential.count() * 5 >= (items.len() - 1) * 4
                && items.iter().map(|item| item.duration()).sum::<i64>() >= 50_000_000.max(cart.duration() / 10)
        });
        repeats.count() * 5 >= carts.len()
    }

    fn sees_burst(&self) -> bool {
        self.servers("web-bff").any(|seen| {
            let parts: Vec<&Seen<'_>> = self.children(seen).filter(|child| child.peer == "inventory").collect();
            let overlap = |time: i64| parts.iter().filter(|part| part.start() <= time && time < part.end()).count();
            parts.len() >= 20 && parts.iter().map(|part| overlap(part.start())).max() >= Some(10)
        })
    }

    /// Nanoseconds that servers worked after their callers had given up.
    fn wasted(&self) -> i64 {
        let gave_up = self.inside().filter(|seen| seen.kind() == SpanKind::Client && seen.outcome == "timeout");
        gave_up.map(|seen| self.children(seen).map(|server| (server.end() - seen.end()).max(0)).sum::<i64>()).sum()
    }

    /// The median share of a call's time that the callee did not need.
    fn overhead(&self, service: &'static str) -> f64 {
        let mut shares: Vec<f64> = self
            .servers(service)
            .filter_map(|server| {
                let client = self.spans[server.parent?].duration() as f64;
                Some(1.0 - server.duration() as f64 / client)
            })
            .collect();
        shares.sort_unstable_by(f64::total_cmp);
        shares[shares.len() / 2]
    }

    fn sees_god(&self) -> bool {
        let mut counts: Vec<usize> = Vec::new();
        let mut callees: BTreeMap<&str, usize> = BTreeMap::new();
        for server in self.servers("web-bff") {
            let calls: Vec<&Seen<'_>> =
                self.children(server).filter(|child| child.kind() == SpanKind::Client).collect();
            counts.push(calls.len());
            for call in calls {
                *callees.entry(&call.peer).or_default() += 1;
            }
        }
        counts.sort_unstable();
        callees.len() >= 10 && counts[counts.len() / 2] >= 8
    }

    fn sees_hidden_errors(&self) -> bool {
        let pages = self.servers("web-bff").filter(|seen| seen.operation == "GET /api/products/{id}");
        let ok: Vec<&Seen<'_>> = pages.filter(|seen| seen.outcome == "ok").collect();
        ok.iter().filter(|page| self.children(page).any(Seen::failed)).count() * 20 >= ok.len()
    }
}
