//! CLIENT and PRODUCER spans.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::{
    attributes::Attributes,
    errors,
    scope::Library,
    serve,
    spans::{Error, Face, View},
};
use crate::{
    outcome::Fault,
    topology::{DataStore, External, InstanceId, Query, Service, Topic},
};

/// One attempt of a call.
pub(super) struct Attempt {
    pub(super) peer: Option<InstanceId>,
    pub(super) answered: bool,
    pub(super) resend: u32,
}

/// A CLIENT span for an HTTP request to another service.
pub(super) fn http(
    view: &View<'_>,
    callee: &Service,
    (method, route): (&'static str, &'static str),
    attempt: &Attempt,
) -> Face {
    let (path, query) = serve::path(route, &view.record.visit);
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    let url = format!("http://{}:{}{path}{query}", callee.name, callee.port);
    http_request(view, method, url, (&callee.name, callee.port), attempt)
}

/// A CLIENT span for an HTTP request to somebody outside.
pub(super) fn outside(view: &View<'_>, external: &External, attempt: &Attempt) -> Face {
    let url = format!("https://{}{}", external.host, external.path);
    http_request(view, external.method, url, (external.host, 443), attempt)
}

fn http_request(
    view: &View<'_>,
    method: &'static str,
    url: String,
    (host, port): (&str, u16),
    attempt: &Attempt,
) -> Face {
    let status = attempt.answered.then(|| view.http_status(method));
    let peer = attempt.peer.map(|peer| view.topology.instance(peer).address.to_string());
    let mut attributes = Attributes::new();
    let (status_key, peer_key, resend_key) = if view.is_old() {
        attributes.text("http.method", method).text("http.url", url).text("http.flavor", "1.1");
        attributes.text("net.peer.name", host).int("net.peer.port", port);
        ("http.status_code", "net.sock.peer.addr", "http.resend_count")
    } else {
        attributes.text("http.request.method", method).text("url.full", url).text("network.protocol.version", "1.1");
        attributes.text("server.address", host).int("server.port", port);
        ("http.response.status_code", "network.peer.address", "http.request.resend_count")
    };
    if let Some(status) = status {
        attributes.int(status_key, status);
    }
    if let Some(peer) = peer {
        attributes.text(peer_key, peer);
    }
    if attempt.resend > 0 {
        attributes.int(resend_key, attempt.resend);
    }
    let error = view.record.fault.filter(|fault| *fault != Fault::Cancelled).map(|fault| {
        let unanswered = status.is_none().then(|| errors::unanswered(view.language(), fault));
        if !view.is_old() {
            let code = unanswered.map_or_else(|| fault.http_status().to_string(), str::to_owned);
            attributes.text("error.type", code);
        }
        Error { message: errors::message(view.language(), fault), exception: unanswered }
    });
    let name = if view.is_old() { format!("HTTP {method}") } else { method.to_owned() };
    Face { name, kind: SpanKind::Client, library: Library::HttpClient, attributes: attributes.finish(), error }
}

/// A CLIENT span for a gRPC request.
pub(super) fn rpc(view: &View<'_>, callee: &Service, method: &'static str, attempt: &Attempt) -> Face {
    let (status, number) = view.rpc_status();
    let peer = attempt.peer.map(|peer| view.topology.instance(peer).address.to_string());
    // A call that was not made has no status.
    let not_made =
        view.record.fault.filter(|fault| matches!(fault, Fault::NotPermitted | Fault::Bulkhead)).map(|fault| {
            let class = errors::unanswered(view.language(), fault);
            (class, errors::message(view.language(), fault))
        });
    let mut attributes = Attributes::new();
    let peer_key = if view.is_old() {
        let (service, short) = method.rsplit_once('/').unwrap_or(("", method));
        attributes
            .text("rpc.system", "grpc")
            .text("rpc.service", service)
            .text("rpc.method", short)
            .text("net.peer.name", &*callee.name)
            .int("net.peer.port", callee.port);
        if not_made.is_none() {
            attributes.int("rpc.grpc.status_code", number);
        }
        "net.sock.peer.addr"
    } else {
        attributes
            .text("rpc.system.name", "grpc")
            .text("rpc.method", method)
            .text("server.address", &*callee.name)
            .int("server.port", callee.port)
            .text("network.transport", "tcp");
        if not_made.is_none() {
            attributes.text("rpc.response.status_code", status);
        }
        "network.peer.address"
    };
    if let Some(peer) = peer {
        attributes.text(peer_key, peer);
    }
    let error = view.record.fault.map(|fault| {
        if !view.is_old() {
            attributes.text("error.type", not_made.map_or(status, |(class, _)| class));
        }
        Error {
            message: not_made.map_or(fault.message(), |(_, message)| message),
            exception: not_made.map(|(class, _)| class),
        }
    });
    Face {
        name: method.to_owned(),
        kind: SpanKind::Client,
        library: Library::Rpc,
        attributes: attributes.finish(),
        error,
    }
}

