//! Fields may come in any order and among fields that nobody knows: resource after spans, attributes before kind.

use proptest::prelude::*;

use crate::{
    check::{Request, assert_same_batch, decode},
    generate::{logs, traces},
    generate_metrics::metrics,
    wire_format::{delimited, fields, varint},
};

/// Which fields of a message are messages.
struct Shape(&'static [(u32, &'static Shape)]);

static ANY_VALUE: Shape = Shape(&[(5, &ARRAY), (6, &LIST)]);
static ARRAY: Shape = Shape(&[(1, &ANY_VALUE)]);
static LIST: Shape = Shape(&[(1, &KEY_VALUE)]);
static KEY_VALUE: Shape = Shape(&[(2, &ANY_VALUE)]);
static PLAIN: Shape = Shape(&[]);
static RESOURCE: Shape = Shape(&[(1, &KEY_VALUE), (3, &PLAIN)]);
static SCOPE: Shape = Shape(&[(3, &KEY_VALUE)]);

static TRACES: Shape = Shape(&[(1, &Shape(&[(1, &RESOURCE), (2, &SCOPE_SPANS)]))]);
static SCOPE_SPANS: Shape = Shape(&[(1, &SCOPE), (2, &SPAN)]);
static SPAN: Shape = Shape(&[(9, &KEY_VALUE), (11, &EVENT), (13, &LINK), (15, &PLAIN)]);
static EVENT: Shape = Shape(&[(3, &KEY_VALUE)]);
static LINK: Shape = Shape(&[(4, &KEY_VALUE)]);

static LOGS: Shape = Shape(&[(1, &Shape(&[(1, &RESOURCE), (2, &SCOPE_LOGS)]))]);
static SCOPE_LOGS: Shape = Shape(&[(1, &SCOPE), (2, &LOG)]);
static LOG: Shape = Shape(&[(5, &ANY_VALUE), (6, &KEY_VALUE)]);

static METRICS: Shape = Shape(&[(1, &Shape(&[(1, &RESOURCE), (2, &SCOPE_METRICS)]))]);
static SCOPE_METRICS: Shape = Shape(&[(1, &SCOPE), (2, &METRIC)]);
static METRIC: Shape =
    Shape(&[(5, &NUMBERS), (7, &NUMBERS), (9, &HISTOGRAM), (10, &EXPONENTIAL), (11, &SUMMARY), (12, &KEY_VALUE)]);
static NUMBERS: Shape = Shape(&[(1, &Shape(&[(5, &EXEMPLAR), (7, &KEY_VALUE)]))]);
static HISTOGRAM: Shape = Shape(&[(1, &Shape(&[(8, &EXEMPLAR), (9, &KEY_VALUE)]))]);
static EXPONENTIAL: Shape = Shape(&[(1, &Shape(&[(1, &KEY_VALUE), (8, &PLAIN), (9, &PLAIN), (11, &EXEMPLAR)]))]);
static SUMMARY: Shape = Shape(&[(1, &Shape(&[(6, &PLAIN), (7, &KEY_VALUE)]))]);
static EXEMPLAR: Shape = Shape(&[(7, &KEY_VALUE)]);

proptest! {
    #[test]
    fn traces_are_the_same_in_any_order(request in traces(), seed in any::<u64>()) {
        check_order(&request, &TRACES, seed);
    }

    #[test]
    fn logs_are_the_same_in_any_order(request in logs(), seed in any::<u64>()) {
        check_order(&request, &LOGS, seed);
    }

    #[test]
    fn metrics_are_the_same_in_any_order(request in metrics(), seed in any::<u64>()) {
        check_order(&request, &METRICS, seed);
    }
}

fn check_order<R: Request>(request: &R, shape: &Shape, seed: u64) {
    let bytes = request.encode_to_vec();
    let shuffled = shuffled(&bytes, shape, &mut Shuffler(seed));
    let in_order = decode(R::SIGNAL, &bytes).expect("the request is well formed");
    let in_disorder = decode(R::SIGNAL, &shuffled).expect("the order of fields means nothing");
    assert_same_batch(&in_disorder.batch, &in_order.batch);
    assert_eq!(in_disorder.report.message(), in_order.report.message());
}

/// The message with its fields, and those of the messages in it, in another order, and with fields that nobody knows.
/// Fields of one number keep their order, which means something.
fn shuffled(message: &[u8], shape: &Shape, shuffler: &mut Shuffler) -> Vec<u8> {
    let mut parts: Vec<(u32, Vec<u8>)> = Vec::new();
    for field in fields(message) {
        let inner = shape.0.iter().find(|(number, _)| *number == field.number);
        let bytes = match (inner, &field.payload) {
            (Some((_, inner)), Some(payload)) => delimited(field.number, &shuffled(payload, inner, shuffler)),
            _ => field.bytes,
        };
        parts.push((field.number, bytes));
    }
    let unknown = [delimited(1_000, b"unknown"), [varint(1_001 << 3), varint(u64::MAX)].concat()];
    parts.extend(unknown.into_iter().zip(1_000..).map(|(bytes, number)| (number, bytes)));
    let mut numbers: Vec<u32> = parts.iter().map(|(number, _)| *number).collect();
    shuffler.shuffle(&mut numbers);
    let mut ordered = Vec::new();
    for number in numbers {
        let next = parts.iter().position(|(part, _)| *part == number).expect("each number has its parts");
        ordered.extend(parts.remove(next).1);
    }
    ordered
}

/// SplitMix64, which is enough to shuffle.
struct Shuffler(u64);

impl Shuffler {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    }

    fn shuffle(&mut self, numbers: &mut [u32]) {
        for last in (1..numbers.len()).rev() {
            numbers.swap(last, (self.next() % (last as u64 + 1)) as usize);
        }
    }
}
