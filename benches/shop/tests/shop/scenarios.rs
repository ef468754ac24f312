//! Each scenario shows the condition it is made for, and its near miss does not.

use spandrel_shop::{FindingKind, MINUTE, Scenario, Scheduled, ShopConfig};

use crate::history::History;

const SECOND: i64 = 1_000_000_000;

pub(crate) fn played(scenario: Scenario) -> History {
    let scheduled = Scheduled { scenario, during: MINUTE..4 * MINUTE };
    let config = ShopConfig { seed: 11, rate: 15.0, scenarios: vec![scheduled], ..ShopConfig::default() };
    History::of(&config, 5 * MINUTE / SECOND)
}

#[test]
fn explore() {
    for kind in FindingKind::ALL {
        for scenario in [Scenario::of(kind), Scenario::near_miss(kind)] {
            let truth = played(scenario).truth;
            println!("== {scenario} spans {}", truth.totals.spans);
            for finding in &truth.findings {
                println!(
                    "   {} {} -> {:?} {:?} [{}..{}] near {} side {}",
                    finding.kind.as_str(),
                    finding.service,
                    finding.target,
                    finding.operation,
                    (finding.from_unix_nano - 1_767_225_600 * SECOND) / SECOND,
                    (finding.to_unix_nano - 1_767_225_600 * SECOND) / SECOND,
                    finding.near_miss,
                    finding.side_effect
                );
            }
        }
    }
}
