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

/// What the row before says of its process.
#[derive(Debug)]
pub(super) struct Last<'a> {
    own: [&'a str; 6],
    attributes: Range<usize>,
    resource: ResourceId,
}

#[derive(Debug, Default)]
pub(super) struct Resources {
    known: FastMap<Box<[u8]>, ResourceId>,
    bytes: usize,
    key: Vec<u8>,
}

impl Resources {
    /// `last` is what the row before in the same batch left there.
    pub(super) fn read<'a>(
        &mut self,
        columns: &Columns<'a>,
        row: usize,
        last: &mut Option<Last<'a>>,
        context: &mut Context,
    ) -> ResourceId {
        let (own, attributes) = (own_columns(columns, row), columns.resource_attributes.range(row));
        let resource = match last {
            Some(last) if last.own == own && is_same(&columns.resource_attributes, &last.attributes, &attributes) => {
                last.resource
            }
            _ => self.look_up(columns, row, &own, context),
        };
        *last = Some(Last { own, attributes, resource });
        resource
    }

    fn look_up(&mut self, columns: &Columns<'_>, row: usize, own: &[&str; 6], context: &mut Context) -> ResourceId {
        self.key.clear();
        for text in own {
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

fn is_same(maps: &Maps<'_>, one: &Range<usize>, other: &Range<usize>) -> bool {
    one.len() == other.len() && is_same_text(maps.values, one, other) && is_same_text(maps.keys, one, other)
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
