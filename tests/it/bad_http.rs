//! Requests over HTTP that cannot be taken: refused whole, with a status that names the problem, and nothing else lost.

use prost::Message;

use crate::harness::{Export, Server, Transport, compressed, log_record, logs_request, span, spans_request};

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");
const INVALID_ARGUMENT: i32 = 3;
const UNIMPLEMENTED: i32 = 12;

fn good(trace: u64) -> impl Export {
    spans_request("good", vec![span(trace, 0)])
}

/// The good requests sent around the bad ones are stored, and nothing of the bad ones is.
async fn neighbours_are_stored(server: &Server, sent: u64) {
    assert_eq!(server.count("spans", "service_name <> 'spandrel'").await, sent);
    assert_eq!(server.count("spans", "service_name = 'good'").await, sent);
    assert_eq!(server.count("logs", "true").await, 0);
}

#[tokio::test]
async fn a_content_type_that_is_not_otlp_is_415() {
    let server = Server::start(&[]).await;
    server.send(Transport::Protobuf("identity"), good(1)).await;
    let body = spans_request("bad", vec![span(9, 0)]).encode_to_vec();
    for headers in [&[("content-type", "text/plain")][..], &[("content-type", "application/xml; charset=utf-8")], &[]] {
        let refused = server.refusal("traces", headers, body.clone()).await;
        assert_eq!((refused.http_status, refused.code), (415, UNIMPLEMENTED), "{headers:?}");
        assert!(refused.message.contains("content type"), "{refused:?}");
        assert!(refused.message.contains("application/x-protobuf or application/json"), "{refused:?}");
        assert_eq!(refused.retry_after, None, "sending it again does not help");
    }
    server.send(Transport::Protobuf("identity"), good(2)).await;
    neighbours_are_stored(&server, 2).await;
    let series = "spandrel_receiver_refused_requests_total{transport=\"http\",reason=\"content_type\"}";
    assert_eq!(server.metric(series).await, 3.0);
}

#[tokio::test]
async fn an_unknown_content_encoding_is_415() {
    let server = Server::start(&[]).await;
    for (content_type, body) in [(PROTOBUF, good(9).encode_to_vec()), (JSON, good(9).to_json())] {
        let refused = server.refusal("traces", &[content_type, ("content-encoding", "br")], body).await;
        assert_eq!((refused.http_status, refused.code), (415, UNIMPLEMENTED));
        assert!(refused.message.contains("\"br\"") && refused.message.contains("gzip, zstd, deflate"), "{refused:?}");
    }
    server.send(Transport::Json("gzip"), good(1)).await;
    neighbours_are_stored(&server, 1).await;
}

#[tokio::test]
async fn a_body_that_does_not_decompress_is_400() {
    let server = Server::start(&[]).await;
    server.send(Transport::Protobuf("gzip"), good(1)).await;
    for encoding in ["gzip", "zstd", "deflate"] {
        let headers = [PROTOBUF, ("content-encoding", encoding)];
        let whole =
            compressed(encoding, &spans_request("bad", (0..50).map(|index| span(9, index)).collect()).encode_to_vec());
        let mut damaged = whole.clone();
        damaged[..4].copy_from_slice(b"\x08xyz");
        for body in [b"not compressed at all".to_vec(), damaged, whole[..whole.len() / 2].to_vec()] {
            let refused = server.refusal("traces", &headers, body).await;
            assert_eq!((refused.http_status, refused.code), (400, INVALID_ARGUMENT), "{encoding}");
            assert!(refused.message.contains(&format!("not valid {encoding}")), "{refused:?}");
        }
    }
    server.send(Transport::Protobuf("gzip"), good(2)).await;
    neighbours_are_stored(&server, 2).await;
}

