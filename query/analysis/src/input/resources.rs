//! The processes that spans ran in. Spans of one process come in runs, and their attributes are the same in every row.

use std::ops::Range;

use arrow::array::StringArray;

use super::{
    ENTRY_BYTES,
    columns::{Columns, Maps},
};
use crate::{
    context::Context,
    hash::FastMap,
    span::{Resource, ResourceId, Service},
    text::Text,
};

/// Bytes of what is kept of processes; when they are full, all is looked up again.
const MAX_BYTES: usize = 16 << 20;

#[derive(Debug, Default)]
pub(super) struct Resources {
    /// The row before and its resource.
    last: Option<(usize, ResourceId)>,
    known: FastMap<Box<[u8]>, ResourceId>,
    bytes: usize,
    key: Vec<u8>,
}

impl Resources {
    /// To be called before each batch.
    pub(super) fn forget_last(&mut self) {
        self.last = None;
    }

    pub(super) fn read(&mut self, columns: &Columns<'_>, row: usize, context: &mut Context) -> ResourceId {
        let resource = match self.last {
            Some((last, resource)) if is_same(columns, last, row) => resource,
            _ => self.look_up(columns, row, context),
        };
        self.last = Some((row, resource));
        resource
    }

    fn look_up(&mut self, columns: &Columns<'_>, row: usize, context: &mut Context) -> ResourceId {
        self.key.clear();
        for text in own_columns(columns, row) {
            self.key.extend_from_slice(text.as_bytes());
            self.key.push(0xff);
        }
        for entry in columns.resource_attributes.range(row) {
            let (key, value) = columns.resource_attributes.entry(entry);
            for text in [key, value] {
                self.key.extend_from_slice(text.as_bytes());
                self.key.push(0xff);
            }
        }
        if let Some(resource) = self.known.get(self.key.as_slice()) {
            return *resource;
        }
        let resource = context_resource(columns, row, context);
        self.bytes += self.key.len() + ENTRY_BYTES;
        if self.bytes > MAX_BYTES {
            self.known.clear();
            self.bytes = self.key.len() + ENTRY_BYTES;
        }
        self.known.insert(self.key.as_slice().into(), resource);
        resource
    }
}

fn own_columns<'a>(columns: &Columns<'a>, row: usize) -> [&'a str; 6] {
    [
        columns.service_name.at(row),
        columns.service_instance_id.at(row),
        columns.service_version.at(row),
        columns.service_namespace.at(row),
        columns.deployment_environment_name.at(row),
        columns.host_name.at(row),
    ]
}

fn is_same(columns: &Columns<'_>, one: usize, other: usize) -> bool {
    let maps = &columns.resource_attributes;
    let (one_range, other_range) = (maps.range(one), maps.range(other));
    own_columns(columns, one) == own_columns(columns, other)
        && one_range.len() == other_range.len()
        && is_same_text(maps.values, &one_range, &other_range)
        && is_same_text(maps.keys, &one_range, &other_range)
}

/// Whether two runs of texts are the same, which is one comparison of their bytes and one of their lengths.
fn is_same_text(texts: &StringArray, one: &Range<usize>, other: &Range<usize>) -> bool {
    let offsets = texts.value_offsets();
    let run = |range: &Range<usize>| &offsets[range.start..=range.end];
    let bytes = |range: &Range<usize>| &texts.value_data()[offsets[range.start] as usize..offsets[range.end] as usize];
    let shift = run(other)[0] - run(one)[0];
    bytes(one) == bytes(other) && run(one).iter().zip(run(other)).all(|(one, other)| other - one == shift)
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
