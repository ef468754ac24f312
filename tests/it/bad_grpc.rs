//! gRPC calls that cannot be taken: a status that names the problem, and nothing else lost.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tonic::Code;

use crate::harness::{Export, Server, Transport, compressed, frame, span, spans_request};

const METHOD: &str = ExportTraceServiceRequest::METHOD;
const GRPC: (&str, &str) = ("content-type", "application/grpc");

fn good(trace: u64) -> ExportTraceServiceRequest {
    spans_request("good", vec![span(trace, 0)])
}

fn bad() -> Vec<u8> {
    spans_request("bad", (0..20).map(|index| span(9, index)).collect()).encode_to_vec()
}

async fn neighbours_are_stored(server: &Server, sent: u64) {
    assert_eq!(server.count("spans", "service_name <> 'spandrel'").await, sent);
    assert_eq!(server.count("spans", "service_name = 'good'").await, sent);
}

#[tokio::test]
async fn a_truncated_message_is_invalid() {
    let server = Server::start(&[]).await;
    server.send_spans(good(1)).await;
    let message = bad();
    for kept in [1, message.len() / 2, message.len() - 1] {
        let answer = server.call(METHOD, &[GRPC], frame(false, &message[..kept])).await;
        assert_eq!((answer.http_status, answer.code()), (200, Code::InvalidArgument), "{kept} bytes");
        assert!(answer.status.message().starts_with("the request cannot be decoded: "), "{:?}", answer.status);
    }
    server.send_spans(good(2)).await;
    neighbours_are_stored(&server, 2).await;
    let series = "spandrel_receiver_refused_requests_total{transport=\"grpc\",reason=\"protobuf\"}";
    assert_eq!(server.metric(series).await, 3.0);
}

#[tokio::test]
async fn an_unknown_encoding_is_unimplemented_and_the_known_ones_are_listed() {
    let server = Server::start(&[]).await;
    let answer = server.call(METHOD, &[GRPC, ("grpc-encoding", "snappy")], frame(true, &bad())).await;
    assert_eq!((answer.http_status, answer.code()), (200, Code::Unimplemented));
    assert!(answer.status.message().contains("\"snappy\""), "{:?}", answer.status);
    let accepted = answer.headers["grpc-accept-encoding"].to_str().unwrap();
    assert!(accepted.contains("gzip") && accepted.contains("zstd"), "{accepted}");
    server.send_spans(good(1)).await;
    neighbours_are_stored(&server, 1).await;
}

#[tokio::test]
async fn a_message_that_does_not_decompress_is_invalid() {
    let server = Server::start(&[]).await;
    for encoding in ["gzip", "zstd"] {
        let whole = compressed(encoding, &bad());
        for body in [b"not compressed at all".to_vec(), whole[..whole.len() / 2].to_vec()] {
            let answer = server.call(METHOD, &[GRPC, ("grpc-encoding", encoding)], frame(true, &body)).await;
            assert_eq!(answer.code(), Code::InvalidArgument, "{encoding}");
            assert!(answer.status.message().contains(&format!("not valid {encoding}")), "{:?}", answer.status);
        }
    }
    server.send_spans(good(1)).await;
    neighbours_are_stored(&server, 1).await;
}

#[tokio::test]
async fn a_body_that_is_not_one_message_is_invalid() {
    let server = Server::start(&[]).await;
    let message = bad();
    let whole = frame(false, &message);
    let twice = [whole.clone(), whole.clone()].concat();
    let mut odd = whole.clone();
    odd[0] = 7;
    for (body, problem) in [
        (Vec::new(), "ends before the length"),
        (whole[..3].to_vec(), "ends before the length"),
        (whole[..whole.len() - 1].to_vec(), "ends before its message does"),
        (twice, "goes on after its message"),
        (frame(true, &message), "no grpc-encoding says how"),
        (odd, "neither 0 nor 1"),
    ] {
        let answer = server.call(METHOD, &[GRPC], body).await;
        assert_eq!(answer.code(), Code::InvalidArgument, "{problem}");
        assert!(answer.status.message().contains(problem), "{:?}", answer.status);
    }
    server.send_spans(good(1)).await;
    neighbours_are_stored(&server, 1).await;
}

#[tokio::test]
async fn b_1_a_message_past_its_limit_is_invalid_and_never_resource_exhausted() {
    let limits = ["--set", "otlp.max_request_bytes=64KiB", "--set", "otlp.max_decompressed_bytes=256KiB"];
    let server = Server::start(&limits).await;
    server.send_spans(good(1)).await;
    let answer = server.call(METHOD, &[GRPC], frame(false, &vec![0; 65 * 1024])).await;
    assert_eq!(answer.code(), Code::InvalidArgument);
    assert!(answer.status.message().contains("larger than 65536 bytes; send smaller batches"), "{:?}", answer.status);
    for encoding in ["gzip", "zstd"] {
        let bomb = compressed(encoding, &vec![0; 4 * 1024 * 1024]);
        let answer = server.call(METHOD, &[GRPC, ("grpc-encoding", encoding)], frame(true, &bomb)).await;
        assert_eq!(answer.code(), Code::InvalidArgument, "{encoding}");
        assert!(answer.status.message().contains("larger than 262144 bytes when decompressed"), "{:?}", answer.status);
    }
    server.send_spans(good(2)).await;
    neighbours_are_stored(&server, 2).await;
}

#[tokio::test]
async fn what_is_no_otlp_call_is_unimplemented() {
    let server = Server::start(&[]).await;
    let answer = server.call(METHOD, &[("content-type", "application/grpc+json")], frame(false, b"{}")).await;
    assert_eq!(answer.code(), Code::Unimplemented);
    assert!(answer.status.message().contains("application/grpc+json"), "{:?}", answer.status);
    let answer =
        server.call("/opentelemetry.proto.collector.trace.v1.TraceService/Import", &[GRPC], frame(false, b"")).await;
    assert_eq!(answer.code(), Code::Unimplemented);
    let answer = server.call("/no.such.Service/Export", &[GRPC], frame(false, b"")).await;
    assert_eq!(answer.code(), Code::Unimplemented);
    server.send(Transport::Grpc(None), good(1)).await;
    neighbours_are_stored(&server, 1).await;
}
