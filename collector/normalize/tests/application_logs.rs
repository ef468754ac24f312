//! Application logs of real programs, read to their expected results, where the samples are at hand.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::{collections::BTreeMap, fs, io::Read, path::PathBuf, sync::Arc};

use arrow::{
    array::{Array, AsArray},
    datatypes::{Int32Type, Int64Type},
    record_batch::RecordBatch,
};
use jiff::tz::TimeZone;
use serde_json::Value;
use spandrel_normalize::{
    batch::LineBatch,
    detect,
    enrich::access::requests_in_logs,
    format::{Format, FormatOptions, LineContext, LineReason},
    record::{LogRecord, Output},
    registry, time,
};
use spandrel_proto::model::{Table, id::to_hex};

fn samples(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    path.exists().then_some(path)
}

fn context<'a>(zone: &'a TimeZone, service: Option<&'a str>, envelope_time: Option<i64>) -> LineContext<'a> {
    LineContext {
        received_at: time::iso8601("2026-01-01T00:00:00Z", zone).unwrap(),
        envelope_time,
        zone,
        service,
        host: None,
        program: None,
        severity_number: None,
    }
}

fn read<'a>(format: &dyn Format, line: &'a str, context: &LineContext<'a>) -> Result<LogRecord<'a>, LineReason> {
    let mut output = Output::default();
    format.parse(line, context, &mut output).map_err(|error| error.reason)?;
    Ok(output.logs.remove(0))
}

#[test]
fn structured_lines_of_serilog_logrus_pino_and_python() {
    let Some(path) = samples("app-structured-logs/samples.jsonl") else { return };
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let zone = TimeZone::UTC;
    let envelope = 1_661_145_500_000_000_000;
    let context = context(&zone, None, Some(envelope));
    let json = registry::format("json", &FormatOptions::default()).unwrap();
    let logs: Vec<LogRecord<'_>> = lines.iter().map(|line| read(&*json, line, &context).unwrap()).collect();
    let trace = |log: &LogRecord<'_>| log.ids.trace_id.map(|id| to_hex(&id)).unwrap_or_default();
    let span = |log: &LogRecord<'_>| log.ids.span_id.map(|id| to_hex(&id)).unwrap_or_default();

    assert_eq!((logs[0].severity_number, logs[0].severity_text.as_deref()), (Some(9), None));
    assert_eq!(trace(&logs[0]), "e9670f4d0de2793db9d49c680c1d53a3");
    assert_eq!(span(&logs[0]), "07490ba9d6ff0545");
    assert_eq!(logs[0].ids.correlation, ["T5VMASNOT5"]);
    assert_eq!(logs[1].body.as_deref(), Some("天気予報データ: {@Forecast}"));
    assert_eq!(logs[1].service_name.as_deref(), Some("SerilogSample"));
    assert_eq!(logs[2].event_name.as_deref(), Some("InsufficientFundsRejected"));
    assert!(logs[2].attributes.contains(&("EventId.Id".into(), "1004".into())));
    for (log, expected_span) in logs[3..].iter().zip(["989036326b156480", "b3bea93e80e7d168", "e4006dce6700e903"]) {
        assert_eq!((trace(log), span(log)), ("04c87ec97bae041b1b15b3c7676a43cc".to_owned(), expected_span.to_owned()));
        assert_eq!(log.severity_number, Some(9));
    }
    assert_eq!(logs[3].ids.correlation, ["16fbfb2d-676c-4d6a-a870-1f1f6d347d5a"]);
    assert_eq!((logs[4].time, logs[4].host_name.as_deref()), (None, Some("currencyservice-cf787dd48-vpjrd")));

    let mut batch = LineBatch::new(json, "samples", 1 << 20);
    for line in &lines {
        batch.push(line.as_bytes(), &context);
    }
    let logs = batch.finish().tables.remove(0).1;
    assert_eq!(logs.column_by_name("time").unwrap().as_primitive::<Int64Type>().value(4), envelope);
    // The first line of Serilog's and the one of logrus' are access records.
    assert_eq!(requests_in_logs(&logs).map(|requests| requests.num_rows()), Some(2));
}

/// Lines of one container out of docker's json-file envelopes: the time of the envelope and the line.
fn container_lines(path: &std::path::Path) -> Vec<(i64, String)> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(path).unwrap()).take(1 << 30).read_to_string(&mut text).unwrap();
    let lines = text.lines().map(|line| {
        let envelope: Value = serde_json::from_str(line).unwrap();
        let written = time::iso8601(envelope["time"].as_str().unwrap(), &TimeZone::UTC).unwrap();
        (written, envelope["log"].as_str().unwrap().trim_end().to_owned())
    });
    lines.collect()
}

