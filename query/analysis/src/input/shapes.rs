//! What many spans have in common beside their process: their operation, and what they say of the other side.

use std::borrow::Cow;

use super::{ENTRY_BYTES, attributes::Attributes, columns::Columns, values};
use crate::{
    context::Context,
    hash::{FastMap, FastSet},
    operation::Operation,
    path_template,
    span::{Kind, MessageStep, Peer, PeerId, Protocol, ResourceId, ServiceId, Visitor},
    text::Text,
};

/// Bytes of what is kept of shapes; when they are full, all is looked up again.
const MAX_BYTES: usize = 16 << 20;
/// User agents that are kept, and the bytes of the longest of them.
const MAX_AGENTS: usize = 4096;
const MAX_AGENT_BYTES: usize = 512;
/// Operations of a service beyond this many are counted as one.
const MAX_OPERATIONS: u32 = 500;
/// Operations of all services.
const MAX_ALL_OPERATIONS: usize = 1 << 20;

/// What is the same for all spans that say the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) operation: Text,
    pub(super) peer: PeerId,
}

/// Shapes by all that they follow from, so that names are put together once and not for every span.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    known: FastMap<Box<[u8]>, Shape>,
    bytes: usize,
    key: Vec<u8>,
    operations: FastSet<(ServiceId, Text)>,
    operation_counts: FastMap<ServiceId, u32>,
    overflowed: u64,
    /// By user agent.
    agents: FastMap<Box<str>, Visitor>,
}

