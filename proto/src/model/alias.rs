//! Attribute names that semantic conventions have used for the same thing, and the column or current name each fills.
//!
//! Source: the deprecated entries of the OpenTelemetry semantic conventions' `model/*/deprecated` and `registry`. The
//! first name present wins, in order of [`Alias::rank`] (0 is the current name). A later name that says the same is
//! dropped; one that differs is kept under its own name and counted as a conflict.

use std::sync::LazyLock;

use super::KeyTable;

/// What an attribute fills: a column of its own, or an attribute under its current name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Target {
    HttpRequestMethod,
    HttpRoute,
    UrlPath,
    HttpResponseStatusCode,
    RpcSystemName,
    RpcMethod,
    RpcStatusCode,
    DbSystemName,
    DbNamespace,
    DbCollectionName,
    DbOperationName,
    DbQueryText,
    MessagingSystem,
    MessagingOperationType,
    MessagingDestinationName,
    ServicePeerName,
    ServerAddress,
    ServerPort,
    ErrorType,
    UrlFull,
    UrlQuery,
    UrlScheme,
    ClientAddress,
    NetworkPeerAddress,
    NetworkPeerPort,
    NetworkProtocolName,
    NetworkProtocolVersion,
    NetworkTransport,
    HttpRequestResendCount,
    RpcService,
    DbResponseStatusCode,
    MessagingConsumerGroupName,
    MessagingDestinationSubscriptionName,
    MessagingDestinationPartitionId,
    MessagingKafkaOffset,
    MessagingClientId,
}

impl Target {
    /// Targets that exist, for tables indexed by target.
    pub const COUNT: usize = Target::MessagingClientId as usize + 1;

    /// The current attribute name.
    pub fn attribute(self) -> &'static str {
        TARGET_NAMES[self as usize]
    }

    /// Whether the target is a column of `spans`; else it is an attribute.
    pub fn is_column(self) -> bool {
        (self as usize) <= Target::ErrorType as usize
    }
}

/// On which side of a call a name has this meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Any,
    /// `SERVER` and `CONSUMER` spans.
    Server,
    /// All other spans.
    Client,
}

/// How the value under the older name becomes a value under the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    Same,
    /// A path with its query, of which the path is taken.
    PathOfTarget,
    /// A gRPC status number, which becomes its name.
    GrpcCode,
    /// A value that was renamed together with its attribute.
    Renamed(&'static [(&'static str, &'static str)]),
}

/// One name's meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alias {
    pub target: Target,
    pub rank: u8,
    pub side: Side,
    pub conversion: Conversion,
}

/// The meanings of the span attribute `key`; of several, the first whose side fits holds.
#[inline]
pub fn lookup(key: &[u8]) -> &'static [Alias] {
    ALIASES.get(key).map_or(&[], Vec::as_slice)
}

/// All names with their meanings.
pub fn names() -> impl Iterator<Item = (&'static str, &'static [Alias])> {
    ALIASES.iter().map(|(name, aliases)| (name, aliases.as_slice()))
}

static ALIASES: LazyLock<KeyTable<Vec<Alias>>> = LazyLock::new(table);

/// Names under which a correlation id travels, in order of preference. Header attributes hold an array of one.
pub const CORRELATION_IDS: [&str; 14] = [
    "correlation_id",
    "correlation.id",
    "correlationId",
    "http.request.header.x-correlation-id",
    "http.request.header.x-request-id",
    "request_id",
    "request.id",
    "requestId",
    "guid:x-request-id",
    "x-correlation-id",
    "x-request-id",
    "http.request.header.x_request_id",
    "http.request.header.x_correlation_id",
    "messaging.message.conversation_id",
];

/// The place of `key` in [`CORRELATION_IDS`].
#[inline]
pub fn correlation_rank(key: &[u8]) -> Option<u8> {
    // All of them hold "id" near their end; few other names do.
    if !key.ends_with(b"id") && !key.ends_with(b"Id") {
        return None;
    }
    CORRELATION_IDS.iter().position(|name| name.as_bytes() == key).and_then(|rank| u8::try_from(rank).ok())
}

