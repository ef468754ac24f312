//! Critical paths.

use std::collections::BTreeMap;

use super::Ratio;
use crate::observed::{EntryKey, PathSeen};

type Paths = BTreeMap<EntryKey, PathSeen>;

/// The same of the sums over all entries: what a service owns of all requests together.
pub fn overlap_of_sums(truth: &Paths, seen: &Paths) -> Ratio {
    let all = |paths: &Paths| {
        let mut sum = PathSeen::new();
        for (service, time) in truth.keys().filter_map(|entry| paths.get(entry)).flatten() {
            *sum.entry(service.clone()).or_default() += time;
        }
        Paths::from([((0, String::new()), sum)])
    };
    overlap(&all(truth), &all(seen))
}

/// Share of the time of all entries that is given to the right service.
pub fn overlap(truth: &Paths, seen: &Paths) -> Ratio {
    let mut ratio = Ratio::default();
    let none = PathSeen::new();
    for (entry, truth) in truth {
        let seen = seen.get(entry).unwrap_or(&none);
        let right: i64 = truth.iter().map(|(key, time)| seen.get(key).map_or(0, |seen| (*seen).min(*time))).sum();
        let whole: i64 = truth.values().sum();
        ratio.add(right as f64, whole as f64, || {
            let wrong = |(service, time): (&String, &i64)| {
                let seen = seen.get(service).copied().unwrap_or_default();
                (seen != *time).then(|| format!("{service} {seen} of {time} ns"))
            };
            let wrong: Vec<String> = truth.iter().filter_map(wrong).take(3).collect();
            format!("{:016x} of {}: {}", entry.0, entry.1, wrong.join(", "))
        });
    }
    ratio
}

/// Share of entries whose time is shared out exactly, whatever to whom.
pub fn partition(durations: &BTreeMap<EntryKey, i64>, seen: &Paths) -> Ratio {
    let mut ratio = Ratio::default();
    for (entry, duration) in durations {
        let sum: i64 = seen.get(entry).map_or(0, |path| path.values().sum());
        ratio.count(sum == *duration, || format!("{:016x} of {}: {sum} of {duration} ns", entry.0, entry.1));
    }
    ratio
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(times: &[(&str, i64)]) -> Paths {
        let path = times.iter().map(|(service, time)| ((*service).to_owned(), *time)).collect();
        BTreeMap::from([((1, "shop".to_owned()), path)])
    }

    #[test]
    fn overlap_is_weighted_by_time() {
        let truth = paths(&[("a", 30), ("b", 70)]);
        assert_eq!(overlap(&truth, &truth).value(), Some(1.0));
        assert_eq!(overlap(&truth, &paths(&[("a", 50), ("b", 50)])).value(), Some(0.8));
        assert_eq!(overlap(&truth, &Paths::new()).value(), Some(0.0));
    }

    #[test]
    fn what_is_wrong_both_ways_is_right_in_the_sum() {
        let of = |first: i64, second: i64| {
            let path = |a: i64| PathSeen::from([("a".to_owned(), a), ("b".to_owned(), 100 - a)]);
            Paths::from([((1, "shop".to_owned()), path(first)), ((2, "shop".to_owned()), path(second))])
        };
        let (truth, seen) = (of(30, 30), of(20, 40));
        assert_eq!((overlap(&truth, &seen).value(), overlap_of_sums(&truth, &seen).value()), (Some(0.9), Some(1.0)));
        let known = Paths::from([((1, "shop".to_owned()), PathSeen::from([("a".to_owned(), 100)]))]);
        assert_eq!(overlap_of_sums(&known, &seen).value(), Some(0.2), "only of entries that are compared");
    }

    #[test]
    fn a_partition_has_the_duration_of_its_entry() {
        let durations = BTreeMap::from([((1, "shop".to_owned()), 100)]);
        assert_eq!(partition(&durations, &paths(&[("a", 50), ("b", 50)])).value(), Some(1.0));
        assert_eq!(partition(&durations, &paths(&[("a", 50)])).value(), Some(0.0));
    }
}
