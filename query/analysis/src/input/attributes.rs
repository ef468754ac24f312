//! What is read from a span's attributes that have no column of their own.

use std::sync::LazyLock;

use spandrel_proto::model::{
    KeyTable,
    alias::{self, Alias, Conversion, Side},
};

use super::{columns::Maps, layouts::Layouts, values};

/// An attribute that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attribute {
    UrlFull,
    UrlTemplate,
    UrlQuery,
    PeerNamespace,
    NetworkAddress,
    NetworkPort,
    QuerySummary,
    DestinationTemplate,
    /// The destination's name is made up for one use.
    Temporary,
    Anonymous,
    ConsumerGroup,
    Subscription,
    Cluster,
    MessagingOperation,
    MessageCount,
    MessageId,
    Partition,
    Offset,
    UserAgent,
    ClientAddress,
    GrpcTimeout,
    EnvoyTimeout,
    ResendCount,
    /// Tries before this one.
    TriesBefore,
    /// The number of this try, counted from 1.
    Attempt,
}

/// The names of the attributes. Of those of one attribute, the first that a span has counts.
const NAMES: [(Attribute, &[&str]); 25] = [
    (Attribute::UrlFull, &["url.full"]),
    (Attribute::UrlTemplate, &["url.template"]),
    (Attribute::UrlQuery, &["url.query"]),
    (Attribute::PeerNamespace, &["service.peer.namespace"]),
    (Attribute::NetworkAddress, &["network.peer.address"]),
    (Attribute::NetworkPort, &["network.peer.port"]),
    (Attribute::QuerySummary, &["db.query.summary"]),
    (Attribute::DestinationTemplate, &["messaging.destination.template"]),
    (Attribute::Temporary, &["messaging.destination.temporary"]),
    (Attribute::Anonymous, &["messaging.destination.anonymous"]),
    (Attribute::ConsumerGroup, &["messaging.consumer.group.name"]),
    (Attribute::Subscription, &["messaging.destination.subscription.name"]),
    (Attribute::Cluster, &["messaging.kafka.cluster.id"]),
    (Attribute::MessagingOperation, &["messaging.operation.name"]),
    (Attribute::MessageCount, &["messaging.batch.message_count"]),
    (Attribute::MessageId, &["messaging.message.id"]),
    (Attribute::Partition, &["messaging.destination.partition.id"]),
    (Attribute::Offset, &["messaging.kafka.offset"]),
    (Attribute::UserAgent, &["user_agent.original", "http.user_agent"]),
    (Attribute::ClientAddress, &["client.address"]),
    (
        Attribute::GrpcTimeout,
        &[
            "rpc.request.metadata.grpc-timeout",
            "rpc.grpc.request.metadata.grpc-timeout",
            "http.request.header.grpc-timeout",
            "grpc-timeout",
        ],
    ),
    (
        Attribute::EnvoyTimeout,
        &[
            "http.request.header.x-envoy-expected-rq-timeout-ms",
            "http.request.header.x_envoy_expected_rq_timeout_ms",
            "rpc.request.metadata.x-envoy-expected-rq-timeout-ms",
            "rpc.grpc.request.metadata.x-envoy-expected-rq-timeout-ms",
            "x-envoy-expected-rq-timeout-ms",
        ],
    ),
    (Attribute::ResendCount, &["http.request.resend_count"]),
    (
        Attribute::TriesBefore,
        &[
            "retry.count",
            "retry_count",
            "rpc.request.metadata.grpc-previous-rpc-attempts",
            "rpc.grpc.request.metadata.grpc-previous-rpc-attempts",
        ],
    ),
    (
        Attribute::Attempt,
        &[
            "retry.attempt",
            "retry_attempt",
            "http.request.header.x-envoy-attempt-count",
            "http.request.header.x_envoy_attempt_count",
        ],
    ),
];

const _: () = assert!(Attribute::Attempt as usize + 1 == NAMES.len(), "each attribute has names");

/// What the name of an attribute means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meaning {
    Read(Attribute),
    /// It is an older name of another attribute on these sides.
    Older {
        of_server: bool,
        of_client: bool,
    },
}

static MEANINGS: LazyLock<KeyTable<Meaning>> = LazyLock::new(|| {
    let mut meanings = KeyTable::default();
    for (attribute, names) in NAMES {
        for name in names {
            meanings.get_or_insert_with(name, || Meaning::Read(attribute));
        }
    }
    for (name, aliases) in alias::names() {
        let older =
            Meaning::Older { of_server: is_older(aliases, Side::Server), of_client: is_older(aliases, Side::Client) };
        meanings.get_or_insert_with(name, || older);
    }
    meanings
});

/// What the name of an attribute means, if anything.
pub(super) fn meaning(name: &str) -> Option<&'static Meaning> {
    MEANINGS.get(name.as_bytes())
}

/// Readers store what an attribute says under its current name. An older name that is there too says something else. A
/// request target always stays, for it holds the query.
fn is_older(aliases: &[Alias], side: Side) -> bool {
    let meaning = aliases.iter().find(|alias| alias.side == Side::Any || alias.side == side);
    meaning.is_some_and(|alias| alias.rank > 0 && alias.conversion != Conversion::PathOfTarget)
}

/// Texts of the attributes of a row.
#[derive(Debug, Default)]
pub(super) struct Attributes<'a> {
    /// A bit for each attribute that the row has.
    present: u32,
    /// Of those it has not, those of rows before.
    texts: [&'a str; NAMES.len()],
    /// An older name of an attribute says something else than its current one.
    pub(super) conflict: bool,
}

const _: () = assert!(NAMES.len() <= u32::BITS as usize, "there is a bit for each attribute");

impl<'a> Attributes<'a> {
    /// Those of `row` in place of those before.
    #[inline]
    pub(super) fn read(&mut self, maps: Maps<'a>, row: usize, serves: bool, layouts: &mut Layouts) {
        (self.present, self.conflict) = (0, false);
        let entries = maps.range(row);
        if entries.is_empty() {
            return;
        }
        let layout = layouts.of(&maps, &entries);
        self.conflict = if serves { layout.is_older_of_server } else { layout.is_older_of_client };
        for (place, attribute) in &layout.read {
            if self.text(*attribute).is_empty() {
                self.texts[*attribute as usize] = maps.value(entries.start + *place as usize);
                self.present |= 1 << *attribute as u32;
            }
        }
    }

    /// Empty if there is none.
    #[inline]
    pub(super) fn text(&self, attribute: Attribute) -> &'a str {
        if self.present >> attribute as u32 & 1 == 1 { self.texts[attribute as usize] } else { "" }
    }

    /// Whether the destination's name is made up for one use.
    pub(super) fn is_temporary(&self) -> bool {
        [Attribute::Temporary, Attribute::Anonymous].iter().any(|attribute| self.text(*attribute) == "true")
    }

    pub(super) fn deadline_ms(&self) -> u32 {
        let grpc = values::grpc_timeout_ms(values::single(self.text(Attribute::GrpcTimeout)));
        grpc.or_else(|| values::number(values::single(self.text(Attribute::EnvoyTimeout)))).unwrap_or(0)
    }

    pub(super) fn resend(&self) -> u8 {
        values::number(self.text(Attribute::ResendCount)).map_or(0, |count: u32| count.min(255) as u8)
    }

    pub(super) fn is_resend(&self) -> bool {
        let at_least = |attribute, least| {
            values::number(values::single(self.text(attribute))).is_some_and(|count: u32| count >= least)
        };
        at_least(Attribute::ResendCount, 1) || at_least(Attribute::TriesBefore, 1) || at_least(Attribute::Attempt, 2)
    }
}
