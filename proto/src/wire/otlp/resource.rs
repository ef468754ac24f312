//! Resources and scopes: read once, repeated for each of their records.

use std::ops::Range;

use arrow::array::ArrayRef;

use super::{
    Parts,
    any_value::{AnyValue, read_key_value},
    attributes::{Kept, SharedAttributes, extend_cut, write_cut},
};
use crate::{
    columns::{Bytes, Finisher, Maps},
    model::Table,
    wire::{DecodeLimits, Repair, Report, WireError, protobuf::Reader},
};

const UNKNOWN_SERVICE: &[u8] = b"unknown_service";

/// Resource attributes that name the workload where `service.name` is missing, in order of preference.
const WORKLOAD_NAMES: [&[u8]; 6] = [
    b"k8s.deployment.name",
    b"k8s.statefulset.name",
    b"k8s.daemonset.name",
    b"k8s.cronjob.name",
    b"k8s.job.name",
    b"k8s.replicaset.name",
];

/// Resource attributes with a column of their own.
#[derive(Debug, Clone, Copy)]
enum Promoted {
    ServiceName,
    ServiceNamespace,
    ServiceVersion,
    ServiceInstanceId,
    DeploymentEnvironmentName,
    HostName,
}

impl Promoted {
    const COUNT: usize = Promoted::HostName as usize + 1;
    const COLUMNS: [&'static str; Promoted::COUNT] = [
        "service_name",
        "service_namespace",
        "service_version",
        "service_instance_id",
        "deployment_environment_name",
        "host_name",
    ];

    fn of(key: &[u8]) -> Option<Self> {
        Some(match key {
            b"service.name" => Promoted::ServiceName,
            b"service.namespace" => Promoted::ServiceNamespace,
            b"service.version" => Promoted::ServiceVersion,
            b"service.instance.id" => Promoted::ServiceInstanceId,
            b"deployment.environment.name" => Promoted::DeploymentEnvironmentName,
            b"host.name" => Promoted::HostName,
            _ => return None,
        })
    }
}

/// What every record of a resource repeats.
#[derive(Debug, Default)]
pub(super) struct Resource {
    promoted: [Vec<u8>; Promoted::COUNT],
    attributes: SharedAttributes,
}

impl Resource {
    /// Reads a `Resource` from its parts. What it becomes does not depend on the order of its fields.
    pub(super) fn read(mut parts: Parts<'_>, limits: &DecodeLimits, report: &mut Report) -> Result<Self, WireError> {
        let mut resource = Self::default();
        let mut workload = Workload::default();
        let mut older_environment = None;
        let mut dropped_attributes_count = 0;
        let (mut attributes, mut entities) = (0_usize, Kept::default());
        while let Some(part) = parts.next()? {
            let mut reader = Reader::new("Resource", part);
            while let Some(field) = reader.next()? {
                match field.number {
                    1 if attributes == limits.attributes => report.repair(Repair::AttributesDropped),
                    1 => {
                        attributes += 1;
                        let (key, value) = read_key_value(field.bytes()?)?;
                        let value = AnyValue::read(value)?;
                        workload.offer(key, value);
                        if key == b"deployment.environment" && older_environment.is_none() {
                            older_environment = Some(value);
                        } else {
                            resource.push(key, value, limits, report)?;
                        }
                    }
                    2 => dropped_attributes_count = field.uint32()?,
                    3 => entities.push(field.bytes()?, limits.attributes),
                    _ => {}
                }
            }
        }
        if let Some(value) = older_environment {
            resource.push_older_environment(value, limits, report)?;
        }
        let key = b"otel.resource.dropped_attributes_count";
        resource.attributes.push_dropped(key, dropped_attributes_count, limits, report)?;
        for entity in &entities.items {
            resource.push_entity(entity, limits, report)?;
        }
        report.repair_many(Repair::AttributesDropped, entities.dropped);
        resource.name_service(&workload, limits, report)?;
        Ok(resource)
    }

