//! `kill -9` in the middle of a load: nothing that was acknowledged is lost, and nothing is there twice.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::{Refused, Server, Stopped, Transport, eventually, log_record, logs_request, span, spans_request};

const WRITERS: u64 = 4;
const SPANS_PER_TRACE: u64 = 20;
const ACKNOWLEDGED_BEFORE_THE_KILL: usize = 120;

/// What senders know.
#[derive(Debug, Default)]
struct Ledger {
    /// Traces that were acknowledged.
    acknowledged: Vec<u64>,
    /// Traces that were sent and not answered: the server may have them or not, but not in part.
    unanswered: Vec<u64>,
    /// Log records that were acknowledged, and that were sent and not answered.
    logs: [u64; 2],
}

/// Rows this small and often go to files, so that a kill meets sealing, log segments and trimming at every stage.
const SMALL: [&str; 6] =
    ["--set", "storage.seal_bytes=1MiB", "--set", "storage.wal_segment_bytes=256KiB", "--set", "self_telemetry=false"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_1_d_2_a_kill_in_the_middle_of_a_load_loses_nothing() {
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let mut server = Arc::new(Server::start(&SMALL).await);
    for round in 0..3 {
        let stopped = kill_during_load(server, round, &ledger).await;
        server = Arc::new(stopped.start().await);
        check(&server, &ledger, round).await;
        resend(&server, &ledger).await;
        check(&server, &ledger, round).await;
    }
    let server = Arc::into_inner(server).unwrap().terminate().await.start().await;
    check(&server, &ledger, 3).await;
}

async fn kill_during_load(server: Arc<Server>, round: u64, ledger: &Arc<Mutex<Ledger>>) -> Stopped {
    let before = ledger.lock().acknowledged.len();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write(Arc::clone(&server), (round * WRITERS + writer) << 32, Arc::clone(ledger)));
    }
    eventually("enough is acknowledged", async || {
        (ledger.lock().acknowledged.len() - before >= ACKNOWLEDGED_BEFORE_THE_KILL).then_some(())
    })
    .await;
    let kill = std::process::Command::new("kill").args(["-9", &server.process.id().to_string()]).status().unwrap();
    assert!(kill.success());
    // Each ends when it gets no answer.
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    Arc::into_inner(server).unwrap().kill9().await
}

/// Sends traces, and a log record after each, until the server is gone.
async fn write(server: Arc<Server>, first_trace: u64, ledger: Arc<Mutex<Ledger>>) {
    let transport = if first_trace >> 32 & 1 == 0 { Transport::Grpc(None) } else { Transport::Protobuf("gzip") };
    for trace in first_trace.. {
        match server.export(transport, trace_request(trace)).await {
            Ok(partial) => assert_eq!(partial.rejected, 0),
            Err(Refused::Connection) => return ledger.lock().unanswered.push(trace),
            Err(refused) => panic!("{refused:?}"),
        }
        ledger.lock().acknowledged.push(trace);
        match server.export(transport, logs_request("load", vec![log_record("sent")])).await {
            Ok(_) => ledger.lock().logs[0] += 1,
            Err(Refused::Connection) => {
                ledger.lock().logs[1] += 1;
                return;
            }
            Err(refused) => panic!("{refused:?}"),
        }
    }
}

fn trace_request(trace: u64) -> opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest {
    spans_request("load", (0..SPANS_PER_TRACE).map(|index| span(trace, index)).collect())
}

/// A sender that got no answer sends the same again; what was stored already is not stored twice.
async fn resend(server: &Server, ledger: &Mutex<Ledger>) {
    let unanswered = std::mem::take(&mut ledger.lock().unanswered);
    for trace in unanswered {
        server.export(Transport::Grpc(None), trace_request(trace)).await.unwrap();
        ledger.lock().acknowledged.push(trace);
    }
}

async fn check(server: &Server, ledger: &Mutex<Ledger>, round: u64) {
    let rows = server
        .sql("SELECT trace_id, count(*), count(DISTINCT span_id) FROM spans WHERE service_name = 'load' GROUP BY trace_id")
        .await
        .rows;
    let mut stored: HashMap<String, (u64, u64)> = HashMap::new();
    for row in rows {
        let counts = (row[1].as_u64().unwrap(), row[2].as_u64().unwrap());
        stored.insert(row[0].as_str().unwrap().to_owned(), counts);
    }
    let logs = server.count("logs", "service_name = 'load'").await;
    let ledger = ledger.lock();
    for trace in &ledger.acknowledged {
        let found = stored.remove(&trace_hex(*trace));
        assert_eq!(found, Some((SPANS_PER_TRACE, SPANS_PER_TRACE)), "round {round}: acknowledged trace {trace:x}");
    }
    for trace in &ledger.unanswered {
        let found = stored.remove(&trace_hex(*trace)).unwrap_or((SPANS_PER_TRACE, SPANS_PER_TRACE));
        assert_eq!(found, (SPANS_PER_TRACE, SPANS_PER_TRACE), "round {round}: unanswered trace {trace:x}, in part");
    }
    assert!(stored.is_empty(), "round {round}: traces that nobody sent: {stored:?}");
    let [acknowledged, unanswered] = ledger.logs;
    let possible = acknowledged..=acknowledged + unanswered;
    assert!(possible.contains(&logs), "round {round}: {logs} log records, expected {possible:?}");
}

fn trace_hex(trace: u64) -> String {
    format!("a1a1a1a1a1a1a1a1{trace:016x}")
}

#[tokio::test]
async fn a_request_sent_again_after_a_kill_is_stored_once() {
    let server = Server::start(&[]).await;
    server.send_spans(trace_request(7)).await;
    let server = server.kill9().await.start().await;
    let partial = server.export(Transport::Grpc(None), trace_request(7)).await.unwrap();
    assert_eq!(partial.rejected, 0);
    assert!(partial.message.contains("20 spans were stored before"), "{partial:?}");
    let found = server.sql("SELECT count(*), count(DISTINCT span_id) FROM spans WHERE service_name = 'load'").await;
    assert_eq!(found.rows, [[json!(20), json!(20)]]);
}
