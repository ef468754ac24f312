//! What is read from a span's attributes that have no column of their own.

use spandrel_proto::model::alias::{self, Conversion, Side};

use super::{columns::Maps, values};

/// Texts of the attributes; empty where there is none.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Attributes<'a> {
    pub(super) url_full: &'a str,
    pub(super) url_template: &'a str,
    pub(super) url_query: &'a str,
    pub(super) peer_namespace: &'a str,
    pub(super) network_address: &'a str,
    pub(super) network_port: &'a str,
    pub(super) query_summary: &'a str,
    pub(super) destination_template: &'a str,
    /// The destination's name is made up for this one use.
    pub(super) temporary: bool,
    pub(super) consumer_group: &'a str,
    pub(super) subscription: &'a str,
    pub(super) cluster: &'a str,
    pub(super) messaging_operation: &'a str,
    pub(super) message_count: &'a str,
    pub(super) message_id: &'a str,
    pub(super) partition: &'a str,
    pub(super) offset: &'a str,
    pub(super) user_agent: &'a str,
    pub(super) client_address: &'a str,
    /// An older name of an attribute says something else than its current one.
    pub(super) conflict: bool,
    grpc_timeout: &'a str,
    envoy_timeout: &'a str,
    resend_count: &'a str,
    /// Tries before this one, and the number of this one counted from 1.
    tries_before: &'a str,
    attempt: &'a str,
}

impl<'a> Attributes<'a> {
    #[inline]
    pub(super) fn read(maps: Maps<'a>, row: usize, serves: bool) -> Self {
        let mut found = Self::default();
        for entry in maps.range(row) {
            let (key, value) = maps.entry(entry);
            found.offer(key, value, serves);
        }
        found
    }

    #[inline]
    fn offer(&mut self, key: &'a str, value: &'a str, serves: bool) {
        let slot = match key.as_bytes() {
            b"url.full" => &mut self.url_full,
            b"url.template" => &mut self.url_template,
            b"url.query" => &mut self.url_query,
            b"service.peer.namespace" => &mut self.peer_namespace,
            b"network.peer.address" => &mut self.network_address,
            b"network.peer.port" => &mut self.network_port,
            b"db.query.summary" => &mut self.query_summary,
            b"messaging.destination.template" => &mut self.destination_template,
            b"messaging.destination.temporary" | b"messaging.destination.anonymous" => {
                self.temporary |= value == "true";
                return;
            }
            b"messaging.consumer.group.name" => &mut self.consumer_group,
            b"messaging.destination.subscription.name" => &mut self.subscription,
            b"messaging.kafka.cluster.id" => &mut self.cluster,
            b"messaging.operation.name" => &mut self.messaging_operation,
            b"messaging.batch.message_count" => &mut self.message_count,
            b"messaging.message.id" => &mut self.message_id,
            b"messaging.destination.partition.id" => &mut self.partition,
            b"messaging.kafka.offset" => &mut self.offset,
            b"user_agent.original" | b"http.user_agent" => &mut self.user_agent,
            b"client.address" => &mut self.client_address,
            b"rpc.request.metadata.grpc-timeout"
            | b"rpc.grpc.request.metadata.grpc-timeout"
            | b"http.request.header.grpc-timeout"
            | b"grpc-timeout" => &mut self.grpc_timeout,
            b"http.request.header.x-envoy-expected-rq-timeout-ms"
            | b"http.request.header.x_envoy_expected_rq_timeout_ms"
            | b"rpc.request.metadata.x-envoy-expected-rq-timeout-ms"
            | b"rpc.grpc.request.metadata.x-envoy-expected-rq-timeout-ms"
            | b"x-envoy-expected-rq-timeout-ms" => &mut self.envoy_timeout,
            b"http.request.resend_count" => &mut self.resend_count,
            b"retry.count"
            | b"retry_count"
            | b"rpc.request.metadata.grpc-previous-rpc-attempts"
            | b"rpc.grpc.request.metadata.grpc-previous-rpc-attempts" => &mut self.tries_before,
            b"retry.attempt"
            | b"retry_attempt"
            | b"http.request.header.x-envoy-attempt-count"
            | b"http.request.header.x_envoy_attempt_count" => &mut self.attempt,
            other => {
                self.conflict |= is_older_name(other, serves);
                return;
            }
        };
        if slot.is_empty() {
            *slot = value;
        }
    }

    pub(super) fn deadline_ms(&self) -> u32 {
        let grpc = values::grpc_timeout_ms(values::single(self.grpc_timeout));
        grpc.or_else(|| values::number(values::single(self.envoy_timeout))).unwrap_or(0)
    }

    pub(super) fn resend(&self) -> u8 {
        values::number(self.resend_count).map_or(0, |count: u32| count.min(255) as u8)
    }

    pub(super) fn is_resend(&self) -> bool {
        let at_least = |text, least| values::number(values::single(text)).is_some_and(|count: u32| count >= least);
        at_least(self.resend_count, 1) || at_least(self.tries_before, 1) || at_least(self.attempt, 2)
    }
}

/// Readers store what an attribute says under its current name. An older name that is there too says something else. A
/// request target always stays, for it holds the query.
fn is_older_name(key: &[u8], serves: bool) -> bool {
    let side = if serves { Side::Server } else { Side::Client };
    let meaning = alias::lookup(key).iter().find(|alias| alias.side == Side::Any || alias.side == side);
    meaning.is_some_and(|alias| alias.rank > 0 && alias.conversion != Conversion::PathOfTarget)
}
