//! Breaker events in `requests`.

use arrow::{
    array::{AsArray, ListArray},
    record_batch::RecordBatch,
};

use super::{
    super::view::{Attributes, Texts, View},
    rules::event,
};
use crate::{
    outcome::is_group_name,
    response_flags,
    rows::{BreakerRow, BreakerRows},
};

/// Meanings of Envoy's flags: event, and whether it may have another cause.
const FLAGS: [(&str, &str, bool); 11] = [
    ("UO", event::SHORT_CIRCUIT, false),
    // Every host is ejected, or fails its health checks, or there is none.
    ("UH", event::SHORT_CIRCUIT, true),
    ("RL", event::RATE_LIMIT, false),
    ("OM", event::RATE_LIMIT, false),
    ("DO", event::RATE_LIMIT, false),
    ("UDO", event::RATE_LIMIT, false),
    ("UT", event::TIMEOUT, false),
    ("SI", event::TIMEOUT, false),
    ("DT", event::TIMEOUT, false),
    ("UMSDR", event::TIMEOUT, false),
    ("URX", event::RETRY, false),
];

/// What else a row says.
struct Row<'b> {
    source: &'b str,
    status: Option<i32>,
    flags: Option<&'b str>,
    attributes: Attributes<'b>,
    row: usize,
    tries: usize,
    last_address: Option<&'b str>,
    upstream_address: Option<&'b str>,
}

/// An event and what told it.
struct Sign<'b> {
    system: &'static str,
    breaker: Option<&'b str>,
    event: &'static str,
    is_inferred: bool,
    signal: &'static str,
    detail: Option<&'b str>,
}

pub(super) fn detect(batch: &RecordBatch, events: &mut BreakerRows) {
    let view = View(batch);
    let (statuses, flags, sources) =
        (view.ints("http_response_status_code"), view.texts("response_flags"), view.texts("source"));
    let (addresses, services) = (view.texts("upstream_address"), view.texts("upstream_service"));
    let (attributes, attempts) = (view.attributes("attributes"), Attempts::of(view));
    let mut signs = Vec::new();
    for row in 0..batch.num_rows() {
        let (tries, last_address) = attempts.row(row);
        let read = Row {
            source: sources.get(row).unwrap_or_default(),
            status: statuses.get(row),
            flags: flags.get(row).filter(|flags| !matches!(*flags, "" | "-")),
            attributes,
            row,
            tries,
            last_address,
            upstream_address: addresses.get(row),
        };
        read.signs(&mut signs);
        for sign in signs.drain(..) {
            let breaker = sign.breaker.or_else(|| read.cluster()).or(services.get(row)).or(read.upstream_address);
            events.push(&BreakerRow {
                time: view.longs("start_time").get(row).unwrap_or_default(),
                system: sign.system,
                breaker,
                service_name: view.texts("gateway").get(row).unwrap_or_default(),
                peer_service: services.get(row),
                server_address: read.upstream_address,
                event: sign.event,
                is_inferred: sign.is_inferred,
                signal: sign.signal,
                detail: sign.detail,
                trace_id: view.ids("trace_id").get(row),
                span_id: view.ids("span_id").get(row),
                correlation_id: view.texts("correlation_id").get(row),
            });
        }
    }
}

impl<'b> Row<'b> {
    /// At most one event of each kind.
    fn signs(&self, signs: &mut Vec<Sign<'b>>) {
        if let Some(flags) = self.flags {
            if self.source == "haproxy" {
                self.haproxy(flags, signs);
            } else {
                self.envoy(flags, signs);
            }
        }
        if let Some(group) =
            self.last_address.or(self.upstream_address).filter(|address| self.is_nginx() && is_group_name(address))
        {
            let is_inferred = false;
            let detail = Some(group);
            signs.push(Sign {
                system: "nginx",
                breaker: detail,
                event: event::SHORT_CIRCUIT,
                is_inferred,
                signal: "upstream_address",
                detail,
            });
        }
        let no_upstream = self.upstream_address.is_none() && self.tries == 0;
        let refuser = match self.source {
            "aws-alb" => Some("alb"),
            "kong" => Some("kong"),
            _ => None,
        };
        if let Some(system) = refuser.filter(|_| self.status == Some(503) && no_upstream) {
            signs.push(Self::of_status(system, event::SHORT_CIRCUIT, true, "503"));
        }
        match self.status {
            Some(429) if !has(signs, event::RATE_LIMIT) => {
                signs.push(Self::of_status(self.system(), event::RATE_LIMIT, false, "429"));
            }
            Some(504) if !has(signs, event::TIMEOUT) => {
                signs.push(Self::of_status(self.system(), event::TIMEOUT, false, "504"));
            }
            _ => {}
        }
        if !has(signs, event::RETRY) && (self.tries > 1 || self.counted_tries() > 1) {
            let is_inferred = false;
            signs.push(Sign {
                system: self.system(),
                breaker: None,
                event: event::RETRY,
                is_inferred,
                signal: "attempts",
                detail: None,
            });
        }
    }