    /// What each record that repeats the resource costs.
    pub(super) fn byte_len(&self) -> usize {
        self.attributes.byte_len() + self.promoted.iter().map(Vec::len).sum::<usize>()
    }

    /// The first value of a promoted name fills its column; all else stays an attribute.
    fn push(
        &mut self,
        key: &[u8],
        value: AnyValue<'_>,
        limits: &DecodeLimits,
        report: &mut Report,
    ) -> Result<(), WireError> {
        match Promoted::of(key) {
            Some(promoted) if self.promoted[promoted as usize].is_empty() => {
                write_cut(&mut self.promoted[promoted as usize], value, limits, report)
            }
            _ => self.attributes.push(key, value, limits, report),
        }
    }

    /// `deployment.environment` fills the column of its current name unless that is there and differs.
    fn push_older_environment(
        &mut self,
        value: AnyValue<'_>,
        limits: &DecodeLimits,
        report: &mut Report,
    ) -> Result<(), WireError> {
        let current = &self.promoted[Promoted::DeploymentEnvironmentName as usize];
        if current.is_empty() {
            return self.push(b"deployment.environment.name", value, limits, report);
        }
        let mut older = Vec::new();
        value.write_text(&mut older, usize::MAX)?;
        if older == *current {
            return Ok(());
        }
        report.repair(Repair::AliasConflict);
        self.attributes.push(b"deployment.environment", value, limits, report)
    }

    /// An `EntityRef` becomes the attribute `otel.entity.<type>`: the keys that identify it.
    fn push_entity(&mut self, bytes: &[u8], limits: &DecodeLimits, report: &mut Report) -> Result<(), WireError> {
        let mut reader = Reader::new("EntityRef", bytes);
        let mut entity_type: &[u8] = &[];
        let mut id_keys = Kept::default();
        while let Some(field) = reader.next()? {
            match field.number {
                2 => entity_type = field.bytes()?,
                3 => id_keys.push(field.bytes()?, limits.attributes),
                _ => {}
            }
        }
        let key = [b"otel.entity.", entity_type].concat();
        report.repair_many(Repair::AttributesDropped, id_keys.dropped);
        self.attributes.push(&key, AnyValue::Text(&id_keys.items.join(&b',')), limits, report)
    }

    fn name_service(
        &mut self,
        workload: &Workload<'_>,
        limits: &DecodeLimits,
        report: &mut Report,
    ) -> Result<(), WireError> {
        let service_name = &mut self.promoted[Promoted::ServiceName as usize];
        if !service_name.is_empty() {
            return Ok(());
        }
        if let Some((_, value)) = workload.best {
            return write_cut(service_name, value, limits, report);
        }
        service_name.extend_from_slice(UNKNOWN_SERVICE);
        report.repair(Repair::ServiceNameMissing);
        Ok(())
    }
}

/// What names the service where `service.name` does not.
#[derive(Debug, Default)]
struct Workload<'a> {
    best: Option<(usize, AnyValue<'a>)>,
}

impl<'a> Workload<'a> {
    fn offer(&mut self, key: &[u8], value: AnyValue<'a>) {
        if let Some(rank) = WORKLOAD_NAMES.iter().position(|name| *name == key)
            && !value.is_blank()
            && self.best.is_none_or(|(best, _)| rank < best)
        {
            self.best = Some((rank, value));
        }
    }
}

/// What every record of a scope repeats.
#[derive(Debug, Default)]
pub(super) struct Scope {
    name: Vec<u8>,
    version: Vec<u8>,
    schema_url: Vec<u8>,
    attributes: SharedAttributes,
}

