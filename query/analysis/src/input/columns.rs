//! The columns of a batch, by type.

use std::ops::Range;

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BinaryArray, Float64Array, Int32Array, Int64Array, ListArray, MapArray, StringArray,
        StructArray,
    },
    buffer::{BooleanBuffer, NullBuffer},
    datatypes::{Float64Type, Int32Type, Int64Type},
    record_batch::RecordBatch,
};

use super::InputError;
use crate::span::Link;

pub(super) const NAMES: [&str; 39] = [
    "trace_id",
    "span_id",
    "parent_span_id",
    "trace_state",
    "name",
    "kind",
    "start_time",
    "end_time",
    "status_code",
    "status_message",
    "service_name",
    "service_namespace",
    "service_version",
    "service_instance_id",
    "deployment_environment_name",
    "host_name",
    "http_request_method",
    "http_route",
    "url_path",
    "http_response_status_code",
    "rpc_system_name",
    "rpc_method",
    "db_system_name",
    "db_namespace",
    "db_collection_name",
    "db_operation_name",
    "db_query_text",
    "messaging_system",
    "messaging_operation_type",
    "messaging_destination_name",
    "service_peer_name",
    "server_address",
    "server_port",
    "error_type",
    "outcome",
    "weight",
    "attributes",
    "resource_attributes",
    "links",
];

/// A column of text. One that is null throughout costs nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Texts<'a>(Option<&'a StringArray>);

impl<'a> Texts<'a> {
    /// The text of `row`; empty if there is none.
    #[inline]
    pub(super) fn at(&self, row: usize) -> &'a str {
        match self.0 {
            Some(column) if column.is_valid(row) => column.value(row),
            _ => "",
        }
    }

    /// Whether there is no text in any row.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The column, if it has none but texts in `rows`.
    pub(super) fn without_nulls(&self, rows: &Range<usize>) -> Option<&'a StringArray> {
        let is_null = |nulls: &NullBuffer| nulls.slice(rows.start, rows.len()).null_count() > 0;
        self.0.filter(|column| !column.nulls().is_some_and(is_null))
    }
}

/// The rows in which one of some columns is there, so that the others need not be looked at.
#[derive(Debug)]
pub(super) struct Rows(Option<BooleanBuffer>);

impl Rows {
    fn with_any(columns: &[Texts<'_>]) -> Self {
        let valid = |column: &StringArray| match column.nulls() {
            Some(nulls) => nulls.inner().clone(),
            None => BooleanBuffer::new_set(column.len()),
        };
        let columns = columns.iter().filter_map(|column| column.0.map(valid));
        Self(columns.reduce(|one, other| &one | &other))
    }

    #[inline]
    pub(super) fn contains(&self, row: usize) -> bool {
        self.0.as_ref().is_some_and(|rows| rows.value(row))
    }
}

/// A column of numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers<'a>(&'a Int32Array);

impl Numbers<'_> {
    #[inline]
    pub(super) fn at(&self, row: usize) -> Option<i32> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }
}

/// A column of attribute maps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Maps<'a> {
    map: &'a MapArray,
    pub(super) keys: &'a StringArray,
    pub(super) values: &'a StringArray,
}

impl<'a> Maps<'a> {
    /// Where the entries of `row` stand.
    #[inline]
    pub(super) fn range(&self, row: usize) -> Range<usize> {
        if self.map.is_null(row) {
            return 0..0;
        }
        let offsets = self.map.value_offsets();
        offsets[row] as usize..offsets[row + 1] as usize
    }

    pub(super) fn entry(&self, entry: usize) -> (&'a str, &'a str) {
        (self.keys.value(entry), self.value(entry))
    }

    #[inline]
    pub(super) fn value(&self, entry: usize) -> &'a str {
        if self.values.is_valid(entry) { self.values.value(entry) } else { "" }
    }
}

