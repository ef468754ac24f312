//! The resource of a process.

use opentelemetry_proto::tonic::resource::v1::Resource;

use super::attributes::Attributes;
use crate::topology::{Conventions, InstanceId, Language, Topology};

const SCHEMA_CURRENT: &str = "https://opentelemetry.io/schemas/1.39.0";
const SCHEMA_OLD: &str = "https://opentelemetry.io/schemas/1.20.0";

/// The resource that the telemetry of an instance carries unless something else is deployed.
pub fn resource(topology: &Topology, id: InstanceId) -> Resource {
    let version = topology.service_of(id).version;
    resource_of(topology, id, version)
}

/// The version of a service that runs at this time.
pub(super) fn version_at(topology: &Topology, id: InstanceId, time: i64) -> &'static str {
    let service = topology.service_of(id);
    service.health_at(time).version.unwrap_or(service.version)
}

/// The resource of an instance that runs this version of its service.
pub(super) fn resource_of(topology: &Topology, id: InstanceId, deployed: &str) -> Resource {
    let (service, instance) = (topology.service_of(id), topology.instance(id));
    let environment = match service.conventions {
        Conventions::Current => "deployment.environment.name",
        Conventions::Old => "deployment.environment",
    };
    let (language, version) = match service.language {
        Language::Cpp => ("cpp", "1.24.0"),
        Language::Dotnet => ("dotnet", "1.14.0"),
        Language::Go => ("go", "1.39.0"),
        Language::Java => ("java", "1.56.0"),
        Language::Node => ("nodejs", "2.2.0"),
        Language::Python => ("python", "1.21.0"),
    };
    let mut attributes = Attributes::new();
    attributes
        .text("service.name", &*service.name)
        .text("service.namespace", "shop")
        .text("service.version", deployed)
        .text("service.instance.id", instance.id.as_str())
        .text(environment, "production")
        .text("host.name", instance.host.as_str())
        .int("process.pid", instance.process_id)
        .text("telemetry.sdk.name", "opentelemetry")
        .text("telemetry.sdk.language", language)
        .text("telemetry.sdk.version", version);
    Resource { attributes: attributes.finish(), ..Resource::default() }
}

/// The schema that the telemetry of `instance` says it follows.
pub(super) fn schema_url(topology: &Topology, id: InstanceId) -> &'static str {
    match topology.service_of(id).conventions {
        Conventions::Current => SCHEMA_CURRENT,
        Conventions::Old => SCHEMA_OLD,
    }
}
