//! What `spandrel demo` shows.

use spandrel_score::demo::{Demo, play};
use spandrel_shop::FindingKind;

#[test]
fn the_demo_raises_each_finding_at_its_time_and_no_other() {
    for is_history in [false, true] {
        let played = play(&Demo { is_history, ..Demo::default() }).unwrap();
        assert!(played.is_right(), "{played}");
        let kinds: Vec<FindingKind> = played.announced.iter().map(|announced| announced.truth.kind).collect();
        for kind in FindingKind::ALL {
            assert!(kinds.contains(&kind), "{}", kind.as_str());
        }
    }
}

#[test]
fn a_shop_with_nothing_wrong_raises_nothing() {
    let played = play(&Demo { scenarios: Vec::new(), history: 20, ..Demo::default() }).unwrap();
    assert!(played.is_right() && played.announced.is_empty(), "{played}");
}
