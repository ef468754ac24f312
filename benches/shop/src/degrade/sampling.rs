//! Spans that are not there.

use std::collections::HashSet;

use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use super::{Degradation, Purpose, hits, telemetry::Telemetry};

/// Bits of a trace id that decide, and of a threshold.
const RANDOM_BITS: u32 = 56;
const RANDOM: u64 = (1 << RANDOM_BITS) - 1;

/// Keeps spans whose trace id is at or above the threshold of their service.
/// (<https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/>)
pub(super) fn sample_heads(telemetry: &mut Telemetry, knobs: &Degradation) {
    let Some(sampling) = &knobs.head_sampling else { return };
    let senders = &telemetry.senders;
    telemetry.spans.retain_mut(|placed| {
        let keep = sampling.services.get(&*senders[placed.sender].service).unwrap_or(&sampling.keep);
        let threshold = threshold(*keep);
        placed.span.trace_state = format!("ot=th:{}", hexadecimal(threshold));
        placed.trace() as u64 & RANDOM >= threshold
    });
}

/// Keeps whole traces that have an error or a slow span, and some others.
pub(super) fn sample_tails(telemetry: &mut Telemetry, knobs: &Degradation) {
    let Some(sampling) = &knobs.tail_sampling else { return };
    let mut kept = HashSet::new();
    for placed in &telemetry.spans {
        let span = &placed.span;
        let failed = span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error);
        let duration = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
        let trace = placed.trace();
        let slow = i64::try_from(duration).is_ok_and(|duration| duration >= sampling.slow);
        if failed || slow || hits(knobs, Purpose::Tail, trace as u64, sampling.keep_others) {
            kept.insert(trace);
        }
    }
    telemetry.spans.retain(|placed| kept.contains(&placed.trace()));
}

/// Loses spans, each by itself.
pub(super) fn lose(telemetry: &mut Telemetry, knobs: &Degradation) {
    telemetry.spans.retain(|placed| !hits(knobs, Purpose::Loss, placed.key().1, knobs.loss));
}

/// The threshold that this share, in millionths, is at or above.
fn threshold(keep: u32) -> u64 {
    let rejected = u128::from(1_000_000 - keep.clamp(1, 1_000_000));
    ((rejected << RANDOM_BITS) / 1_000_000) as u64
}

fn hexadecimal(threshold: u64) -> String {
    let digits = format!("{threshold:014x}");
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() { "0".to_owned() } else { digits.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_those_of_the_specification() {
        for (keep, expected) in [(1_000_000, "0"), (500_000, "8"), (250_000, "c"), (10_000, "fd70a3d70a3d7")] {
            assert_eq!(hexadecimal(threshold(keep)), expected, "{keep}");
        }
    }
}
