//! B-1: past a bound senders are asked to try again, in words that OTLP clients obey; what was acknowledged stays.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};
use tonic::Code;

use crate::harness::{Refused, Server, Transport, eventually, retry_delay, span, spans_request};

/// What an overloaded server must say.
fn assert_retryable(refused: &Refused) {
    match refused {
        Refused::Grpc(status) => {
            assert_eq!(status.code(), Code::Unavailable, "{status:?}");
            assert!(retry_delay(status).is_some_and(|delay| delay > 0), "{status:?}");
        }
        Refused::Http(refusal) => {
            assert_eq!(refusal.http_status, 503, "{refusal:?}");
            assert_eq!(refusal.code, Code::Unavailable as i32, "{refusal:?}");
            let seconds: u64 = refusal.retry_after.as_deref().unwrap().parse().unwrap();
            assert!(seconds >= 1, "{refusal:?}");
        }
        Refused::Connection => panic!("an overloaded server answers all the same"),
    }
}

#[tokio::test]
async fn b_1_requests_past_the_budget_are_asked_to_come_again() {
    let server = Server::start(&[
        "--set",
        "otlp.max_request_bytes=1MiB",
        "--set",
        "otlp.max_decompressed_bytes=1MiB",
        "--set",
        "otlp.max_inflight_bytes=1MiB",
        "--set",
        "self_telemetry=false",
    ])
    .await;
    // A sender that takes the whole budget and is slow to use it.
    let mut slow = TcpStream::connect(&server.otlp_http).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\ncontent-length: 1048576\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    eventually("its bytes are charged", async || {
        (server.metric("spandrel_receiver_inflight_bytes").await == 1_048_576.0).then_some(())
    })
    .await;
    for transport in Transport::ALL {
        let refused = server.export(transport, spans_request("shop", vec![span(1, 0)])).await.unwrap_err();
        assert_retryable(&refused);
    }
    assert_eq!(server.count("spans", "true").await, 0);
    assert_eq!(server.get("/ready").await.status(), 200, "a busy server is not a broken one");

    drop(slow);
    eventually("its bytes are given back", async || {
        (server.metric("spandrel_receiver_inflight_bytes").await == 0.0).then_some(())
    })
    .await;
    for (trace, transport) in (1..).zip(Transport::ALL) {
        server.send(transport, spans_request("shop", vec![span(trace, 0)])).await;
    }
    assert_eq!(server.count("spans", "true").await, 11);
    let busy = |transport: &str| {
        format!("spandrel_receiver_refused_requests_total{{transport=\"{transport}\",reason=\"busy\"}}")
    };
    assert_eq!(server.metric(&busy("grpc")).await, 3.0);
    assert_eq!(server.metric(&busy("http")).await, 8.0);
}

#[tokio::test]
async fn b_1_a_sender_that_goes_away_gives_its_bytes_back() {
    let server = Server::start(&["--set", "self_telemetry=false"]).await;
    for _ in 0..3 {
        let mut gone = TcpStream::connect(&server.otlp_http).await.unwrap();
        let head = "POST /v1/logs HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"res\r\n";
        gone.write_all(head.as_bytes()).await.unwrap();
        eventually("its bytes are charged", async || {
            (server.metric("spandrel_receiver_inflight_bytes").await == 5.0).then_some(())
        })
        .await;
        gone.shutdown().await.unwrap();
        let mut rest = Vec::new();
        // Whatever the server says to half a request, if anything.
        let _ = gone.read_buf(&mut rest).await;
        drop(gone);
        eventually("its bytes are given back", async || {
            (server.metric("spandrel_receiver_inflight_bytes").await == 0.0).then_some(())
        })
        .await;
    }
    assert_eq!(server.count("logs", "true").await, 0);
}

const SENDERS: u64 = 12;
const SPANS: u64 = 200;
const FLOOD: &[&str] =
    &["--set", "storage.hot_max_bytes=2MiB", "--set", "storage.seal_bytes=1MiB", "--set", "self_telemetry=false"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_1_a_flood_is_asked_to_come_again_and_what_was_acknowledged_stays() {
    let server = Arc::new(Server::start(FLOOD).await);
    let acknowledged = Arc::new(Mutex::new(0_u64));
    let refused = Arc::new(Mutex::new([0_u64; 2]));
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let (server, acknowledged, refused) = (Arc::clone(&server), Arc::clone(&acknowledged), Arc::clone(&refused));
        senders.spawn(async move {
            let over_http = sender % 2 == 1;
            let transport = if over_http { Transport::Protobuf("identity") } else { Transport::Grpc(None) };
            // Until both kinds of senders have seen enough of it.
            for trace in (sender << 32)..(sender << 32) + 2000 {
                if refused.lock().iter().all(|count| *count >= 3) {
                    return;
                }
                match server.export(transport, spans_request("flood", spans(trace))).await {
                    Ok(partial) => {
                        assert_eq!(partial.rejected, 0);
                        *acknowledged.lock() += SPANS;
                    }
                    Err(error) => {
                        assert_retryable(&error);
                        refused.lock()[usize::from(over_http)] += 1;
                    }
                }
            }
        });
    }
    while let Some(ended) = senders.join_next().await {
        ended.unwrap();
    }
    assert!(refused.lock().iter().all(|count| *count >= 3), "the flood was no flood: {refused:?}");
    assert!(server.metric("spandrel_store_overloaded_total").await >= 6.0);

    // It recovers.
    let trace = SENDERS << 32;
    eventually("the server takes requests again", async || {
        let answer = server.export(Transport::Grpc(None), spans_request("flood", spans(trace))).await;
        answer.inspect_err(assert_retryable).ok()
    })
    .await;
    let expected = *acknowledged.lock() + SPANS;
    assert_eq!(server.count("spans", "service_name = 'flood'").await, expected);
    let server = Arc::into_inner(server).unwrap().kill9().await.start().await;
    assert_eq!(server.count("spans", "service_name = 'flood'").await, expected, "after kill -9");
}

fn spans(trace: u64) -> Vec<opentelemetry_proto::tonic::trace::v1::Span> {
    (0..SPANS).map(|index| span(trace, index)).collect()
}

#[tokio::test]
async fn h_1_a_full_disk_is_told_before_anything_is_lost() {
    // No disk has this much left.
    let server = Server::start(&["--set", "storage.min_free_disk_bytes=1000TB"]).await;
    let (status, body) = eventually("the disk guard is seen", async || {
        let ready = server.get("/ready").await;
        let status = ready.status().as_u16();
        (status != 200).then_some((status, ready.text().await.unwrap()))
    })
    .await;
    assert_eq!(status, 503);
    assert!(body.contains("free on disk"), "{body}");
    for transport in Transport::PLAIN {
        assert_retryable(&server.export(transport, spans_request("shop", vec![span(1, 0)])).await.unwrap_err());
    }
    assert_eq!(server.get("/healthz").await.status(), 200, "it lives and can be asked");
    assert_eq!(server.count("spans", "service_name = 'shop'").await, 0);
}