/// The logs of a container, read as the format that its first lines show.
fn container_logs(path: &std::path::Path, service: &str) -> RecordBatch {
    let lines = container_lines(path);
    // The times of day in these lines are those of their envelopes, which are in UTC.
    let zone = TimeZone::UTC;
    let first: Vec<&str> = lines.iter().map(|(_, line)| line.as_str()).take(detect::SAMPLE_LINES).collect();
    let options = FormatOptions::default();
    let candidates = registry::candidates(&options).unwrap();
    let detected = detect::detect(&candidates, &first, &context(&zone, None, Some(lines[0].0)), &options).unwrap();
    let format: Arc<dyn Format> = detected.format;
    let mut batch = LineBatch::new(format, service, 1 << 20);
    for (written, line) in &lines {
        batch.push(line.as_bytes(), &context(&zone, Some(service), Some(*written)));
    }
    let mut normalized = batch.finish();
    assert_eq!(normalized.counts.logs, lines.len() as u64, "{service}: {}", detected.chosen);
    assert_eq!(normalized.tables.len(), 1);
    let (table, logs) = normalized.tables.remove(0);
    assert_eq!(table, Table::Logs);
    let times = logs.column_by_name("time").unwrap().as_primitive::<Int64Type>();
    for (row, (written, line)) in lines.iter().enumerate() {
        assert!(times.value(row).abs_diff(*written) < 60_000_000_000, "{service} {line}");
    }
    logs
}

#[test]
fn each_line_of_online_boutique_is_a_log_of_its_span_and_its_access_records_are_requests() {
    let Some(folder) = samples("nezha/2022-08-22_05_19") else { return };
    let expected: Value = serde_json::from_str(&fs::read_to_string(folder.join("expected.json")).unwrap()).unwrap();
    let mut missing: BTreeMap<&str, &Value> = BTreeMap::new();
    for record in expected["access_records"].as_array().unwrap() {
        missing.insert(record["request_id"].as_str().unwrap(), record);
    }
    let (mut lines, mut requests) = (0, 0);
    for entry in fs::read_dir(folder.join("containers")).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        let service = file.split('-').next().unwrap();
        let logs = container_logs(&path, service);
        lines += logs.num_rows();
        for id in ["trace_id", "span_id"] {
            assert_eq!(logs.column_by_name(id).unwrap().null_count(), 0, "{service} {id}");
        }
        let services = logs.column_by_name("service_name").unwrap().as_string::<i32>();
        assert!(services.iter().all(|name| name == Some(service)), "{service}");
        if let Some(found) = requests_in_logs(&logs) {
            requests += found.num_rows();
            for row in 0..found.num_rows() {
                check_request(&found, row, &mut missing);
            }
        }
    }
    assert_eq!(Some(lines as u64), expected["log_lines"].as_u64());
    assert_eq!(Some(requests), expected["access_records"].as_array().map(Vec::len));
    assert!(missing.is_empty(), "{missing:?}");
}

fn check_request(batch: &RecordBatch, row: usize, missing: &mut BTreeMap<&str, &Value>) {
    let text = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>().value(row);
    let long = |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().value(row);
    let hex = |name: &str| to_hex(batch.column_by_name(name).unwrap().as_binary::<i32>().value(row));
    let ids = batch.column_by_name("correlation_ids").unwrap().as_list::<i32>().value(row);
    let request_id = ids.as_string::<i32>().value(0);
    let expected = missing.remove(request_id).unwrap_or_else(|| panic!("{request_id} is not expected"));
    assert_eq!(expected["trace_id"], hex("trace_id"));
    assert_eq!(expected["span_id"], hex("span_id"));
    assert_eq!(expected["method"], text("http_request_method"));
    assert_eq!(expected["path"], text("url_path"));
    let status = batch.column_by_name("http_response_status_code").unwrap().as_primitive::<Int32Type>().value(row);
    assert_eq!(expected["status"], i64::from(status));
    assert_eq!(expected["duration_ms"], long("duration_ns") / 1_000_000);
    assert_eq!(expected["bytes"], long("response_bytes"));
}

#[test]
fn klog_and_glog_as_vector_reads_them() {
    let Some(folder) = samples("vrl-parsers") else { return };
    let zone = TimeZone::UTC;
    // Vector takes the year of the day of the test.
    let context = context(&zone, None, None);
    let klog = registry::format("klog", &FormatOptions::default()).unwrap();
    let mut cases = 0;
    for file in ["parse_klog.json", "parse_glog.json"] {
        let suite: Value = serde_json::from_str(&fs::read_to_string(folder.join(file)).unwrap()).unwrap();
        for case in suite["cases"].as_array().unwrap() {
            let line = case["args"]["value"].as_str().unwrap();
            let result = read(&*klog, line, &context);
            cases += 1;
            let Some(want) = case["want"].get("ok") else {
                assert!(result.is_err(), "{line}");
                continue;
            };
            let log = result.unwrap();
            assert_eq!(log.severity_number, Some(9));
            assert_eq!(want["message"], *log.body.as_deref().unwrap());
            let attribute = |key: &str| {
                log.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.to_string()).unwrap()
            };
            assert_eq!(want["file"], attribute("code.file.path"));
            assert_eq!(want["line"].to_string(), attribute("code.line.number"));
            assert_eq!(want["id"].to_string(), attribute("thread.id"));
            let timestamp = want["timestamp"]["$ts"].as_str().unwrap();
            let near = |year: &str| time::iso8601(&timestamp.replace("{}", year), &zone);
            assert!(log.time.is_some() && (log.time == near("2025") || log.time == near("2026")), "{line}");
        }
    }
    assert!(cases >= 12);
}