impl Scope {
    /// Reads an `InstrumentationScope` from its parts. `schema_urls` are those of the scope and of its resource; the
    /// scope's wins.
    pub(super) fn read(
        mut parts: Parts<'_>,
        schema_urls: [&[u8]; 2],
        limits: &DecodeLimits,
        report: &mut Report,
    ) -> Result<Self, WireError> {
        let mut scope = Self::default();
        let (mut name, mut version): (&[u8], &[u8]) = (&[], &[]);
        let mut dropped_attributes_count = 0;
        let mut attributes = 0_usize;
        while let Some(part) = parts.next()? {
            let mut reader = Reader::new("InstrumentationScope", part);
            while let Some(field) = reader.next()? {
                match field.number {
                    1 => name = field.bytes()?,
                    2 => version = field.bytes()?,
                    3 if attributes == limits.attributes => report.repair(Repair::AttributesDropped),
                    3 => {
                        attributes += 1;
                        let (key, value) = read_key_value(field.bytes()?)?;
                        scope.attributes.push(key, AnyValue::read(value)?, limits, report)?;
                    }
                    4 => dropped_attributes_count = field.uint32()?,
                    _ => {}
                }
            }
        }
        let key = b"otel.scope.dropped_attributes_count";
        scope.attributes.push_dropped(key, dropped_attributes_count, limits, report)?;
        let schema_url = schema_urls.into_iter().find(|url| !url.is_empty()).unwrap_or_default();
        extend_cut(&mut scope.name, name, limits, report);
        extend_cut(&mut scope.version, version, limits, report);
        extend_cut(&mut scope.schema_url, schema_url, limits, report);
        Ok(scope)
    }

    /// What each record that repeats the scope costs.
    pub(super) fn byte_len(&self) -> usize {
        self.attributes.byte_len() + self.name.len() + self.version.len() + self.schema_url.len()
    }
}

/// The columns every table has of a record's resource and scope.
#[derive(Debug, Default)]
pub(super) struct OriginColumns {
    promoted: [Bytes; Promoted::COUNT],
    resource_attributes: Maps,
    scope_name: Bytes,
    scope_version: Bytes,
    scope_attributes: Maps,
    schema_url: Bytes,
}

impl OriginColumns {
    /// Sets `rows`, which are those of one scope.
    pub(super) fn push(&mut self, rows: Range<usize>, resource: &Resource, scope: &Scope) {
        let texts = resource.promoted.iter().chain([&scope.name, &scope.version, &scope.schema_url]);
        let columns = [&mut self.scope_name, &mut self.scope_version, &mut self.schema_url];
        for (column, text) in self.promoted.iter_mut().chain(columns).zip(texts) {
            if !text.is_empty() {
                column.push_run(rows.clone(), text);
            }
        }
        resource.attributes.repeat(&mut self.resource_attributes, rows.clone());
        scope.attributes.repeat(&mut self.scope_attributes, rows);
    }

    pub(super) fn finish(self, table: Table, finisher: &mut Finisher, columns: &mut Vec<(&'static str, ArrayRef)>) {
        for (name, column) in Promoted::COLUMNS.into_iter().zip(self.promoted) {
            columns.push((name, column.finish_text(finisher)));
        }
        columns.push(("scope_name", self.scope_name.finish_text(finisher)));
        columns.push(("scope_version", self.scope_version.finish_text(finisher)));
        columns.push(("schema_url", self.schema_url.finish_text(finisher)));
        columns.push((
            "resource_attributes",
            finish_map(table, "resource_attributes", self.resource_attributes, finisher),
        ));
        columns.push(("scope_attributes", finish_map(table, "scope_attributes", self.scope_attributes, finisher)));
    }
}

/// Finishes the map column `name` of `table`.
pub(super) fn finish_map(table: Table, name: &str, maps: Maps, finisher: &mut Finisher) -> ArrayRef {
    let schema = table.schema();
    let field = schema.field_with_name(name).expect("the schema has the columns that readers fill");
    maps.finish(field, finisher)
}

/// The constant `source` column.
pub(super) fn finish_source(rows: usize) -> ArrayRef {
    let mut column = Bytes::default();
    column.push_run(0..rows, b"otlp");
    column.finish_text(&mut Finisher::new(rows))
}
