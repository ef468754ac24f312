//! SERVER and CONSUMER spans.

use std::net::Ipv4Addr;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::{
    attributes::Attributes,
    errors,
    scope::Library,
    spans::{Error, Face, View},
};
use crate::{
    engine::{Client, Visit},
    outcome::{Fault, Outcome},
    text::uuid_text,
    topology::Topic,
};

const WEB_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
const MOBILE_AGENT: &str = "ShopApp/8.4.1 (Android 16; Pixel 10)";

/// The path that a request for `route` has, and its query.
pub(super) fn path(route: &str, visit: &Visit) -> (String, Option<String>) {
    let number = if route.contains("orders") { visit.order } else { visit.product };
    let query = route.contains("search").then(|| format!("q=term+{}&page=1", visit.product % 500));
    (route.replace("{id}", &number.to_string()), query)
}

/// A SERVER span for an HTTP request.
pub(super) fn http(view: &View<'_>, method: &'static str, route: &'static str, peer: Ipv4Addr) -> Face {
    let status = view.http_status(method);
    let (path, query) = path(route, &view.record.visit);
    let mut attributes = Attributes::new();
    if view.is_old() {
        let target = query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
        attributes
            .text("http.method", method)
            .text("http.scheme", "http")
            .text("http.target", target)
            .text("http.route", route)
            .int("http.status_code", status)
            .text("http.flavor", "1.1")
            .text("http.user_agent", agent(view, peer))
            .text("net.host.name", &*view.service.name)
            .int("net.host.port", view.service.port)
            .text("net.sock.peer.addr", peer.to_string());
    } else {
        attributes
            .text("http.request.method", method)
            .text("url.scheme", "http")
            .text("url.path", path)
            .text("http.route", route)
            .int("http.response.status_code", status)
            .text("network.protocol.version", "1.1")
            .text("user_agent.original", agent(view, peer))
            .text("server.address", &*view.service.name)
            .int("server.port", view.service.port)
            .text("client.address", view.record.visit.address.to_string())
            .text("network.peer.address", peer.to_string())
            .int("network.peer.port", view.ephemeral_port());
        if let Some(query) = query {
            attributes.text("url.query", query);
        }
    }
    if view.service.records_request_id {
        let (high, low) = view.record.visit.request;
        attributes.header("http.request.header.x-request-id", uuid_text(high, low));
    }
    let error = view.record.fault.filter(|_| status >= 500).map(|fault| {
        let exception = errors::exception_type(view.language(), fault);
        if !view.is_old() {
            attributes.text("error.type", exception.map_or_else(|| status.to_string(), str::to_owned));
        }
        Error { message: fault.message(), exception }
    });
    let name = format!("{method} {route}");
    Face { name, kind: SpanKind::Server, library: Library::HttpServer, attributes: attributes.finish(), error }
}

/// A SERVER span for a gRPC request.
pub(super) fn rpc(view: &View<'_>, method: &'static str, peer: Ipv4Addr) -> Face {
    let (status, number) = view.rpc_status();
    let mut attributes = Attributes::new();
    if view.is_old() {
        let (service, short) = method.rsplit_once('/').unwrap_or(("", method));
        attributes
            .text("rpc.system", "grpc")
            .text("rpc.service", service)
            .text("rpc.method", short)
            .int("rpc.grpc.status_code", number)
            .text("net.host.name", &*view.service.name)
            .int("net.host.port", view.service.port)
            .text("net.sock.peer.addr", peer.to_string());
    } else {
        attributes
            .text("rpc.system.name", "grpc")
            .text("rpc.method", method)
            .text("rpc.response.status_code", status)
            .text("server.address", &*view.service.name)
            .int("server.port", view.service.port)
            .text("client.address", peer.to_string())
            .text("network.peer.address", peer.to_string())
            .int("network.peer.port", view.ephemeral_port())
            .text("network.transport", "tcp");
    }
    attributes.int("shop.user.id", view.record.visit.user);
    // A gRPC server span is an error only where the server is to blame.
    let to_blame = |fault: &Fault| matches!(fault.outcome(), Outcome::ServerFault | Outcome::Timeout);
    let error = view.record.fault.filter(to_blame).map(|fault| {
        if !view.is_old() {
            attributes.text("error.type", status);
        }
        Error { message: fault.message(), exception: errors::exception_type(view.language(), fault) }
    });
    Face {
        name: method.to_owned(),
        kind: SpanKind::Server,
        library: Library::Rpc,
        attributes: attributes.finish(),
        error,
    }
}

/// A CONSUMER span for a message.
pub(super) fn message(view: &View<'_>, topic: &Topic, group: &'static str, (partition, offset): (u32, i64)) -> Face {
    let count = view.record.links.len() as u32;
    let mut attributes = Attributes::new();
    attributes.text("messaging.system", "kafka").text("messaging.destination.name", topic.name);
    if view.is_old() {
        attributes
            .text("messaging.operation", "process")
            .text("messaging.kafka.consumer.group", group)
            .int("messaging.kafka.destination.partition", partition);
        if count < 2 {
            attributes.int("messaging.kafka.message.offset", offset);
        }
        attributes.text("messaging.client_id", view.instance.host.as_str()).text("net.peer.name", topic.broker);
    } else {
        attributes
            .text("messaging.operation.type", "process")
            .text("messaging.operation.name", "process")
            .text("messaging.consumer.group.name", group)
            .text("messaging.destination.partition.id", partition.to_string());
        if count < 2 {
            attributes.int("messaging.kafka.offset", offset);
        }
        attributes
            .text("messaging.client.id", view.instance.host.as_str())
            .text("server.address", topic.broker)
            .int("server.port", 9092);
    }
    if count > 1 {
        attributes.int("messaging.batch.message_count", count);
    }
    attributes.int("shop.order.id", view.record.visit.order);
    let error = view.record.fault.map(|fault| {
        let exception = errors::exception_type(view.language(), fault);
        if !view.is_old() {
            attributes.text("error.type", exception.unwrap_or("_OTHER"));
        }
        Error { message: fault.message(), exception }
    });
    let name = if view.is_old() { format!("{} process", topic.name) } else { format!("process {}", topic.name) };
    Face { name, kind: SpanKind::Consumer, library: Library::Messaging, attributes: attributes.finish(), error }
}

/// The user's agent at the edge, the client library's inside.
fn agent(view: &View<'_>, peer: Ipv4Addr) -> &'static str {
    match view.record.visit.client {
        _ if peer != view.record.visit.address => "undici/7.16.0",
        Client::Web => WEB_AGENT,
        Client::Mobile => MOBILE_AGENT,
    }
}
