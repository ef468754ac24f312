//! Feeds an analyzer with spans in order of time and tells what they cost and how much memory they take. Run with
//! `cargo run --release -p spandrel-analysis --example feed -- 10000000`, or `-- 10000000 50000` for 50,000 spans each
//! second rather than 3,000.

#![expect(clippy::print_stdout, reason = "what it tells is all it is for")]

#[path = "../benches/support/cpu_time.rs"]
mod cpu_time;
#[path = "../benches/support/spans.rs"]
#[expect(dead_code, reason = "there are no large traces here")]
mod spans;

use std::time::Duration;

use arrow::record_batch::RecordBatch;
use spandrel_analysis::{
    analyzer::{Analyzer, Options},
    findings::detectors,
};

use self::{
    cpu_time::used,
    spans::{START, TRACE_SPANS, later, requests},
};

/// Spans of a second, and traces that other ones are made of.
const SPANS: usize = 3000;
const TEMPLATES: usize = 2400;
const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
/// Those of a server.
const OPTIONS: Options = Options { quiet_ns: 20 * SECOND, max_trace_bytes: 64 << 20, max_minutes: 4000, range: None };
/// Minutes that are kept behind the one that has ended, as a server does.
const KEPT: i64 = 60;

fn main() {
    let argument = |number, usual| std::env::args().nth(number).and_then(|count| count.parse().ok()).unwrap_or(usual);
    let (spans, of_second) = (argument(1, 1_000_000), argument(2, SPANS).max(TRACE_SPANS));
    let traces = of_second / TRACE_SPANS;
    let (of_second, seconds) = (traces * TRACE_SPANS, (spans / of_second) as i64);
    let seeds = (TEMPLATES / traces).max(2) as u64;
    let templates: Vec<RecordBatch> = (0..seeds).map(|seed| requests(traces as u64, seed)).collect();
    let mut analyzer = Analyzer::new(OPTIONS, detectors());
    let (mut pushed, mut closed, mut evaluated) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let before = status("VmRSS:");
    let mut reported = 0;
    for second in 0..seconds {
        let batch = later(&templates[second as usize % templates.len()], second);
        let now = START + (second + 1) * SECOND;
        time(&mut pushed, || analyzer.push_spans(&batch, now).expect("the rows are of the table"));
        time(&mut closed, || analyzer.close_quiet(now));
        if now % MINUTE == 0 {
            let minute = now - MINUTE;
            time(&mut evaluated, || {
                analyzer.take_dirty();
                analyzer.evaluate(minute - MINUTE);
                analyzer.forget_before(minute - KEPT * MINUTE);
            });
        }
        if second >= reported {
            reported = 2 * second.max(32);
            let [held, own] = [status("VmRSS:").saturating_sub(before), analyzer.size() as u64].map(mebibytes);
            println!("{:>9} spans: resident {held:.1} MiB, by its own account {own:.1} MiB", analyzer.activity().spans);
        }
    }
    let [held, own, most] =
        [status("VmRSS:").saturating_sub(before), analyzer.size() as u64, status("VmHWM:")].map(mebibytes);
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / (seconds as f64 * of_second as f64);
    println!("{:>9} spans: resident {held:.1} MiB, by its own account {own:.1} MiB", analyzer.activity().spans);
    println!("at most {most:.1} MiB of process; {} of them before the first span", mebibytes(before));
    println!(
        "microseconds of processor per span: push {:.3}, close {:.3}, per minute {:.3}",
        micros(pushed),
        micros(closed),
        micros(evaluated)
    );
}

fn time(total: &mut Duration, work: impl FnOnce()) {
    let before = used();
    work();
    *total += used().saturating_sub(before);
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Bytes of a line of the process's status; 0 where there is none.
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kibibytes| kibibytes << 10)
}
