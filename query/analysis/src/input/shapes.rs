//! What many spans have in common beside their process: their operation, and what they say of the other side.

use std::borrow::Cow;

use super::{
    ENTRY_BYTES,
    attributes::{Attribute, Attributes},
    call::Call,
    values,
};
use crate::{
    context::Context,
    hash::{FastMap, FastSet},
    operation::Operation,
    path_template,
    span::{Kind, MessageStep, Peer, PeerId, Protocol, ServiceId, Visitor},
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
    known: FastMap<Box<[u64]>, Shape>,
    bytes: usize,
    key: Vec<u64>,
    operations: FastSet<(ServiceId, Text)>,
    operation_counts: FastMap<ServiceId, u32>,
    overflowed: u64,
    /// By user agent.
    agents: FastMap<Box<str>, Visitor>,
}

/// All that a shape follows from.
#[derive(Debug)]
struct Said<'a, 'c> {
    call: &'c Call<'a, 'c>,
    /// The route, else the template of the URL, else the path with its identifiers replaced, where it matters.
    path: Cow<'a, str>,
    /// It is one of the first two.
    is_route: bool,
    protocol: Protocol,
    step: MessageStep,
    visitor: Visitor,
    /// The first word of the query.
    verb: &'a str,
    address: (&'a str, u16),
    network: (&'a str, u16),
    system: &'a str,
    namespace: &'a str,
    group: &'a str,
}

impl Shapes {
    pub(super) fn overflowed(&self) -> u64 {
        self.overflowed
    }

    pub(super) fn read(&mut self, call: &Call<'_, '_>, service: ServiceId, context: &mut Context) -> Shape {
        let visitor = if call.kind.serves() && call.is_root { self.visitor(call.attributes) } else { Visitor::User };
        let said = Said::of(call, visitor);
        said.write_key(service, &mut self.key);
        if let Some(shape) = self.known.get(self.key.as_slice()) {
            return *shape;
        }
        let name = said.operation().name();
        let shape = Shape { operation: self.operation(service, &name, context), peer: said.peer(context) };
        self.bytes += size_of_val(self.key.as_slice()) + ENTRY_BYTES;
        if self.bytes > MAX_BYTES {
            self.known.clear();
            self.bytes = size_of_val(self.key.as_slice()) + ENTRY_BYTES;
        }
        self.known.insert(self.key.as_slice().into(), shape);
        shape
    }

    /// Who called an entry: by the user agent, else by the address.
    fn visitor(&mut self, attributes: &Attributes<'_>) -> Visitor {
        let by_agent = match self.agents.get(attributes.text(Attribute::UserAgent)) {
            Some(visitor) => *visitor,
            None => self.add_agent(attributes.text(Attribute::UserAgent)),
        };
        if by_agent == Visitor::User { values::origin(attributes.text(Attribute::ClientAddress)) } else { by_agent }
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

impl<'a, 'c> Said<'a, 'c> {
    fn of(call: &'c Call<'a, 'c>, visitor: Visitor) -> Self {
        let attributes = call.attributes;
        let route = if call.route.is_empty() { attributes.text(Attribute::UrlTemplate) } else { call.route };
        let path = match (route.is_empty(), call.method.is_empty()) {
            (false, _) => Cow::Borrowed(route),
            (true, false) => path_template(call.path),
            (true, true) => Cow::Borrowed(""),
        };
        let protocol = call.protocol();
        let is_message = protocol == Protocol::Messaging;
        let address = if call.kind == Kind::Server { ("", 0) } else { address(call) };
        // Only asked for where there is no address; and what a server sees is a port of the moment.
        let network = match call.kind != Kind::Server && address.0.is_empty() {
            true => (
                attributes.text(Attribute::NetworkAddress),
                attributes.text(Attribute::NetworkPort).parse().unwrap_or(0),
            ),
            false => ("", 0),
        };
        let step = match is_message {
            true => values::message_step(call.message.operation_type, attributes.text(Attribute::MessagingOperation)),
            false => MessageStep::None,
        };
        let group = attributes.text(Attribute::ConsumerGroup);
        Self {
            call,
            path,
            is_route: !route.is_empty(),
            protocol,
            step,
            visitor,
            verb: if protocol == Protocol::Database { verb(call) } else { "" },
            address,
            network,
            system: if is_message { call.message.system } else { call.query.system },
            namespace: if is_message { attributes.text(Attribute::Cluster) } else { call.query.namespace },
            group: if group.is_empty() { attributes.text(Attribute::Subscription) } else { group },
        }
    }

    /// Words that differ if anything does that a shape of `service` follows from.
    fn write_key(&self, service: ServiceId, key: &mut Vec<u64>) {
        let Self { call, .. } = self;
        let attributes = call.attributes;
        let facts = [call.kind == Kind::Server, self.is_route, attributes.is_temporary()];
        let [server, route, temporary] = facts.map(u8::from);
        let small = [self.protocol as u8, self.step as u8, self.visitor as u8, server, route, temporary, 0, 0];
        let ports = u32::from(self.address.1) << 16 | u32::from(self.network.1);
        key.clear();
        key.extend([u64::from(service.0) << 32 | u64::from(ports), u64::from_le_bytes(small)]);
        let mut put = |number: u64, text: &str| {
            if !text.is_empty() {
                put_text(key, number, text.as_bytes());
            }
        };
        put(0, call.name);
        put(1, call.method);
        put(2, &self.path);
        put(3, call.rpc.method);
        put(4, call.message.operation_type);
        put(5, self.destination());
        put(6, attributes.text(Attribute::DestinationTemplate));
        put(7, attributes.text(Attribute::QuerySummary));
        put(8, call.query.operation);
        put(9, call.query.collection);
        put(10, self.verb);
        put(11, call.peer_service);
        put(12, attributes.text(Attribute::PeerNamespace));
        put(13, self.address.0);
        put(14, self.network.0);
        put(15, self.system);
        put(16, self.namespace);
        put(17, self.group);
    }

    /// The destination's name, unless it is made up for one use.
    fn destination(&self) -> &'a str {
        if self.call.attributes.is_temporary() { "" } else { self.call.message.destination }
    }

    fn operation(&self) -> Operation<'_> {
        let Self { call, path, .. } = self;
        Operation {
            span_name: call.name,
            http_request_method: Some(call.method),
            http_route: Some(path.as_ref()).filter(|_| self.is_route),
            url_template: None,
            url_path: Some(path.as_ref()),
            rpc_method: Some(call.rpc.method),
            messaging_operation_type: Some(call.message.operation_type),
            messaging_destination_name: Some(call.message.destination),
            messaging_destination_template: Some(call.attributes.text(Attribute::DestinationTemplate)),
            messaging_destination_temporary: call.attributes.is_temporary(),
            db_query_summary: Some(call.attributes.text(Attribute::QuerySummary)),
            db_operation_name: Some(call.query.operation),
            db_collection_name: Some(call.query.collection),
        }
    }

    fn peer(&self, context: &mut Context) -> PeerId {
        let texts = &mut context.texts;
        let peer = Peer {
            protocol: self.protocol,
            step: self.step,
            access: values::access(self.verb),
            service: texts.intern(self.call.peer_service),
            service_namespace: texts.intern(self.call.attributes.text(Attribute::PeerNamespace)),
            visitor: self.visitor,
            address: texts.intern(self.address.0),
            port: self.address.1,
            network_address: texts.intern(self.network.0),
            network_port: self.network.1,
            scope: texts.intern(self.scope()),
            system: texts.intern(self.system),
            namespace: texts.intern(self.namespace),
            collection: texts.intern(self.collection()),
            group: texts.intern(self.group),
        };
        context.add_peer(peer)
    }

    /// Part of what an address leads to: see [`Peer::scope`].
    fn scope(&self) -> &str {
        match self.call.kind {
            Kind::Server => "",
            _ if !self.call.rpc.method.is_empty() => values::rpc_service(self.call.rpc.method),
            _ => values::first_segment(&self.path),
        }
    }

    fn collection(&self) -> &'a str {
        let template = self.call.attributes.text(Attribute::DestinationTemplate);
        match self.protocol {
            Protocol::Messaging if template.is_empty() => self.destination(),
            Protocol::Messaging => template,
            _ => self.call.query.collection,
        }
    }
}

/// Appends which text it is, its length, and all of it, in words that may overlap.
#[inline]
fn put_text(key: &mut Vec<u64>, number: u64, text: &[u8]) {
    let (words, rest) = text.as_chunks();
    key.push(number << 56 | text.len() as u64);
    key.extend(words.iter().map(|word| u64::from_le_bytes(*word)));
    if rest.is_empty() {
        return;
    }
    key.push(match (text.last_chunk(), text.first_chunk(), text.last_chunk()) {
        (Some(last), _, _) => u64::from_le_bytes(*last),
        (None, Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
        }
        _ => rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    });
}

/// The address that was called, else the host of the URL.
fn address<'a>(call: &Call<'a, '_>) -> (&'a str, u16) {
    let of_url = || values::host_and_port(values::authority(call.attributes.text(Attribute::UrlFull)));
    if call.address.is_empty() {
        let (host, port) = of_url();
        return (host, call.port.unwrap_or(port));
    }
    if let Some(port) = call.port {
        return (call.address, port);
    }
    // Some write the port into the address, others only into the URL.
    match values::host_and_port(call.address) {
        (_, 0) => (call.address, of_url().1),
        address => address,
    }
}

/// The first word of the operation, else of the summary, else of the query.
fn verb<'a>(call: &Call<'a, '_>) -> &'a str {
    let texts = [call.query.operation, call.attributes.text(Attribute::QuerySummary), call.query.text];
    texts.iter().find_map(|text| text.split_ascii_whitespace().next()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::put_text;

    fn key(texts: &[String]) -> Vec<u64> {
        let mut key = Vec::new();
        for (number, text) in (0..).zip(texts).filter(|(_, text)| !text.is_empty()) {
            put_text(&mut key, number, text.as_bytes());
        }
        key
    }

    proptest! {
        /// Of few letters and none, so that many are nearly the same.
        #[test]
        fn keys_are_the_same_only_if_all_texts_are(
            one in prop::collection::vec("[a\0]{0,20}", 3),
            other in prop::collection::vec("[a\0]{0,20}", 3),
            change in (0_usize..3, 0_usize..20),
        ) {
            prop_assert!(one == other || key(&one) != key(&other));
            let mut changed = one.clone();
            if let Some(text) = changed.get_mut(change.0).filter(|text| change.1 < text.len()) {
                text.replace_range(change.1..=change.1, "b");
                prop_assert_ne!(key(&one), key(&changed));
            }
        }
    }
}