/// All that a shape follows from.
#[derive(Debug)]
struct Said<'a> {
    operation: Operation<'a>,
    /// Part of what an address leads to: see [`Peer::scope`].
    scope: &'a str,
    protocol: Protocol,
    step: MessageStep,
    visitor: Visitor,
    /// The first word of the query.
    verb: &'a str,
    service: [&'a str; 2],
    address: (&'a str, u16),
    network: (&'a str, u16),
    system: &'a str,
    namespace: &'a str,
    collection: &'a str,
    group: &'a str,
}

impl Shapes {
    pub(super) fn overflowed(&self) -> u64 {
        self.overflowed
    }

    pub(super) fn read(
        &mut self,
        columns: &Columns<'_>,
        row: usize,
        (kind, is_root): (Kind, bool),
        attributes: &Attributes<'_>,
        resource: ResourceId,
        context: &mut Context,
    ) -> Shape {
        let path = path_of(columns, row, attributes);
        let visitor = if kind.serves() && is_root { self.visitor(attributes) } else { Visitor::User };
        let said = Said::of(columns, row, (kind, visitor), attributes, &path);
        let service = context.resource(resource).service;
        said.write_key(service, &mut self.key);
        if let Some(shape) = self.known.get(self.key.as_slice()) {
            return *shape;
        }
        let name = said.operation.name();
        let shape = Shape { operation: self.operation(service, &name, context), peer: said.peer(context) };
        self.bytes += self.key.len() + ENTRY_BYTES;
        if self.bytes > MAX_BYTES {
            self.known.clear();
            self.bytes = self.key.len() + ENTRY_BYTES;
        }
        self.known.insert(self.key.as_slice().into(), shape);
        shape
    }

    /// Who called an entry: by the user agent, else by the address.
    fn visitor(&mut self, attributes: &Attributes<'_>) -> Visitor {
        let by_agent = match self.agents.get(attributes.user_agent) {
            Some(visitor) => *visitor,
            None => self.add_agent(attributes.user_agent),
        };
        if by_agent == Visitor::User { values::origin(attributes.client_address) } else { by_agent }
    }

    fn add_agent(&mut self, user_agent: &str) -> Visitor {
        let visitor = values::agent(user_agent);
        if self.agents.len() >= MAX_AGENTS {
            self.agents.clear();
        }
        if user_agent.len() <= MAX_AGENT_BYTES {
            self.agents.insert(user_agent.into(), visitor);
        }
        visitor
    }

    fn operation(&mut self, service: ServiceId, name: &str, context: &mut Context) -> Text {
        if let Some(known) = context.texts.find(name).filter(|name| self.operations.contains(&(service, *name))) {
            return known;
        }
        let count = self.operation_counts.entry(service).or_default();
        if *count >= MAX_OPERATIONS || self.operations.len() >= MAX_ALL_OPERATIONS {
            self.overflowed += 1;
            return Text::OTHER;
        }
        *count += 1;
        let name = context.texts.intern(name);
        self.operations.insert((service, name));
        name
    }
}

/// The path with its identifiers replaced, where it matters.
fn path_of<'a>(columns: &Columns<'a>, row: usize, attributes: &Attributes<'a>) -> Cow<'a, str> {
    let route = columns.http_route.at(row);
    let route = if route.is_empty() { attributes.url_template } else { route };
    match (route.is_empty(), columns.http_request_method.at(row).is_empty()) {
        (false, _) => Cow::Borrowed(route),
        (true, false) => path_template(columns.url_path.at(row)),
        (true, true) => Cow::Borrowed(""),
    }
}

impl<'a> Said<'a> {
    fn of(
        columns: &Columns<'a>,
        row: usize,
        (kind, visitor): (Kind, Visitor),
        attributes: &Attributes<'a>,
        path: &'a str,
    ) -> Self {
        let destination = columns.messaging_destination_name.at(row);
        let group = attributes.consumer_group;
        let operation_type = columns.messaging_operation_type.at(row);
        let protocol = protocol(columns, row, attributes);
        let is_message = protocol == Protocol::Messaging;
        let rpc_method = columns.rpc_method.at(row);
        let address = if kind == Kind::Server { ("", 0) } else { address(columns, row, attributes) };
        // Only asked for where there is no address; and what a server sees is a port of the moment.
        let network = match kind != Kind::Server && address.0.is_empty() {
            true => (attributes.network_address, attributes.network_port.parse().unwrap_or(0)),
            false => ("", 0),
        };
        let template = attributes.destination_template;
        let collection = match is_message {
            false => columns.db_collection_name.at(row),
            true if !template.is_empty() => template,
            true if attributes.temporary => "",
            true => destination,
        };
        Self {
            operation: operation(columns, row, attributes, path),
            scope: match kind {
                Kind::Server => "",
                _ if !rpc_method.is_empty() => values::rpc_service(rpc_method),
                _ => values::first_segment(path),
            },
            protocol,
            step: if is_message {
                values::message_step(operation_type, attributes.messaging_operation)
            } else {
                MessageStep::None
            },
            visitor,
            verb: if protocol == Protocol::Database { verb(columns, row, attributes) } else { "" },
            service: [columns.service_peer_name.at(row), attributes.peer_namespace],
            address,
            network,
            system: if is_message { columns.messaging_system.at(row) } else { columns.db_system_name.at(row) },
            namespace: if is_message { attributes.cluster } else { columns.db_namespace.at(row) },
            collection,
            group: if group.is_empty() { attributes.subscription } else { group },
        }
    }

    /// Bytes that differ if anything does that a shape of `service` follows from.
    fn write_key(&self, service: ServiceId, key: &mut Vec<u8>) {
        key.clear();
        key.extend_from_slice(&service.0.to_le_bytes());
        key.extend_from_slice(&[self.protocol as u8, self.step as u8, self.visitor as u8]);
        key.push(u8::from(self.operation.messaging_destination_temporary));
        key.extend_from_slice(&self.address.1.to_le_bytes());
        key.extend_from_slice(&self.network.1.to_le_bytes());
        let operation = &self.operation;
        let of_operation = [
            operation.http_request_method,
            operation.http_route,
            operation.url_template,
            operation.url_path,
            operation.rpc_method,
            operation.messaging_operation_type,
            operation.messaging_destination_name,
            operation.messaging_destination_template,
            operation.db_query_summary,
            operation.db_operation_name,
            operation.db_collection_name,
        ];
        let texts = [
            operation.span_name,
            self.scope,
            self.verb,
            self.service[0],
            self.service[1],
            self.address.0,
            self.network.0,
            self.system,
            self.namespace,
            self.collection,
            self.group,
        ];
        let all = texts.into_iter().chain(of_operation.into_iter().map(Option::unwrap_or_default));
        for (number, text) in (0..).zip(all).filter(|(_, text)| !text.is_empty()) {
            key.push(number);
            key.extend_from_slice(text.as_bytes());
            // Not part of any text.
            key.push(0xff);
        }
    }

    fn peer(&self, context: &mut Context) -> PeerId {
        let texts = &mut context.texts;
        let peer = Peer {
            protocol: self.protocol,
            step: self.step,
            access: values::access(self.verb),
            service: texts.intern(self.service[0]),
            service_namespace: texts.intern(self.service[1]),
            visitor: self.visitor,
            address: texts.intern(self.address.0),
            port: self.address.1,
            network_address: texts.intern(self.network.0),
            network_port: self.network.1,
            scope: texts.intern(self.scope),
            system: texts.intern(self.system),
            namespace: texts.intern(self.namespace),
            collection: texts.intern(self.collection),
            group: texts.intern(self.group),
        };
        context.add_peer(peer)
    }
}

fn protocol(columns: &Columns<'_>, row: usize, attributes: &Attributes<'_>) -> Protocol {
    let any = |texts: &[&str]| texts.iter().any(|text| !text.is_empty());
    let message = [columns.messaging_system.at(row), columns.messaging_destination_name.at(row)];
    if any(&message) || any(&[columns.messaging_operation_type.at(row), attributes.destination_template]) {
        Protocol::Messaging
    } else if any(&[columns.db_system_name.at(row), columns.db_namespace.at(row), columns.db_query_text.at(row)])
        || any(&[columns.db_collection_name.at(row), columns.db_operation_name.at(row)])
    {
        Protocol::Database
    } else if any(&[columns.rpc_system_name.at(row), columns.rpc_method.at(row)]) {
        Protocol::Rpc
    } else if any(&[columns.http_request_method.at(row)]) || columns.http_response_status_code.at(row).is_some() {
        Protocol::Http
    } else {
        Protocol::Unknown
    }
}

fn operation<'a>(columns: &Columns<'a>, row: usize, attributes: &Attributes<'a>, path: &'a str) -> Operation<'a> {
    Operation {
        span_name: columns.name.at(row),
        http_request_method: Some(columns.http_request_method.at(row)),
        http_route: Some(columns.http_route.at(row)),
        url_template: Some(attributes.url_template),
        url_path: Some(path),
        rpc_method: Some(columns.rpc_method.at(row)),
        messaging_operation_type: Some(columns.messaging_operation_type.at(row)),
        messaging_destination_name: Some(columns.messaging_destination_name.at(row)),
        messaging_destination_template: Some(attributes.destination_template),
        messaging_destination_temporary: attributes.temporary,
        db_query_summary: Some(attributes.query_summary),
        db_operation_name: Some(columns.db_operation_name.at(row)),
        db_collection_name: Some(columns.db_collection_name.at(row)),
    }
}

/// The address that was called, else the host of the URL.
fn address<'a>(columns: &Columns<'a>, row: usize, attributes: &Attributes<'a>) -> (&'a str, u16) {
    let address = columns.server_address.at(row);
    let port = columns.server_port.at(row).and_then(|port| u16::try_from(port).ok());
    if address.is_empty() {
        let (host, url_port) = values::host_and_port(values::authority(attributes.url_full));
        return (host, port.unwrap_or(url_port));
    }
    if let Some(port) = port {
        return (address, port);
    }
    // Some write the port into the address, others only into the URL.
    match values::host_and_port(address) {
        (_, 0) => (address, values::host_and_port(values::authority(attributes.url_full)).1),
        address => address,
    }
}

/// The first word of the operation, else of the summary, else of the query.
fn verb<'a>(columns: &Columns<'a>, row: usize, attributes: &Attributes<'a>) -> &'a str {
    let texts = [columns.db_operation_name.at(row), attributes.query_summary, columns.db_query_text.at(row)];
    texts.iter().find_map(|text| text.split_ascii_whitespace().next()).unwrap_or_default()
}
