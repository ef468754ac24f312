//! The processes that spans ran in. Spans of one process come in runs, and their attributes are the same in every row.

use std::ops::Range;

use arrow::array::StringArray;

use super::{
    ENTRY_BYTES,
    columns::{Columns, Maps, Texts},
};
use crate::{
    context::Context,
    hash::FastMap,
    span::{Resource, ResourceId, Service, ServiceId},
    text::Text,
};

/// Bytes of what is kept of processes; when they are full, all is looked up again.
const MAX_BYTES: usize = 16 << 20;

/// Rows that are compared with those before them at once.
const STRIDE: usize = 32;

/// Which rows say the same of the process of their span as the row before.
#[derive(Debug)]
pub(super) struct Runs {
    goes_on: Vec<bool>,
}

impl Runs {
    /// Compares many rows at once, then fewer around those that differ.
    pub(super) fn of(columns: &Columns<'_>, rows: usize) -> Self {
        let attributes = &columns.resource_attributes;
        let own: Vec<Texts<'_>> = own_columns(columns).into_iter().filter(|column| !column.is_empty()).collect();
        let mut goes_on = vec![true; rows];
        let (mut row, mut stride) = (1, STRIDE);
        if let Some(first) = goes_on.first_mut() {
            *first = false;
        }
        while row < rows {
            let end = rows.min(row + stride);
            let compared = row - 1..end;
            if own.iter().all(|column| is_run(column, &compared)) && is_run_of_maps(attributes, &compared) {
                row = end;
                stride = STRIDE.min(2 * stride);
            } else if end - row > 1 {
                stride = (end - row) / 2;
            } else {
                goes_on[row] = false;
                row = end;
                stride = STRIDE;
            }
        }
        Self { goes_on }
    }
}

/// The process that a span ran in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process {
    pub(super) resource: ResourceId,
    pub(super) service: ServiceId,
    /// Its service is `unknown_service`.
    pub(super) is_unknown: bool,
}

#[derive(Debug, Default)]
pub(super) struct Processes {
    known: FastMap<Box<[u8]>, Process>,
    bytes: usize,
    key: Vec<u8>,
    /// Of the row before.
    last: Option<Process>,
}

impl Processes {
    /// The process of `row`. Rows are read in order.
    pub(super) fn read(&mut self, columns: &Columns<'_>, runs: &Runs, row: usize, context: &mut Context) -> Process {
        match self.last {
            Some(last) if runs.goes_on[row] => last,
            _ => {
                let process = self.look_up(columns, row, context);
                self.last = Some(process);
                process
            }
        }
    }

    fn look_up(&mut self, columns: &Columns<'_>, row: usize, context: &mut Context) -> Process {
        self.key.clear();
        for column in own_columns(columns) {
            self.key.extend_from_slice(column.at(row).as_bytes());
            self.key.push(0xff);
        }
        for entry in columns.resource_attributes.range(row) {
            let (key, value) = columns.resource_attributes.entry(entry);
            for text in [key, value] {
                self.key.extend_from_slice(text.as_bytes());
                self.key.push(0xff);
            }
        }
        if let Some(process) = self.known.get(self.key.as_slice()) {
            return *process;
        }
        let resource = context_resource(columns, row, context);
        let process = Process {
            resource,
            service: context.resource(resource).service,
            is_unknown: columns.service_name.at(row).starts_with("unknown_service"),
        };
        self.bytes += self.key.len() + ENTRY_BYTES;
        if self.bytes > MAX_BYTES {
            self.known.clear();
            self.bytes = self.key.len() + ENTRY_BYTES;
        }
        self.known.insert(self.key.as_slice().into(), process);
        process
    }
}

/// What differs most often comes first.
fn own_columns<'a>(columns: &Columns<'a>) -> [Texts<'a>; 6] {
    [
        columns.service_instance_id,
        columns.service_name,
        columns.service_version,
        columns.service_namespace,
        columns.deployment_environment_name,
        columns.host_name,
    ]
}

/// Whether all rows of a column are the same.
fn is_run(column: &Texts<'_>, rows: &Range<usize>) -> bool {
    match column.without_nulls(rows) {
        Some(texts) => repeats(texts, rows, 1),
        None => rows.clone().skip(1).all(|row| column.at(row) == column.at(rows.start)),
    }
}

/// Whether the maps of all rows are the same.
fn is_run_of_maps(maps: &Maps<'_>, rows: &Range<usize>) -> bool {
    let (first, last) = (maps.range(rows.start), maps.range(rows.end - 1));
    let (entries, count) = (first.start..last.end, first.len());
    let are_as_long = rows.clone().all(|row| maps.range(row).len() == count);
    are_as_long && (count == 0 || repeats(maps.values, &entries, count) && repeats(maps.keys, &entries, count))
}

/// Whether some texts are the same as those `period` before, from the second period on: one comparison of their lengths,
/// and one of their bytes.
fn repeats(texts: &StringArray, range: &Range<usize>, period: usize) -> bool {
    let offsets = &texts.value_offsets()[range.start..=range.end];
    let (earlier, later) = (&offsets[..offsets.len() - period], &offsets[period..]);
    let shift = later[0].wrapping_sub(earlier[0]);
    // Without an early end, which would keep it from being done for several at once.
    let differences =
        earlier.iter().zip(later).fold(0, |all, (earlier, later)| all | (later.wrapping_sub(*earlier) ^ shift));
    let bytes = |offsets: &[i32]| &texts.value_data()[offsets[0] as usize..offsets[offsets.len() - 1] as usize];
    differences == 0 && bytes(earlier) == bytes(later)
}

fn context_resource(columns: &Columns<'_>, row: usize, context: &mut Context) -> ResourceId {
    let texts = &mut context.texts;
    let service = Service {
        namespace: texts.intern(columns.service_namespace.at(row)),
        name: texts.intern(columns.service_name.at(row)),
        environment: texts.intern(columns.deployment_environment_name.at(row)),
    };
    let mut attribute = |name| attribute(&columns.resource_attributes, row, name, context);
    let pod = attribute("k8s.pod.name");
    let host_id = attribute("host.id");
    let node = attribute("k8s.node.name");
    let zone = attribute("cloud.availability_zone");
    let criticality = attribute("service.criticality");
    let texts = &mut context.texts;
    let host_name = texts.intern(columns.host_name.at(row));
    let instance = pod.or(texts.intern(columns.service_instance_id.at(row))).or(host_name);
    let version = texts.intern(columns.service_version.at(row));
    let host = host_id.or(host_name).or(node).or(instance);
    let service = context.add_service(service);
    context.add_resource(Resource { service, instance, host, zone, version, criticality })
}

fn attribute(maps: &Maps<'_>, row: usize, name: &str, context: &mut Context) -> Text {
    let found = maps.range(row).map(|entry| maps.entry(entry)).find(|(key, _)| *key == name);
    found.map_or(Text::NONE, |(_, value)| context.texts.intern(value))
}