/// A CLIENT span for a query.
pub(super) fn query(view: &View<'_>, store: &DataStore, query: &Query) -> Face {
    let mut attributes = Attributes::new();
    let collection_key = if view.is_old() {
        attributes
            .text("db.system", store.system)
            .text("db.name", store.namespace)
            .text("db.operation", query.operation)
            .text("db.statement", query.text)
            .text("net.peer.name", store.name)
            .int("net.peer.port", store.port)
            .text("net.sock.peer.addr", store.address.to_string());
        if store.system == "mongodb" { "db.mongodb.collection" } else { "db.sql.table" }
    } else {
        attributes
            .text("db.system.name", store.system)
            .text("db.namespace", store.namespace)
            .text("db.operation.name", query.operation)
            .text("db.query.text", query.text)
            .text("server.address", store.name)
            .int("server.port", store.port)
            .text("network.peer.address", store.address.to_string());
        "db.collection.name"
    };
    if !query.collection.is_empty() {
        attributes.text(collection_key, query.collection);
    }
    let error = view.record.fault.map(|fault| query_error(view, fault, store, &mut attributes));
    Face {
        name: query.name(),
        kind: SpanKind::Client,
        library: Library::Database,
        attributes: attributes.finish(),
        error,
    }
}

fn query_error(view: &View<'_>, fault: Fault, store: &DataStore, attributes: &mut Attributes) -> Error {
    if fault == Fault::Timeout {
        let class = errors::unanswered(view.language(), fault);
        if !view.is_old() {
            attributes.text("error.type", class);
        }
        return Error { message: "query timeout", exception: Some(class) };
    }
    let (code, message) = match store.system {
        "postgresql" => ("40P01", "deadlock detected"),
        "mongodb" => ("11600", "interrupted at shutdown"),
        _ => ("LOADING", "LOADING the dataset is being loaded into memory"),
    };
    if !view.is_old() {
        attributes.text("db.response.status_code", code).text("error.type", code);
    }
    Error { message, exception: None }
}

/// A PRODUCER span for a message.
pub(super) fn publish(view: &View<'_>, topic: &Topic, (partition, offset): (u32, i64)) -> Face {
    let mut attributes = Attributes::new();
    attributes.text("messaging.system", "kafka").text("messaging.destination.name", topic.name);
    if view.is_old() {
        attributes
            .text("messaging.operation", "publish")
            .int("messaging.kafka.destination.partition", partition)
            .int("messaging.kafka.message.offset", offset)
            .text("net.peer.name", topic.broker);
    } else {
        attributes
            .text("messaging.operation.type", "send")
            .text("messaging.operation.name", "send")
            .text("messaging.destination.partition.id", partition.to_string())
            .int("messaging.kafka.offset", offset)
            .text("messaging.client.id", view.instance.host.as_str())
            .text("server.address", topic.broker)
            .int("server.port", 9092);
    }
    attributes.int("messaging.message.body.size", 640 + view.record.visit.order % 900);
    attributes.int("shop.order.id", view.record.visit.order);
    let error = view.record.fault.map(|fault| {
        let class = errors::unanswered(view.language(), fault);
        if !view.is_old() {
            attributes.text("error.type", class);
        }
        Error { message: fault.message(), exception: Some(class) }
    });
    let name = if view.is_old() { format!("{} publish", topic.name) } else { format!("send {}", topic.name) };
    Face { name, kind: SpanKind::Producer, library: Library::Messaging, attributes: attributes.finish(), error }
}
