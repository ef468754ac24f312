//! What a service or operation is by its name, where nothing else tells: words that stand for what is called by
//! everybody, or passes everything on, by design.

use crate::{
    context::{Context, NodeKind},
    span::ServiceId,
    text::Text,
    words::{Words, has_word},
};

fn name_words(context: &Context, service: ServiceId) -> Words {
    context.texts.words(context.service(service).name)
}

const FRONT_WORDS: &[&str] = &[
    "bff",
    "frontend",
    "front",
    "web",
    "webapp",
    "ui",
    "mobile",
    "graphql",
    "storefront",
    "edge",
    "portal",
    "aggregator",
];
const INFRASTRUCTURE_WORDS: &[&str] = &[
    "auth",
    "authn",
    "authz",
    "oauth",
    "oauth2",
    "oidc",
    "sso",
    "keycloak",
    "identity",
    "iam",
    "session",
    "sessions",
    "token",
    "config",
    "configuration",
    "flag",
    "flags",
    "flagd",
    "unleash",
    "discovery",
    "consul",
    "eureka",
    "vault",
    "secrets",
    "kms",
    "opa",
    "policy",
];
/// Whether a node passes requests on by design.
pub(crate) fn is_gateway(context: &Context, service: ServiceId) -> bool {
    let node = context.node(context.service_node(service));
    node.kind == NodeKind::Gateway || name_words(context, service).contains(Words::GATEWAY)
}

/// Whether a service composes answers for a front end by design.
pub(crate) fn is_front(context: &Context, service: ServiceId) -> bool {
    has_word(context.service_name(service), FRONT_WORDS)
}

/// Whether everybody is expected to call the service: authentication, configuration, feature flags.
pub(crate) fn is_infrastructure(context: &Context, service: ServiceId) -> bool {
    has_word(context.service_name(service), INFRASTRUCTURE_WORDS)
}

/// Whether an operation asks how somebody is, or whether there is anything to do.
pub(crate) fn is_probe(context: &Context, operation: Text) -> bool {
    context.texts.words(operation).contains(Words::PROBE)
}

const MAINTENANCE_WORDS: &[&str] = &[
    "migration",
    "migrations",
    "migrate",
    "migrator",
    "flyway",
    "liquibase",
    "backup",
    "backups",
    "admin",
    "dba",
    "exporter",
    "etl",
];

/// Whether a service works on other services' data by design: migrations, backups, administration.
pub(crate) fn is_maintenance(context: &Context, service: ServiceId) -> bool {
    has_word(context.service_name(service), MAINTENANCE_WORDS)
}

const SHARING_WORDS: &[&str] = &[
    "outbox",
    "inbox",
    "queue",
    "jobs",
    "locks",
    "lock",
    "cache",
    "session",
    "sessions",
    "migrations",
    "flyway",
    "databasechangelog",
    "leader",
    "shedlock",
];

/// Whether a collection is there to pass things between services: queues, locks and caches kept in a database.
pub(crate) fn is_meant_for_sharing(collection: &str) -> bool {
    has_word(collection, SHARING_WORDS)
}

const BOUNDARY_WORDS: &[&str] = &[
    "security",
    "crypto",
    "encryption",
    "signing",
    "signer",
    "tokenizer",
    "hsm",
    "waf",
    "firewall",
    "sandbox",
    "agent",
    "cache",
    "redis",
    "memcached",
    "daprd",
    "dapr",
    "envoy",
    "sidecar",
    "adapter",
    "isolation",
];

/// Whether a small service is one on purpose: it keeps something apart, or speaks for another process beside it.
pub(crate) fn is_boundary(context: &Context, service: ServiceId) -> bool {
    is_infrastructure(context, service) || has_word(context.service_name(service), BOUNDARY_WORDS)
}

/// Whether calls between services go through it because the mesh leads them there.
pub(crate) fn is_mesh(context: &Context, service: ServiceId) -> bool {
    name_words(context, service).contains(Words::MESH)
}

/// Whether an operation goes on reading where the one before it stopped.
pub(crate) fn is_cursor(context: &Context, operation: Text) -> bool {
    context.texts.words(operation).contains(Words::CURSOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_by_their_words() {
        for (name, words, expected) in
            [("webhook", FRONT_WORDS, false), ("web-bff", FRONT_WORDS, true), ("authors", INFRASTRUCTURE_WORDS, false)]
        {
            assert_eq!(has_word(name, words), expected, "{name}");
        }
    }
}
