//! Attributes that have columns of their own, under their OpenTelemetry names.

/// Column of `spans` and the span attribute it holds.
pub(super) const SPAN_ATTRIBUTES: [(&str, &str); 19] = [
    ("http_request_method", "http.request.method"),
    ("http_route", "http.route"),
    ("url_path", "url.path"),
    ("http_response_status_code", "http.response.status_code"),
    ("rpc_system_name", "rpc.system.name"),
    ("rpc_method", "rpc.method"),
    ("rpc_status_code", "rpc.status_code"),
    ("db_system_name", "db.system.name"),
    ("db_namespace", "db.namespace"),
    ("db_collection_name", "db.collection.name"),
    ("db_operation_name", "db.operation.name"),
    ("db_query_text", "db.query.text"),
    ("messaging_system", "messaging.system"),
    ("messaging_operation_type", "messaging.operation.type"),
    ("messaging_destination_name", "messaging.destination.name"),
    ("service_peer_name", "service.peer.name"),
    ("server_address", "server.address"),
    ("server_port", "server.port"),
    ("error_type", "error.type"),
];

/// Column of `spans` and the resource attribute it holds.
pub(super) const RESOURCE_ATTRIBUTES: [(&str, &str); 6] = [
    ("service_name", "service.name"),
    ("service_namespace", "service.namespace"),
    ("service_version", "service.version"),
    ("service_instance_id", "service.instance.id"),
    ("deployment_environment_name", "deployment.environment.name"),
    ("host_name", "host.name"),
];

/// The column that holds the attribute `name`, if it has one.
pub(super) fn column_of(name: &str) -> Option<&'static str> {
    SPAN_ATTRIBUTES
        .iter()
        .chain(&RESOURCE_ATTRIBUTES)
        .find(|(_, attribute)| *attribute == name)
        .map(|(column, _)| *column)
}

#[cfg(test)]
mod tests {
    use spandrel_proto::model::Table;

    use super::*;

    #[test]
    fn every_column_is_one_of_spans_and_named_after_its_attribute() {
        let schema = Table::Spans.schema();
        for (column, attribute) in SPAN_ATTRIBUTES.iter().chain(&RESOURCE_ATTRIBUTES) {
            assert!(schema.field_with_name(column).is_ok(), "{column}");
            assert_eq!(attribute.replace('.', "_"), *column);
        }
        assert_eq!(column_of("server.port"), Some("server_port"));
        assert_eq!(column_of("user.id"), None);
    }
}
