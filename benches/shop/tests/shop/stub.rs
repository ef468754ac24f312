//! OTLP servers in this process that remember what they got.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{
            ExportLogsServiceRequest, ExportLogsServiceResponse,
            logs_service_server::{LogsService, LogsServiceServer},
        },
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    trace::v1::Span,
};
use prost::Message;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Response as GrpcResponse, Status, transport::Server};

/// What a server has got, and what it is going to answer.
#[derive(Debug, Default)]
pub(crate) struct Stub {
    /// Spans of accepted requests.
    pub(crate) spans: Mutex<Vec<Span>>,
    pub(crate) requests: Mutex<u64>,
    pub(crate) logs: Mutex<u64>,
    pub(crate) metrics: Mutex<u64>,
    /// Answers to the next trace requests; after these, all are accepted.
    pub(crate) refusals: Mutex<VecDeque<Status>>,
    /// Spans to reject in the next accepted request.
    pub(crate) reject: Mutex<i64>,
}

impl Stub {
    /// Starts a gRPC server; returns its endpoint.
    pub(crate) async fn serve_grpc(self: &Arc<Self>) -> String {
        let (listener, endpoint) = listen().await;
        let server = Server::builder()
            .add_service(TraceServiceServer::new(Handler(Arc::clone(self))).max_decoding_message_size(64 << 20))
            .add_service(LogsServiceServer::new(Handler(Arc::clone(self))))
            .add_service(MetricsServiceServer::new(Handler(Arc::clone(self))))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        endpoint
    }

    /// Starts an HTTP server for traces; returns its endpoint.
    pub(crate) async fn serve_http(self: &Arc<Self>) -> String {
        let (listener, endpoint) = listen().await;
        let stub = Arc::clone(self);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let stub = Arc::clone(&stub);
                let service = service_fn(move |request| answer_http(Arc::clone(&stub), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        endpoint
    }

    /// How many spans each trace has.
    pub(crate) fn traces(&self) -> HashMap<Vec<u8>, u64> {
        let mut traces = HashMap::new();
        for span in &*self.spans.lock().expect("no test panics with the lock") {
            *traces.entry(span.trace_id.clone()).or_default() += 1;
        }
        traces
    }

    fn take(&self, request: &ExportTraceServiceRequest) -> Result<ExportTraceServiceResponse, Status> {
        *self.requests.lock().expect("no test panics with the lock") += 1;
        if let Some(refusal) = self.refusals.lock().expect("no test panics with the lock").pop_front() {
            return Err(refusal);
        }
        let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        let spans = scopes.flat_map(|scope| scope.spans.iter().cloned());
        self.spans.lock().expect("no test panics with the lock").extend(spans);
        let rejected_spans = std::mem::take(&mut *self.reject.lock().expect("no test panics with the lock"));
        let partial = ExportTracePartialSuccess { rejected_spans, error_message: String::new() };
        Ok(ExportTraceServiceResponse { partial_success: (rejected_spans > 0).then_some(partial) })
    }
}

/// Waits until `holds`, but not for ever.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(60), waiting).await.is_ok();
    assert!(in_time, "still not: {what}");
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    (listener, format!("http://{address}"))
}

async fn answer_http(
    stub: Arc<Stub>,
    request: Request<Incoming>,
) -> Result<Response<Full<bytes::Bytes>>, hyper::Error> {
    assert_eq!(request.uri().path(), "/v1/traces");
    let body = request.into_body().collect().await?.to_bytes();
    let request = ExportTraceServiceRequest::decode(body).expect("the generator sends protobuf");
    let (status, body) = match stub.take(&request) {
        Ok(response) => (200, response.encode_to_vec()),
        Err(status) if status.code() == tonic::Code::Unavailable => (503, Vec::new()),
        Err(_) => (400, Vec::new()),
    };
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = hyper::StatusCode::from_u16(status).expect("the status is one of three");
    Ok(response)
}

struct Handler(Arc<Stub>);

#[tonic::async_trait]
impl TraceService for Handler {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<GrpcResponse<ExportTraceServiceResponse>, Status> {
        self.0.take(request.get_ref()).map(GrpcResponse::new)
    }
}

#[tonic::async_trait]
impl LogsService for Handler {
    async fn export(
        &self,
        request: tonic::Request<ExportLogsServiceRequest>,
    ) -> Result<GrpcResponse<ExportLogsServiceResponse>, Status> {
        let scopes = request.get_ref().resource_logs.iter().flat_map(|resource| &resource.scope_logs);
        let count: usize = scopes.map(|scope| scope.log_records.len()).sum();
        *self.0.logs.lock().expect("no test panics with the lock") += count as u64;
        Ok(GrpcResponse::new(ExportLogsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Handler {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<GrpcResponse<ExportMetricsServiceResponse>, Status> {
        let scopes = request.get_ref().resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
        let count: usize = scopes.map(|scope| scope.metrics.len()).sum();
        *self.0.metrics.lock().expect("no test panics with the lock") += count as u64;
        Ok(GrpcResponse::new(ExportMetricsServiceResponse::default()))
    }
}
