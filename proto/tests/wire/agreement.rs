//! Whatever a request says, the reader and the rules make the same rows of it.

use proptest::prelude::*;
use spandrel_proto::wire::DecodeLimits;

use crate::{
    check::check_request,
    generate::{logs, traces},
    generate_metrics::metrics,
};

/// Limits that requests of tests run into.
fn tight_limits() -> impl Strategy<Value = DecodeLimits> {
    // A character has at most four bytes: text that is cut is never cut to nothing.
    (0..6_usize, 4..24_usize, 0..3_usize).prop_map(|(attributes, value_bytes, list_items)| DecodeLimits {
        attributes,
        value_bytes,
        list_items,
        ..DecodeLimits::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn traces_become_what_the_rules_say(request in traces()) {
        check_request(&request, &DecodeLimits::default());
    }

    #[test]
    fn logs_become_what_the_rules_say(request in logs()) {
        check_request(&request, &DecodeLimits::default());
    }

    #[test]
    fn metrics_become_what_the_rules_say(request in metrics()) {
        check_request(&request, &DecodeLimits::default());
    }

    #[test]
    fn limits_cut_traces_as_the_rules_say(request in traces(), limits in tight_limits()) {
        check_request(&request, &limits);
    }

    #[test]
    fn limits_cut_logs_as_the_rules_say(request in logs(), limits in tight_limits()) {
        check_request(&request, &limits);
    }

    #[test]
    fn limits_cut_metrics_as_the_rules_say(request in metrics(), limits in tight_limits()) {
        check_request(&request, &limits);
    }
}