#[derive(Debug)]
pub(super) struct Columns<'a> {
    pub(super) trace_id: &'a BinaryArray,
    pub(super) span_id: &'a BinaryArray,
    pub(super) parent_span_id: &'a BinaryArray,
    pub(super) trace_state: Texts<'a>,
    pub(super) name: Texts<'a>,
    pub(super) kind: Texts<'a>,
    pub(super) start_time: &'a Int64Array,
    pub(super) end_time: &'a Int64Array,
    pub(super) status_code: Texts<'a>,
    pub(super) status_message: Texts<'a>,
    pub(super) service_name: Texts<'a>,
    pub(super) service_namespace: Texts<'a>,
    pub(super) service_version: Texts<'a>,
    pub(super) service_instance_id: Texts<'a>,
    pub(super) deployment_environment_name: Texts<'a>,
    pub(super) host_name: Texts<'a>,
    pub(super) http_request_method: Texts<'a>,
    pub(super) http_route: Texts<'a>,
    pub(super) url_path: Texts<'a>,
    pub(super) http_response_status_code: Numbers<'a>,
    pub(super) rpc_system_name: Texts<'a>,
    pub(super) rpc_method: Texts<'a>,
    pub(super) db_system_name: Texts<'a>,
    pub(super) db_namespace: Texts<'a>,
    pub(super) db_collection_name: Texts<'a>,
    pub(super) db_operation_name: Texts<'a>,
    pub(super) db_query_text: Texts<'a>,
    pub(super) messaging_system: Texts<'a>,
    pub(super) messaging_operation_type: Texts<'a>,
    pub(super) messaging_destination_name: Texts<'a>,
    pub(super) service_peer_name: Texts<'a>,
    pub(super) server_address: Texts<'a>,
    pub(super) server_port: Numbers<'a>,
    pub(super) error_type: Texts<'a>,
    pub(super) outcome: Texts<'a>,
    pub(super) weight: &'a Float64Array,
    pub(super) attributes: Maps<'a>,
    pub(super) resource_attributes: Maps<'a>,
    pub(super) with_rpc: Rows,
    pub(super) with_query: Rows,
    pub(super) with_message: Rows,
    links: &'a ListArray,
    link_trace_ids: &'a BinaryArray,
    link_span_ids: &'a BinaryArray,
}

impl<'a> Columns<'a> {
    pub(super) fn of(batch: &'a RecordBatch) -> Result<Self, InputError> {
        let text = |name| texts(batch, name);
        let any = |names: &[&'static str]| -> Result<Rows, InputError> {
            let columns = names.iter().map(|name| texts(batch, name)).collect::<Result<Vec<_>, _>>()?;
            Ok(Rows::with_any(&columns))
        };
        let (links, link_trace_ids, link_span_ids) = links(batch)?;
        Ok(Self {
            with_rpc: any(&["rpc_system_name", "rpc_method"])?,
            with_query: any(&[
                "db_system_name",
                "db_namespace",
                "db_collection_name",
                "db_operation_name",
                "db_query_text",
            ])?,
            with_message: any(&["messaging_system", "messaging_operation_type", "messaging_destination_name"])?,
            trace_id: typed(batch, "trace_id", |column| column.as_binary_opt())?,
            span_id: typed(batch, "span_id", |column| column.as_binary_opt())?,
            parent_span_id: typed(batch, "parent_span_id", |column| column.as_binary_opt())?,
            trace_state: text("trace_state")?,
            name: text("name")?,
            kind: text("kind")?,
            start_time: typed(batch, "start_time", |column| column.as_primitive_opt::<Int64Type>())?,
            end_time: typed(batch, "end_time", |column| column.as_primitive_opt::<Int64Type>())?,
            status_code: text("status_code")?,
            status_message: text("status_message")?,
            service_name: text("service_name")?,
            service_namespace: text("service_namespace")?,
            service_version: text("service_version")?,
            service_instance_id: text("service_instance_id")?,
            deployment_environment_name: text("deployment_environment_name")?,
            host_name: text("host_name")?,
            http_request_method: text("http_request_method")?,
            http_route: text("http_route")?,
            url_path: text("url_path")?,
            http_response_status_code: numbers(batch, "http_response_status_code")?,
            rpc_system_name: text("rpc_system_name")?,
            rpc_method: text("rpc_method")?,
            db_system_name: text("db_system_name")?,
            db_namespace: text("db_namespace")?,
            db_collection_name: text("db_collection_name")?,
            db_operation_name: text("db_operation_name")?,
            db_query_text: text("db_query_text")?,
            messaging_system: text("messaging_system")?,
            messaging_operation_type: text("messaging_operation_type")?,
            messaging_destination_name: text("messaging_destination_name")?,
            service_peer_name: text("service_peer_name")?,
            server_address: text("server_address")?,
            server_port: numbers(batch, "server_port")?,
            error_type: text("error_type")?,
            outcome: text("outcome")?,
            weight: typed(batch, "weight", |column| column.as_primitive_opt::<Float64Type>())?,
            attributes: maps(batch, "attributes")?,
            resource_attributes: maps(batch, "resource_attributes")?,
            links,
            link_trace_ids,
            link_span_ids,
        })
    }