/// The name of a gRPC status code.
pub fn grpc_code_name(code: i64) -> Option<&'static str> {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    NAMES.get(usize::try_from(code).ok()?).copied()
}

const TARGET_NAMES: [&str; Target::COUNT] = [
    "http.request.method",
    "http.route",
    "url.path",
    "http.response.status_code",
    "rpc.system.name",
    "rpc.method",
    "rpc.status_code",
    "db.system.name",
    "db.namespace",
    "db.collection.name",
    "db.operation.name",
    "db.query.text",
    "messaging.system",
    "messaging.operation.type",
    "messaging.destination.name",
    "service.peer.name",
    "server.address",
    "server.port",
    "error.type",
    "url.full",
    "url.query",
    "url.scheme",
    "client.address",
    "network.peer.address",
    "network.peer.port",
    "network.protocol.name",
    "network.protocol.version",
    "network.transport",
    "http.request.resend_count",
    "rpc.service",
    "db.response.status_code",
    "messaging.consumer.group.name",
    "messaging.destination.subscription.name",
    "messaging.destination.partition.id",
    "messaging.kafka.offset",
    "messaging.client.id",
];

const DB_SYSTEMS: &[(&str, &str)] = &[
    ("mssql", "microsoft.sql_server"),
    ("oracle", "oracle.db"),
    ("dynamodb", "aws.dynamodb"),
    ("cosmosdb", "azure.cosmosdb"),
    ("db2", "ibm.db2"),
    ("hanadb", "sap.hana"),
    ("redshift", "aws.redshift"),
    ("spanner", "gcp.spanner"),
    ("h2", "h2database"),
    ("firebird", "firebirdsql"),
    ("informix", "ibm.informix"),
    ("ingres", "actian.ingres"),
    ("maxdb", "sap.maxdb"),
    ("netezza", "ibm.netezza"),
    ("adabas", "softwareag.adabas"),
    ("intersystems_cache", "intersystems.cache"),
];
const RPC_SYSTEMS: &[(&str, &str)] = &[("apache_dubbo", "dubbo"), ("connect_rpc", "connectrpc")];
const MESSAGING_OPERATIONS: &[(&str, &str)] = &[("publish", "send")];

/// Older names in order of preference after the current one. Names that need a side or a conversion are in
/// [`table`].
const PLAIN: &[(Target, &[&str])] = &[
    (Target::HttpRequestMethod, &["http.method"]),
    (Target::HttpRoute, &[]),
    (Target::HttpResponseStatusCode, &["http.status_code"]),
    (Target::RpcMethod, &[]),
    (Target::RpcStatusCode, &["rpc.response.status_code", "rpc.connect_rpc.error_code", "rpc.jsonrpc.error_code"]),
    (
        Target::DbNamespace,
        &["db.name", "db.redis.database_index", "db.elasticsearch.cluster.name", "db.mssql.instance_name"],
    ),
    (
        Target::DbCollectionName,
        &["db.sql.table", "db.cassandra.table", "db.mongodb.collection", "db.cosmosdb.container"],
    ),
    (Target::DbOperationName, &["db.operation"]),
    (Target::DbQueryText, &["db.statement"]),
    (Target::MessagingSystem, &[]),
    (Target::MessagingDestinationName, &["messaging.destination"]),
    (Target::ServicePeerName, &["peer.service"]),
    (Target::ErrorType, &[]),
    (Target::UrlFull, &["http.url"]),
    (Target::UrlQuery, &[]),
    (Target::UrlScheme, &["http.scheme"]),
    (Target::NetworkPeerAddress, &["net.sock.peer.addr", "net.peer.ip"]),
    (Target::NetworkPeerPort, &["net.sock.peer.port"]),
    (Target::NetworkProtocolName, &["net.protocol.name"]),
    (Target::NetworkProtocolVersion, &["net.protocol.version", "http.flavor"]),
    (Target::NetworkTransport, &["net.transport"]),
    (Target::HttpRequestResendCount, &["http.resend_count", "http.retry_count"]),
    (Target::RpcService, &[]),
    (Target::DbResponseStatusCode, &["db.cosmosdb.status_code"]),
    (
        Target::MessagingConsumerGroupName,
        &["messaging.kafka.consumer.group", "messaging.rocketmq.client_group", "messaging.eventhubs.consumer.group"],
    ),
    (Target::MessagingDestinationSubscriptionName, &["messaging.servicebus.destination.subscription_name"]),
    (Target::MessagingDestinationPartitionId, &["messaging.kafka.destination.partition"]),
    (Target::MessagingKafkaOffset, &["messaging.kafka.message.offset"]),
    (Target::MessagingClientId, &["messaging.client_id"]),
];

