//! A few traces to look at, chosen in a way that does not depend on the order they come in.

/// How many of a kind are stored and shown.
const SHOWN: usize = 3;
/// How many of a kind are kept, in case that some are taken away.
const KEPT: usize = 2 * SHOWN;
/// Hex digits of a trace id.
const ID_LEN: usize = 32;

/// Traces to look at: those with the smallest hash of their id, so that the choice does not depend on order. Each trace
/// is there once in each list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examples {
    /// (nanoseconds, trace id), the slowest first.
    pub slow: Vec<(i64, u128)>,
    /// (hash, trace id), the smallest first.
    pub failed: Vec<(u64, u128)>,
    /// As `failed`, whatever the outcome.
    pub any: Vec<(u64, u128)>,
    /// Those of the last of `slow` and `any` if no more are kept: nearly all calls are beyond, and need not be compared
    /// with those kept.
    slow_limit: Option<i64>,
    any_limit: Option<u64>,
}

impl Examples {
    /// Considers a call of `duration` nanoseconds in the trace `trace_id`; 0 is no trace.
    pub fn add(&mut self, trace_id: u128, duration: i64, is_failure: bool) {
        if trace_id == 0 {
            return;
        }
        self.add_slow(trace_id, duration);
        self.add_any(trace_id);
        if is_failure {
            self.add_failed(trace_id);
        }
    }

    /// Forgets a trace.
    pub fn remove(&mut self, trace_id: u128) {
        self.slow.retain(|(_, id)| *id != trace_id);
        self.failed.retain(|(_, id)| *id != trace_id);
        self.any.retain(|(_, id)| *id != trace_id);
        self.limit();
    }

    pub fn merge(&mut self, other: &Examples) {
        for (duration, id) in &other.slow {
            self.add_slow(*id, *duration);
        }
        for (_, id) in &other.failed {
            self.add_failed(*id);
        }
        for (_, id) in &other.any {
            self.add_any(*id);
        }
    }

    /// The examples as they are stored, in order: the slow ones, the failed ones, any.
    pub fn texts(&self) -> impl Iterator<Item = String> + '_ {
        let slow = self.slow.iter().take(SHOWN).map(|(duration, id)| format!("{id:032x} slow {duration}"));
        let failed = self.failed.iter().take(SHOWN).map(|(_, id)| format!("{id:032x} failed"));
        let any = self.any.iter().take(SHOWN).map(|(_, id)| format!("{id:032x}"));
        slow.chain(failed).chain(any)
    }

    /// Adds one of [`Examples::texts`]. Other texts add nothing.
    pub fn add_text(&mut self, text: &str) {
        let Some((id, kind)) = text.split_at_checked(ID_LEN) else { return };
        let Some(id) = trace_id(id) else { return };
        match kind.strip_prefix(" slow ").map(str::parse) {
            Some(Ok(duration)) => self.add_slow(id, duration),
            None if kind == " failed" => self.add_failed(id),
            None if kind.is_empty() => self.add_any(id),
            _ => {}
        }
    }

    /// The ids, each once: slow ones, failed ones, any.
    pub fn ids(&self) -> Vec<u128> {
        let slow = self.slow.iter().take(SHOWN).map(|(_, id)| *id);
        let others = [&self.failed, &self.any].into_iter().flat_map(|list| list.iter().take(SHOWN).map(|(_, id)| *id));
        let mut ids = Vec::new();
        for id in slow.chain(others) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }

    #[inline]
    fn add_slow(&mut self, trace_id: u128, duration: i64) {
        if self.slow_limit.is_none_or(|limit| duration >= limit) {
            self.place_slow(trace_id, duration);
        }
    }

    fn place_slow(&mut self, trace_id: u128, duration: i64) {
        if let Some(known) = self.slow.iter().position(|(_, id)| *id == trace_id) {
            if self.slow[known].0 >= duration {
                return;
            }
            self.slow.remove(known);
        }
        let place = self.slow.partition_point(|(known, id)| (-known, hash(*id)) < (-duration, hash(trace_id)));
        insert(&mut self.slow, place, (duration, trace_id));
        self.limit();
    }

    fn add_failed(&mut self, trace_id: u128) {
        add_hashed(&mut self.failed, trace_id);
    }

    #[inline]
    fn add_any(&mut self, trace_id: u128) {
        if self.any_limit.is_none_or(|limit| hash(trace_id) <= limit) {
            add_hashed(&mut self.any, trace_id);
            self.limit();
        }
    }

    fn limit(&mut self) {
        self.slow_limit = self.slow.get(KEPT - 1).map(|(duration, _)| *duration);
        self.any_limit = self.any.get(KEPT - 1).map(|(hash, _)| *hash);
    }
}