    /// The links of `row` whose ids are ids.
    pub(super) fn links(&self, row: usize) -> Option<Box<[Link]>> {
        if self.links.is_null(row) {
            return None;
        }
        let offsets = self.links.value_offsets();
        let found: Box<[Link]> = (offsets[row] as usize..offsets[row + 1] as usize)
            .filter_map(|link| {
                let trace_id = u128::from_be_bytes(self.link_trace_ids.value(link).try_into().ok()?);
                Some(Link { trace_id, span_id: span_id(self.link_span_ids, link)? })
            })
            .collect();
        (!found.is_empty()).then_some(found)
    }
}

/// The id in `row`, unless it is none.
#[inline]
pub(super) fn span_id(column: &BinaryArray, row: usize) -> Option<u64> {
    if column.is_null(row) {
        return None;
    }
    let id = u64::from_be_bytes(column.value(row).try_into().ok()?);
    (id != 0).then_some(id)
}

fn typed<'a, T>(
    batch: &'a RecordBatch,
    name: &'static str,
    cast: impl Fn(&'a ArrayRef) -> Option<&'a T>,
) -> Result<&'a T, InputError> {
    let column = batch.column_by_name(name).ok_or(InputError::Missing(name))?;
    cast(column).ok_or_else(|| InputError::Type { name, found: column.data_type().clone() })
}

fn texts<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<Texts<'a>, InputError> {
    let column: &StringArray = typed(batch, name, |column| column.as_string_opt())?;
    Ok(Texts(Some(column).filter(|column| column.null_count() < column.len())))
}

fn numbers<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<Numbers<'a>, InputError> {
    typed(batch, name, |column| column.as_primitive_opt::<Int32Type>()).map(Numbers)
}

fn maps<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<Maps<'a>, InputError> {
    let map: &MapArray = typed(batch, name, |column| column.as_map_opt())?;
    map_columns(map).ok_or_else(|| InputError::Type { name, found: map.data_type().clone() })
}

pub(super) fn map_columns(map: &MapArray) -> Option<Maps<'_>> {
    Some(Maps { map, keys: map.keys().as_string_opt()?, values: map.values().as_string_opt()? })
}

type Links<'a> = (&'a ListArray, &'a BinaryArray, &'a BinaryArray);

fn links(batch: &RecordBatch) -> Result<Links<'_>, InputError> {
    let name = "links";
    let list: &ListArray = typed(batch, name, |column| column.as_list_opt())?;
    let error = || InputError::Type { name, found: list.data_type().clone() };
    let items: &StructArray = list.values().as_struct_opt().ok_or_else(error)?;
    let ids = |field| items.column_by_name(field).and_then(|ids| ids.as_binary_opt::<i32>()).ok_or_else(error);
    Ok((list, ids("trace_id")?, ids("span_id")?))
}