/// Most attributes of a span are looked up here, and most of those that have no meaning meet an empty slot at once.
fn table() -> KeyTable<Vec<Alias>> {
    let mut table = KeyTable::<Vec<Alias>>::default();
    let mut name = |name, target, rank, side, conversion| {
        table.get_or_insert_with(name, Vec::new).push(Alias { target, rank, side, conversion });
    };
    for (target, older) in PLAIN {
        name(target.attribute(), *target, 0, Side::Any, Conversion::Same);
        for (rank, older) in (1..).zip(*older) {
            name(older, *target, rank, Side::Any, Conversion::Same);
        }
    }
    name("url.path", Target::UrlPath, 0, Side::Any, Conversion::Same);
    name("http.target", Target::UrlPath, 1, Side::Any, Conversion::PathOfTarget);
    name("rpc.system.name", Target::RpcSystemName, 0, Side::Any, Conversion::Same);
    name("rpc.system", Target::RpcSystemName, 1, Side::Any, Conversion::Renamed(RPC_SYSTEMS));
    name("rpc.grpc.status_code", Target::RpcStatusCode, 4, Side::Any, Conversion::GrpcCode);
    name("grpc.status_code", Target::RpcStatusCode, 5, Side::Any, Conversion::GrpcCode);
    name("grpc.status", Target::RpcStatusCode, 6, Side::Any, Conversion::GrpcCode);
    name("db.system.name", Target::DbSystemName, 0, Side::Any, Conversion::Same);
    name("db.system", Target::DbSystemName, 1, Side::Any, Conversion::Renamed(DB_SYSTEMS));
    name("messaging.operation.type", Target::MessagingOperationType, 0, Side::Any, Conversion::Same);
    name(
        "messaging.operation",
        Target::MessagingOperationType,
        1,
        Side::Any,
        Conversion::Renamed(MESSAGING_OPERATIONS),
    );
    name("server.address", Target::ServerAddress, 0, Side::Any, Conversion::Same);
    name("net.peer.name", Target::ServerAddress, 1, Side::Client, Conversion::Same);
    name("net.host.name", Target::ServerAddress, 1, Side::Server, Conversion::Same);
    name("http.server_name", Target::ServerAddress, 2, Side::Server, Conversion::Same);
    name("server.port", Target::ServerPort, 0, Side::Any, Conversion::Same);
    name("net.peer.port", Target::ServerPort, 1, Side::Client, Conversion::Same);
    name("net.host.port", Target::ServerPort, 1, Side::Server, Conversion::Same);
    name("client.address", Target::ClientAddress, 0, Side::Any, Conversion::Same);
    name("http.client_ip", Target::ClientAddress, 1, Side::Any, Conversion::Same);
    name("net.peer.name", Target::ClientAddress, 2, Side::Server, Conversion::Same);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_knows_its_current_name() {
        for name in TARGET_NAMES {
            let alias = lookup(name.as_bytes()).first().expect("the current name of a target is known");
            assert_eq!((alias.target.attribute(), alias.rank), (name, 0));
        }
    }

    #[test]
    fn the_side_decides_what_a_peer_name_is() {
        let meanings: Vec<_> = lookup(b"net.peer.name").iter().map(|alias| (alias.side, alias.target)).collect();
        assert_eq!(meanings, [(Side::Client, Target::ServerAddress), (Side::Server, Target::ClientAddress)]);
        assert!(lookup(b"user.id").is_empty());
    }
}
