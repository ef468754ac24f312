//! A request cut short is an error, unless what is left is a whole request of its own.

use proptest::prelude::*;

use crate::{
    check::{Request, assert_same_batch, decode},
    generate::{logs, traces},
    generate_metrics::metrics,
    wire_format::fields,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn cut_traces_are_refused(request in traces()) {
        check_cuts(&request);
    }

    #[test]
    fn cut_logs_are_refused(request in logs()) {
        check_cuts(&request);
    }

    #[test]
    fn cut_metrics_are_refused(request in metrics()) {
        check_cuts(&request);
    }
}

fn check_cuts<R: Request>(request: &R) {
    let bytes = request.encode_to_vec();
    let mut whole = vec![0];
    for resource in fields(&bytes) {
        whole.push(whole.last().expect("there is a first") + resource.bytes.len());
    }
    for cut in 0..bytes.len() {
        let decoded = decode(R::SIGNAL, &bytes[..cut]);
        if whole.contains(&cut) {
            let before = R::decode(&bytes[..cut]).expect("whole resources are a request");
            let decoded = decoded.expect("whole resources are a request");
            assert_same_batch(&decoded.batch, &before.expected(&Default::default()).batch);
        } else {
            assert!(decoded.is_err(), "{cut} of {} bytes are no request", bytes.len());
        }
    }
}
