//! Requests that arrive twice, late, and in another order.

use super::{Degradation, Purpose, hash, hits};
use crate::telemetry::{Batch, Signal};

/// Sends requests again whose acknowledgement was lost.
pub(super) fn duplicate(batches: &mut Vec<Batch>, knobs: &Degradation) {
    if knobs.duplicates == 0 {
        return;
    }
    let once = std::mem::take(batches);
    for (index, batch) in once.into_iter().enumerate() {
        let is_hit = hits(knobs, Purpose::Duplicate, index as u64, knobs.duplicates);
        let again = (is_hit && batch.payload.signal() == Signal::Traces).then(|| batch.clone());
        batches.push(batch);
        batches.extend(again);
    }
}

/// Delays requests, each by itself.
pub(super) fn delay(batches: &mut [Batch], knobs: &Degradation) {
    if knobs.delay <= 0 {
        return;
    }
    for (index, batch) in batches.iter_mut().enumerate() {
        let hash = u128::from(hash(knobs, Purpose::Delay, index as u64));
        batch.due += ((hash * u128::from(knobs.delay.unsigned_abs())) >> 64) as i64;
    }
    batches.sort_by_key(|batch| batch.due);
}