#[tokio::test]
async fn a_truncated_body_is_400() {
    let server = Server::start(&[]).await;
    server.send(Transport::Protobuf("identity"), good(1)).await;
    let traces = spans_request("bad", vec![span(9, 0), span(9, 1)]);
    let logs = logs_request("bad", vec![log_record("lost")]);
    for (signal, protobuf, json) in
        [("traces", traces.encode_to_vec(), traces.to_json()), ("logs", logs.encode_to_vec(), logs.to_json())]
    {
        for kept in [1, protobuf.len() / 2, protobuf.len() - 1] {
            let refused = server.refusal(signal, &[PROTOBUF], protobuf[..kept].to_vec()).await;
            assert_eq!((refused.http_status, refused.code), (400, INVALID_ARGUMENT), "{kept} bytes of {signal}");
            assert!(refused.message.starts_with("the request cannot be decoded: "), "{refused:?}");
        }
        for kept in [1, json.len() / 2, json.len() - 1] {
            let refused = server.refusal(signal, &[JSON], json[..kept].to_vec()).await;
            assert_eq!((refused.http_status, refused.code), (400, INVALID_ARGUMENT), "{kept} bytes of {signal} JSON");
            assert!(refused.message.contains("not OTLP/JSON") && refused.message.contains("line 1"), "{refused:?}");
        }
    }
    server.send(Transport::Json("identity"), good(2)).await;
    neighbours_are_stored(&server, 2).await;
}

#[tokio::test]
async fn json_of_another_shape_or_not_utf_8_is_400() {
    let server = Server::start(&[]).await;
    let bodies: [&[u8]; 5] = [
        b"[]",
        b"7",
        br#"{"resourceSpans": 7}"#,
        br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":["a"]}]}]}]}"#,
        b"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":\"\xff\xfe\"}]}]}]}",
    ];
    for body in bodies {
        let refused = server.refusal("traces", &[JSON], body.to_vec()).await;
        assert_eq!((refused.http_status, refused.code), (400, INVALID_ARGUMENT), "{}", String::from_utf8_lossy(body));
    }
    // Fields that nobody knows are no fault, nor is a request without any.
    let unknown = server.post_otlp("traces", &[JSON], br#"{"later": {"a": [1, null]}}"#.to_vec()).await.unwrap();
    assert_eq!((unknown.status().as_u16(), unknown.text().await.unwrap().as_str()), (200, "{}"));
    neighbours_are_stored(&server, 0).await;
}

#[tokio::test]
async fn b_1_a_body_past_its_limit_is_413() {
    let limits = ["--set", "otlp.max_request_bytes=64KiB", "--set", "otlp.max_decompressed_bytes=256KiB"];
    let server = Server::start(&limits).await;
    server.send(Transport::Protobuf("identity"), good(1)).await;
    let refused = server.refusal("traces", &[PROTOBUF], vec![0; 64 * 1024 + 1]).await;
    assert_eq!((refused.http_status, refused.code), (413, INVALID_ARGUMENT));
    assert!(refused.message.contains("larger than 65536 bytes"), "{refused:?}");

    // Four megabytes of nothing in a few kilobytes.
    let bomb = vec![0; 4 * 1024 * 1024];
    for encoding in ["gzip", "zstd", "deflate"] {
        let body = compressed(encoding, &bomb);
        assert!(body.len() < 64 * 1024, "{encoding}: {}", body.len());
        let refused = server.refusal("traces", &[PROTOBUF, ("content-encoding", encoding)], body).await;
        assert_eq!((refused.http_status, refused.code), (413, INVALID_ARGUMENT), "{encoding}");
        assert!(refused.message.contains("larger than 262144 bytes when decompressed"), "{refused:?}");
    }
    server.send(Transport::Protobuf("zstd"), good(2)).await;
    neighbours_are_stored(&server, 2).await;
}

#[tokio::test]
async fn a_body_far_past_its_limit_gets_its_answer_too() {
    let server = Server::start(&[]).await;
    // A sender that sees the connection break instead would try again for ever.
    for headers in [&[PROTOBUF][..], &[JSON], &[PROTOBUF, ("content-encoding", "gzip")]] {
        let refused = server.refusal("traces", headers, vec![b'['; 20 * 1024 * 1024]).await;
        assert_eq!((refused.http_status, refused.code), (413, INVALID_ARGUMENT), "{headers:?}");
        assert!(refused.message.contains("larger than 16777216 bytes; send smaller batches"), "{refused:?}");
    }
    server.send(Transport::Protobuf("identity"), good(1)).await;
    neighbours_are_stored(&server, 1).await;
}

#[tokio::test]
async fn other_methods_and_paths_are_405_and_404() {
    let server = Server::start(&[]).await;
    let url = |path: &str| format!("http://{}{path}", server.otlp_http);
    assert_eq!(server.client().get(url("/v1/traces")).send().await.unwrap().status(), 405);
    assert_eq!(server.client().post(url("/v1/profiles")).body("x").send().await.unwrap().status(), 404);
}
