//! Requests as access logs tell of them.

use std::collections::{BTreeMap, BTreeSet};

use spandrel_analysis::span::WEIGHT_ONE;
use spandrel_shop::OperationTruth;

use super::Ratio;
use crate::observed::{RecordsAt, RecordsSeen};

type Records = BTreeMap<RecordsAt, RecordsSeen>;

/// Share of what access logs count with just the requests that there were: of services asked from outside, minute by
/// minute and with failures, unless by gRPC, whose status the lines of Istio leave out; of all others over all minutes,
/// since a proxy dates a call by its caller. Nothing without records.
pub fn equality(truth: &[OperationTruth], seen: &Records) -> Ratio {
    let mut ratio = Ratio::default();
    let asked: BTreeSet<&str> = seen.keys().filter(|at| at.is_from_outside).map(|at| at.service.as_str()).collect();
    let within: BTreeSet<&str> = seen.keys().filter(|at| !at.is_from_outside).map(|at| at.service.as_str()).collect();
    let mut minutes: BTreeMap<(&str, i64), [u64; 2]> = BTreeMap::new();
    let mut services: BTreeMap<&str, u64> = BTreeMap::new();
    // Messages go through no proxy.
    for truth in truth.iter().filter(|truth| !truth.operation.starts_with("process ")) {
        if asked.contains(truth.service.as_str()) {
            let [requests, failures] = minutes.entry((&truth.service, truth.minute_unix_nano)).or_default();
            *requests += truth.requests;
            *failures += if is_rpc(&truth.operation) { 0 } else { truth.failures };
        } else if !within.is_empty() {
            *services.entry(&truth.service).or_default() += truth.requests;
        }
    }
    for ((service, minute), expected) in minutes {
        let at = RecordsAt { minute, service: service.to_owned(), is_from_outside: true };
        let counts = seen.get(&at).map(|seen| [seen.requests, seen.failures]);
        let expected = expected.map(|count| count * WEIGHT_ONE);
        ratio.count(counts == Some(expected), || format!("{at:?}: {counts:?}, expected {expected:?}"));
    }
    for (service, expected) in services {
        let of_service = seen.iter().filter(|(at, _)| !at.is_from_outside && at.service == service);
        let requests: u64 = of_service.map(|(_, seen)| seen.requests).sum();
        ratio.count(requests == expected * WEIGHT_ONE, || {
            format!("{service}: {}, expected {expected}", requests as f64 / WEIGHT_ONE as f64)
        });
    }
    ratio
}

/// Others are named by method and route.
fn is_rpc(operation: &str) -> bool {
    !operation.contains(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(service: &str, operation: &str, requests: u64) -> OperationTruth {
        OperationTruth {
            minute_unix_nano: 0,
            service: service.to_owned(),
            operation: operation.to_owned(),
            requests,
            failures: 1,
            outcomes: BTreeMap::new(),
            duration_sum_ns: 0,
            durations_ns: Vec::new(),
        }
    }

    fn seen(of: &[(i64, &str, bool, u64)]) -> Records {
        let one = |(minute, service, is_from_outside, requests): &(i64, &str, bool, u64)| {
            let at = RecordsAt { minute: *minute, service: (*service).to_owned(), is_from_outside: *is_from_outside };
            (at, RecordsSeen { requests: requests * WEIGHT_ONE, failures: WEIGHT_ONE })
        };
        of.iter().map(one).collect()
    }

    #[test]
    fn entries_count_by_the_minute_and_calls_over_all() {
        let truth = [truth("edge", "GET /", 5), truth("cart", "GET /cart", 3), truth("cart", "process orders", 9)];
        let all = [(0, "edge", true, 5), (0, "cart", false, 2), (60, "cart", false, 1)];
        assert_eq!(equality(&truth, &seen(&all)).value(), Some(1.0));
        assert_eq!(equality(&truth, &seen(&all[..2])).value(), Some(0.5), "a call is missing");
        assert_eq!(equality(&truth, &seen(&all[..1])).value(), Some(1.0), "nobody writes down calls");
        assert_eq!(equality(&truth, &Records::new()).value(), None);
        let truth = [truth[0].clone(), self::truth("edge", "shop.Edge/Get", 2)];
        let one = [(0, "edge", true, 7)];
        assert_eq!(equality(&truth, &seen(&one)).value(), Some(1.0), "of two failures one is not told");
    }
}
