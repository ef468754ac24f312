//! Clocks that are wrong, and coarse.

use super::{Clocks, Degradation, Purpose, hash, telemetry::Telemetry};
use crate::telemetry::show_times;

/// Shifts the spans of each host by what its clock shows at their start.
pub(super) fn skew(telemetry: &mut Telemetry, knobs: &Degradation) {
    if knobs.clocks == Clocks::default() {
        return;
    }
    let Some(first) = telemetry.spans.iter().map(|placed| placed.span.start_time_unix_nano).min() else { return };
    let clocks: Vec<Clock> = telemetry.senders.iter().map(|sender| Clock::of(&sender.host, knobs)).collect();
    for placed in &mut telemetry.spans {
        let clock = &clocks[placed.sender];
        let shift = clock.shift(placed.span.start_time_unix_nano as i64, first as i64);
        show_times(&mut placed.span, |time| clock.round(time + shift));
    }
}

/// The clock of a host.
struct Clock {
    offset: i64,
    /// Millionths.
    drift: i64,
    step: Option<super::ClockStep>,
    resolution: i64,
}

impl Clock {
    fn of(host: &str, knobs: &Degradation) -> Self {
        let clocks = &knobs.clocks;
        let resolution = clocks.resolution;
        if clocks.host.as_ref().is_some_and(|only| only != host) {
            return Self { offset: 0, drift: 0, step: None, resolution };
        }
        let host = host.bytes().fold(0_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        let within = |purpose, bound: i64| {
            let width = u128::from(bound.unsigned_abs()) * 2 + 1;
            ((u128::from(hash(knobs, purpose, host)) * width) >> 64) as i64 - bound
        };
        // A single host is off by just as much as was asked for.
        let alone = clocks.host.is_some();
        Self {
            offset: if alone { clocks.max_offset } else { within(Purpose::Offset, clocks.max_offset) },
            drift: within(Purpose::Drift, i64::from(clocks.max_drift)),
            step: clocks.step.filter(|_| alone || hash(knobs, Purpose::Step, host).is_multiple_of(2)),
            resolution,
        }
    }

    fn shift(&self, time: i64, first: i64) -> i64 {
        let drifted = (i128::from(time - first) * i128::from(self.drift) / 1_000_000) as i64;
        let stepped = self.step.filter(|step| time >= step.at).map_or(0, |step| step.by);
        self.offset + drifted + stepped
    }

    fn round(&self, time: i64) -> i64 {
        if self.resolution > 0 { time.div_euclid(self.resolution) * self.resolution } else { time }
    }
}
