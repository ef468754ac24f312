//! What a row says of the call that its span is part of, each column looked up once.

use super::{
    attributes::{Attribute, Attributes},
    columns::Columns,
};
use crate::span::{Kind, Protocol};

/// Texts are empty where there are none.
#[derive(Debug)]
pub(super) struct Call<'a, 'c> {
    pub(super) kind: Kind,
    pub(super) is_root: bool,
    pub(super) name: &'a str,
    pub(super) method: &'a str,
    pub(super) route: &'a str,
    pub(super) path: &'a str,
    pub(super) http_status: Option<i32>,
    pub(super) rpc: Rpc<'a>,
    pub(super) query: Query<'a>,
    pub(super) message: Message<'a>,
    pub(super) peer_service: &'a str,
    /// None of a server: it would be its own.
    pub(super) address: &'a str,
    pub(super) port: Option<u16>,
    pub(super) attributes: &'c Attributes<'a>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rpc<'a> {
    pub(super) system: &'a str,
    pub(super) method: &'a str,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Query<'a> {
    pub(super) system: &'a str,
    pub(super) namespace: &'a str,
    pub(super) collection: &'a str,
    pub(super) operation: &'a str,
    pub(super) text: &'a str,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Message<'a> {
    pub(super) system: &'a str,
    pub(super) operation_type: &'a str,
    pub(super) destination: &'a str,
}

impl<'a, 'c> Call<'a, 'c> {
    #[inline]
    pub(super) fn read(
        columns: &Columns<'a>,
        row: usize,
        kind: Kind,
        is_root: bool,
        attributes: &'c Attributes<'a>,
    ) -> Self {
        let is_server = kind == Kind::Server;
        let port = if is_server { None } else { columns.server_port.at(row) };
        Self {
            kind,
            is_root,
            name: columns.name.at(row),
            method: columns.http_request_method.at(row),
            route: columns.http_route.at(row),
            path: columns.url_path.at(row),
            http_status: columns.http_response_status_code.at(row),
            rpc: if columns.with_rpc.contains(row) { rpc(columns, row) } else { Rpc::default() },
            query: if columns.with_query.contains(row) { query(columns, row) } else { Query::default() },
            message: if columns.with_message.contains(row) { message(columns, row) } else { Message::default() },
            peer_service: columns.service_peer_name.at(row),
            address: if is_server { "" } else { columns.server_address.at(row) },
            port: port.and_then(|port| u16::try_from(port).ok()),
            attributes,
        }
    }

    pub(super) fn protocol(&self) -> Protocol {
        let any = |texts: &[&str]| texts.iter().any(|text| !text.is_empty());
        let Self { rpc, query, message, .. } = self;
        let template = self.attributes.text(Attribute::DestinationTemplate);
        if any(&[message.system, message.destination, message.operation_type, template]) {
            Protocol::Messaging
        } else if any(&[query.system, query.namespace, query.collection, query.operation, query.text]) {
            Protocol::Database
        } else if any(&[rpc.system, rpc.method]) {
            Protocol::Rpc
        } else if !self.method.is_empty() || self.http_status.is_some() {
            Protocol::Http
        } else {
            Protocol::Unknown
        }
    }
}

fn rpc<'a>(columns: &Columns<'a>, row: usize) -> Rpc<'a> {
    Rpc { system: columns.rpc_system_name.at(row), method: columns.rpc_method.at(row) }
}

fn query<'a>(columns: &Columns<'a>, row: usize) -> Query<'a> {
    Query {
        system: columns.db_system_name.at(row),
        namespace: columns.db_namespace.at(row),
        collection: columns.db_collection_name.at(row),
        operation: columns.db_operation_name.at(row),
        text: columns.db_query_text.at(row),
    }
}

fn message<'a>(columns: &Columns<'a>, row: usize) -> Message<'a> {
    Message {
        system: columns.messaging_system.at(row),
        operation_type: columns.messaging_operation_type.at(row),
        destination: columns.messaging_destination_name.at(row),
    }
}