    /// What the gateway is, for events that are common to all.
    fn system(&self) -> &'static str {
        match self.source {
            "nginx" | "ingress-nginx" => "nginx",
            "envoy" | "envoy-gateway" | "istio" | "consul" | "kuma" | "app-mesh" | "emissary" => "envoy",
            "haproxy" => "haproxy",
            "apache" => "apache",
            "traefik" => "traefik",
            "caddy" => "caddy",
            "kong" => "kong",
            "linkerd" => "linkerd",
            "aws-alb" | "aws-elb" => "alb",
            _ => "http",
        }
    }

    fn of_status(system: &'static str, event: &'static str, is_inferred: bool, status: &'static str) -> Sign<'b> {
        Sign { system, breaker: None, event, is_inferred, signal: "status", detail: Some(status) }
    }

    fn envoy(&self, flags: &'b str, signs: &mut Vec<Sign<'b>>) {
        for (flag, _) in response_flags::known(flags) {
            if let Some((_, event, is_inferred)) = FLAGS.iter().find(|(name, ..)| *name == flag)
                && !has(signs, event)
            {
                let is_inferred = *is_inferred;
                signs.push(Sign {
                    system: "envoy",
                    breaker: None,
                    event,
                    is_inferred,
                    signal: "response_flags",
                    detail: Some(flags),
                });
            }
        }
    }

    fn haproxy(&self, state: &'b str, signs: &mut Vec<Sign<'b>>) {
        let no_server =
            self.upstream_address.is_none() || self.attributes.row(self.row).any(|(_, value)| value == "<NOSRV>");
        let (event, is_inferred) = match state.as_bytes() {
            [b'S', b'C', ..] if no_server => (event::SHORT_CIRCUIT, false),
            // The queue in front of the servers was too long for too long.
            [b's', b'Q', ..] => (event::SHORT_CIRCUIT, true),
            [b's', ..] => (event::TIMEOUT, false),
            _ => return,
        };
        signs.push(Sign {
            system: "haproxy",
            breaker: None,
            event,
            is_inferred,
            signal: "termination_state",
            detail: Some(state),
        });
    }

    fn is_nginx(&self) -> bool {
        matches!(self.source, "nginx" | "ingress-nginx" | "openresty")
    }

    /// The upstream's name in the gateway's configuration.
    fn cluster(&self) -> Option<&'b str> {
        self.attributes
            .row(self.row)
            .find(|(key, _)| key.ends_with("upstream_cluster") || *key == "haproxy.backend" || *key == "kong.service")
            .map(|(_, value)| value)
    }

    fn counted_tries(&self) -> u32 {
        let count = self
            .attributes
            .row(self.row)
            .find(|(key, _)| key.ends_with("attempt_count") || key.ends_with("attempt-count"));
        count.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
    }
}

fn has(signs: &[Sign<'_>], event: &str) -> bool {
    signs.iter().any(|sign| sign.event == event)
}

/// The tries of each row.
struct Attempts<'b> {
    lists: Option<&'b ListArray>,
    addresses: Texts<'b>,
}

impl<'b> Attempts<'b> {
    fn of(view: View<'b>) -> Self {
        let lists = view.lists("attempts");
        let items = lists.and_then(|lists| lists.values().as_struct_opt());
        let addresses =
            items.and_then(|items| items.column_by_name("address")).and_then(|column| column.as_string_opt());
        Self { lists, addresses: Texts(addresses) }
    }

    /// How many hosts were tried, and the address of the last try.
    fn row(&self, row: usize) -> (usize, Option<&'b str>) {
        let Some(lists) = self.lists else { return (0, None) };
        let offsets = lists.value_offsets();
        let (start, end) = (usize::try_from(offsets[row]).unwrap_or(0), usize::try_from(offsets[row + 1]).unwrap_or(0));
        if start >= end {
            return (0, None);
        }
        // The name of a group stands for a try that was not made.
        let tries = (start..end).filter(|at| !self.addresses.get(*at).is_some_and(is_group_name)).count();
        (tries, self.addresses.get(end - 1))
    }
}