/// Of so many hex digits, in halves, each of which fits a register.
fn trace_id(digits: &str) -> Option<u128> {
    let (upper, lower) = digits.split_at_checked(ID_LEN / 2)?;
    let half = |digits| u64::from_str_radix(digits, 16).ok().map(u128::from);
    Some(half(upper)? << 64 | half(lower)?)
}

fn add_hashed(list: &mut Vec<(u64, u128)>, trace_id: u128) {
    let example = (hash(trace_id), trace_id);
    if list.len() >= KEPT && list.last().is_some_and(|last| *last < example) {
        return;
    }
    if let Err(place) = list.binary_search(&example) {
        insert(list, place, example);
    }
}

fn insert<T>(list: &mut Vec<T>, place: usize, example: T) {
    if place < KEPT {
        list.truncate(KEPT - 1);
        list.insert(place, example);
    }
}

/// The finaliser of MurmurHash3 over both halves: a hash that is the same everywhere and for ever.
pub(crate) fn hash(trace_id: u128) -> u64 {
    let mix = |mut word: u64| {
        word = (word ^ word >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        word = (word ^ word >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        word ^ word >> 33
    };
    mix(mix((trace_id >> 64) as u64).wrapping_add(trace_id as u64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(calls: &[(u128, i64, bool)]) -> Examples {
        let mut examples = Examples::default();
        for (id, duration, is_failure) in calls {
            examples.add(*id, *duration, *is_failure);
        }
        examples
    }

    #[test]
    fn texts_are_read_back() {
        let examples = of(&[(0xab, 5, true), (0xcd, 7, false)]);
        let texts: Vec<String> = examples.texts().collect();
        assert_eq!(texts[0], "000000000000000000000000000000cd slow 7");
        assert_eq!(texts[2], "000000000000000000000000000000ab failed");
        let mut read = Examples::default();
        for text in texts.iter().rev().map(String::as_str).chain(["", "zz", "ab slow", "ab slow x", "ab odd"]) {
            read.add_text(text);
        }
        assert_eq!(read, examples);
        assert_eq!(read.ids(), [0xcd, 0xab]);
        assert_eq!(of(&[(0, 5, true)]), Examples::default());
    }

    proptest! {
        #[test]
        fn the_choice_does_not_depend_on_order_or_split(
            calls in prop::collection::vec((1_u128..12, 0_i64..20, any::<bool>()), 0..60).prop_shuffle(),
            split in 0_usize..60,
        ) {
            let mut sorted = calls.clone();
            sorted.sort_unstable();
            prop_assert_eq!(of(&calls), of(&sorted));
            let (left, right) = calls.split_at(split.min(calls.len()));
            let mut merged = of(right);
            merged.merge(&of(left));
            prop_assert_eq!(merged, of(&calls));
        }

        #[test]
        fn a_trace_that_comes_again_changes_nothing(
            calls in prop::collection::vec((1_u128..7, 0_i64..20, any::<bool>()), 0..60),
        ) {
            let mut examples = of(&calls);
            examples.remove(3);
            for (id, duration, is_failure) in calls.iter().filter(|(id, _, _)| *id == 3) {
                examples.add(*id, *duration, *is_failure);
            }
            prop_assert_eq!(examples, of(&calls));
        }
    }
}
