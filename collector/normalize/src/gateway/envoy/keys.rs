//! Keys of JSON access records by which their fields are known: those of Envoy Gateway, Istio and Consul, and what
//! users commonly choose.

use super::Field;
use crate::ids::IdKind;

/// The field that a key is known for.
pub(super) fn field(key: &str) -> Option<Field> {
    Some(match key {
        "start_time" | "timestamp" | "@timestamp" | "time" | "startTime" | "request_start_time" => {
            Field::StartTime(None)
        }
        "duration" | "duration_ms" | "request_time_ms" => Field::Duration,
        "method" | ":method" | "request_method" | "http_method" | "httpMethod" => Field::Method,
        "path" | ":path" | "request_path" | "uri" | "requestPath" => Field::Path,
        "x-envoy-origin-path" | "x-envoy-original-path" | "x_envoy_original_path" | "original_path" => {
            Field::OriginalPath
        }
        "authority" | ":authority" | "host" => Field::Authority,
        "protocol" => Field::Protocol,
        "response_code" | "status" | "status_code" | "responseCode" | "code" => Field::Status,
        "grpc_status" | "grpc-status" | "grpcStatus" | "grpc_status_number" => Field::GrpcStatus,
        "response_flags" | "responseFlags" | "response_flag" | "flags" | "response_flags_long" => Field::Flags,
        "response_code_details" | "responseCodeDetails" => Field::CodeDetails,
        "connection_termination_details" => Field::TerminationDetails,
        "upstream_transport_failure_reason" | "upstreamTransportFailureReason" => Field::TransportFailure,
        "bytes_received" | "bytesReceived" => Field::BytesReceived,
        "bytes_sent" | "bytesSent" => Field::BytesSent,
        "x-forwarded-for" | "x_forwarded_for" | "forwarded_for" | "xff" => Field::ForwardedFor,
        "user-agent" | "user_agent" | "userAgent" => Field::UserAgent,
        "x-request-id" | "request_id" | "x_request_id" | "requestId" => Field::Id(IdKind::Correlation),
        "trace_id" | "traceId" => Field::Id(IdKind::TraceId),
        "traceparent" => Field::Id(IdKind::TraceParent),
        "upstream_host" | "upstreamHost" | "upstream_remote_address" => Field::UpstreamHost,
        "upstream_cluster" | "upstream_cluster_raw" | "upstreamCluster" => Field::UpstreamCluster,
        "upstream_local_address" => Field::UpstreamLocalAddress,
        "x-envoy-upstream-service-time" | "x_envoy_upstream_service_time" | "upstream_service_time" => {
            Field::UpstreamTime
        }
        "upstream_request_attempt_count" | "attempt_count" => Field::AttemptCount,
        "downstream_local_address" => Field::DownstreamLocalAddress,
        "downstream_remote_address" | "downstreamRemoteAddress" => Field::DownstreamRemoteAddress,
        "requested_server_name" | "sni" => Field::ServerName,
        "route_name" | "routeName" => Field::RouteName,
        "kuma_mesh" | "mesh" => Field::Mesh,
        "kuma_source_service" => Field::SourceService,
        "kuma_destination_service" => Field::DestinationService,
        "kuma_traffic_direction" | "traffic_direction" => Field::Direction,
        _ => return None,
    })
}

/// The field that fills a column, for keys that the user names.
pub(super) fn column(name: &str) -> Option<Field> {
    Some(match name {
        "http_request_method" => Field::Method,
        "url_path" => Field::Path,
        "http_route" => Field::RouteName,
        "server_address" => Field::Authority,
        "http_response_status_code" => Field::Status,
        "rpc_status_code" => Field::GrpcStatus,
        "client_address" => Field::DownstreamRemoteAddress,
        "request_bytes" => Field::BytesReceived,
        "response_bytes" => Field::BytesSent,
        "upstream_service" => Field::DestinationService,
        "upstream_address" => Field::UpstreamHost,
        "correlation_id" => Field::Id(IdKind::Correlation),
        _ => return None,
    })
}
