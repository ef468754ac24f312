//! Resource and scope: the columns that every record of theirs repeats.

use arrow::array::{ArrayRef, StringBuilder};
use opentelemetry_proto::tonic::{
    common::v1::{InstrumentationScope, any_value::Value},
    resource::v1::Resource,
};
use spandrel_proto::wire::Repair;

use super::{
    Context,
    attributes::Attributes,
    lists::finish,
    text::{is_blank, text, variant},
};

/// Resource attributes with a column of their own.
const PROMOTED: [(&str, &str); 6] = [
    ("service.name", "service_name"),
    ("service.namespace", "service_namespace"),
    ("service.version", "service_version"),
    ("service.instance.id", "service_instance_id"),
    ("deployment.environment.name", "deployment_environment_name"),
    ("host.name", "host_name"),
];
const SERVICE_NAME: usize = 0;
const ENVIRONMENT: usize = 4;

const WORKLOADS: [&str; 6] = [
    "k8s.deployment.name",
    "k8s.statefulset.name",
    "k8s.daemonset.name",
    "k8s.cronjob.name",
    "k8s.job.name",
    "k8s.replicaset.name",
];

/// A resource and a scope as every record of theirs repeats them.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    promoted: [Option<String>; PROMOTED.len()],
    resource: Vec<(String, Option<String>)>,
    scope_name: String,
    scope_version: String,
    schema_url: String,
    scope: Vec<(String, Option<String>)>,
}

impl Origin {
    pub(super) fn of_resource(resource: Option<&Resource>, context: &mut Context<'_>) -> Self {
        let mut origin = Self::default();
        let resource = resource.cloned().unwrap_or_default();
        let mut older_environment = None;
        let (kept, _) = context.first(&resource.attributes, context.limits.attributes, Repair::AttributesDropped);
        for attribute in kept {
            let value = variant(attribute.value.as_ref());
            if attribute.key == "deployment.environment" && older_environment.is_none() {
                older_environment = Some(value);
            } else {
                origin.push(&attribute.key, value, context);
            }
        }
        if let Some(value) = older_environment {
            match &origin.promoted[ENVIRONMENT] {
                None => origin.push("deployment.environment.name", value, context),
                Some(current) if value.is_some_and(|value| text(value) == current.as_str()) => {}
                Some(_) => {
                    context.counts.repair(Repair::AliasConflict);
                    origin.push("deployment.environment", value, context);
                }
            }
        }
        if resource.dropped_attributes_count > 0 {
            let count = Value::IntValue(i64::from(resource.dropped_attributes_count));
            origin.push("otel.resource.dropped_attributes_count", Some(&count), context);
        }
        let (entities, _) = context.first(&resource.entity_refs, context.limits.attributes, Repair::AttributesDropped);
        for entity in entities {
            let (keys, _) = context.first(&entity.id_keys, context.limits.attributes, Repair::AttributesDropped);
            let keys = Value::StringValue(keys.join(","));
            origin.push(&format!("otel.entity.{}", entity.r#type), Some(&keys), context);
        }
        origin.name_service(&resource, context);
        origin
    }

    /// The same origin with a scope. The schema URL of the scope goes before that of the resource.
    pub(super) fn with_scope(
        &self,
        scope: Option<&InstrumentationScope>,
        schema_urls: [&str; 2],
        context: &mut Context<'_>,
    ) -> Self {
        let mut origin = self.clone();
        let schema_url = schema_urls.into_iter().find(|url| !url.is_empty()).unwrap_or_default();
        origin.schema_url = context.cut(schema_url).to_owned();
        let Some(scope) = scope else { return origin };
        origin.scope_name = context.cut(&scope.name).to_owned();
        origin.scope_version = context.cut(&scope.version).to_owned();
        let (kept, _) = context.first(&scope.attributes, context.limits.attributes, Repair::AttributesDropped);
        for attribute in kept {
            origin.scope.push(entry(&attribute.key, variant(attribute.value.as_ref()), context));
        }
        if scope.dropped_attributes_count > 0 {
            let count = Value::IntValue(i64::from(scope.dropped_attributes_count));
            origin.scope.push(entry("otel.scope.dropped_attributes_count", Some(&count), context));
        }
        origin
    }

    /// The first value of a promoted name fills its column; all else stays an attribute.
    fn push(&mut self, key: &str, value: Option<&Value>, context: &mut Context<'_>) {
        if let Some(index) = PROMOTED.iter().position(|(name, _)| *name == key)
            && self.promoted[index].is_none()
        {
            if !is_blank(value) {
                self.promoted[index] = value.map(|value| context.cut(&text(value)).to_owned());
            }
            return;
        }
        self.resource.push(entry(key, value, context));
    }

    fn name_service(&mut self, resource: &Resource, context: &mut Context<'_>) {
        if self.promoted[SERVICE_NAME].is_some() {
            return;
        }
        let kept = &resource.attributes[..resource.attributes.len().min(context.limits.attributes)];
        let workload = WORKLOADS.iter().find_map(|name| {
            kept.iter()
                .filter(|attribute| attribute.key == *name)
                .find_map(|attribute| variant(attribute.value.as_ref()).filter(|value| !is_blank(Some(value))))
        });
        let name = match workload {
            Some(value) => context.cut(&text(value)).to_owned(),
            None => {
                context.counts.repair(Repair::ServiceNameMissing);
                "unknown_service".to_owned()
            }
        };
        self.promoted[SERVICE_NAME] = Some(name);
    }
}

fn entry(key: &str, value: Option<&Value>, context: &mut Context<'_>) -> (String, Option<String>) {
    let key = context.cut(key).to_owned();
    (key, value.map(|value| context.cut(&text(value)).to_owned()))
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// The columns of resources and scopes.
#[derive(Debug, Default)]
pub(super) struct OriginColumns {
    promoted: [StringBuilder; PROMOTED.len()],
    resource_attributes: Attributes,
    scope_name: StringBuilder,
    scope_version: StringBuilder,
    schema_url: StringBuilder,
    scope_attributes: Attributes,
    source: StringBuilder,
}

impl OriginColumns {
    pub(super) fn push(&mut self, origin: &Origin) {
        for (column, text) in self.promoted.iter_mut().zip(&origin.promoted) {
            column.append_option(text.as_deref());
        }
        for (key, value) in &origin.resource {
            self.resource_attributes.push(key, value.as_deref());
        }
        self.resource_attributes.end_row();
        self.scope_name.append_option(some(&origin.scope_name));
        self.scope_version.append_option(some(&origin.scope_version));
        self.schema_url.append_option(some(&origin.schema_url));
        for (key, value) in &origin.scope {
            self.scope_attributes.push(key, value.as_deref());
        }
        self.scope_attributes.end_row();
        self.source.append_value("otlp");
    }

    pub(super) fn finish(self, columns: &mut Vec<(&'static str, ArrayRef)>) {
        for ((_, name), mut column) in PROMOTED.into_iter().zip(self.promoted) {
            columns.push((name, finish(&mut column)));
        }
        let Self { mut scope_name, mut scope_version, mut schema_url, mut source, .. } = self;
        columns.extend([
            ("scope_name", finish(&mut scope_name)),
            ("scope_version", finish(&mut scope_version)),
            ("schema_url", finish(&mut schema_url)),
            ("source", finish(&mut source)),
            ("resource_attributes", self.resource_attributes.finish()),
            ("scope_attributes", self.scope_attributes.finish()),
        ]);
    }
}
