//! The scores as Markdown.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use crate::{
    cases::Case,
    compare::{
        Match, Ratio,
        impact::{self, Cost},
    },
    gates::{Gate, gates},
    results::Results,
};

/// Results of the systems of a set, in each degradation.
#[derive(Debug)]
pub struct SetResults {
    /// `training` or `held out`.
    pub name: &'static str,
    /// How many systems there are.
    pub systems: usize,
    pub cases: Vec<(Case, Results)>,
}

impl SetResults {
    pub fn gates(&self) -> Vec<Gate> {
        gates(self.name, &self.cases)
    }
}

const INTRODUCTION: &str = "\
# Scores

How right the analysis is on simulated systems whose truth is known. `make score` measures it again; this page is its
output. The simulation (`benches/shop`) knows what happened; `benches/score` sends its telemetry through the readers and the
analysis of the server, degraded in one way or another, and compares. Thresholds were chosen on the training systems; the
held-out systems have other seeds and topologies. `score --demo` plays what `spandrel demo` plays and compares what is found, minute
by minute, with what the demo announces.
";

const LEGEND: &str = "\
*RED equal*: operations and minutes whose requests, failures and summed durations are exactly those that there were. *within
1.96 σ*: operations and minutes whose estimated requests are that near the truth, of those with ten samples or more; σ² is
the sum of w (w − 1) n² over traces, each of weight w with n of the requests, since the requests of a trace are sampled
together.
*quantile error*: the greatest of p50, p90, p95 and p99 against the exact nearest rank. *records*: services and minutes whose
requests and failures (of gRPC, requests only) are exactly those that there were by the logs of the gateway before them, and services
whose calls are, over all minutes, by the logs of their callers' proxies. *edges*: of (source, target, kind),
precision / recall. *attempts*: edges and minutes with exactly the calls, attempts and failures that there were. *paths*:
share of the time of all entries that is given to the right service, entry by entry; *sums*: of that of all entries of a
system together. *partition*: entries whose time is shared out to the
nanosecond. *origins*: failed entries whose failure is said to begin where it did. *findings*: all kinds, precision /
recall; kinds that come and go must overlap the truth by half. What another condition brings about may be found, for a part
of its time too. *near misses*: conditions just below a threshold that were
found nevertheless. A dash: nothing to measure.

Clocks of whole milliseconds take away what single paths are made of: most calls here last less than some milliseconds, and
the ends of a span say no more than between which ticks it began and ended. Skew alone takes next to nothing away. Most of what
is wrong of one entry has the other sign in the next, as the sums show; so these clocks are held to the sums
([ADR 8](../adr/0008-choices-of-the-analysis.md)), and clocks of microseconds with the same skew to each entry.
";

const IMPACT: &str = "\
## Scores and true impact

What a condition cost: the same system with the same users is run without it. A request from outside costs its duration, and
10 s more if it fails, after which users give up, or 0.1 s if it answers without something that failed; the difference of the
means while the condition held is what each request lost by it. The score is the greatest of the findings that the condition
brought about, 0 if there are none: by that it is found in a list. Their orders are compared over all systems of a set
(Spearman's ρ, clean telemetry). Left out are conditions that cost what would happen if: `SPOF`, `SHARED_DB`, `CYCLE`,
`DISTRIBUTED_MONOLITH`, and `INSTRUMENTATION_GAP`.
";

/// The page.
///
/// `only` says which telemetry was scored, if not all.
pub fn page(sets: &[SetResults], only: Option<&str>) -> String {
    let mut page = INTRODUCTION.to_owned();
    if let Some(only) = only {
        let _ = writeln!(page, "\nThis page has part of the table: `score --only '{only}'`.");
    }
    for set in sets {
        let _ = writeln!(page, "\n## {}\n\n{} systems.\n", capitalised(set.name), set.systems);
        telemetry_table(&mut page, set);
    }
    let _ = writeln!(page, "\n{LEGEND}");
    kinds_table(&mut page, sets);
    impact_table(&mut page, sets);
    missed_gates(&mut page, sets);
    page
}

/// What was wrong, a few examples of each, for whoever mends it.
pub fn examples(sets: &[SetResults]) -> String {
    let mut text = String::new();
    for (set, case, results) in sets.iter().flat_map(|set| set.cases.iter().map(move |(case, of)| (set, case, of))) {
        let _ = writeln!(text, "\n### {}, {}\n", set.name, case.name);
        let mut list = |what: &str, misses: &[String]| {
            for miss in misses {
                let _ = writeln!(text, "- {what}: {miss}");
            }
        };
        list("RED", &results.red_equal.misses);
        list("RED", &results.red_covered.misses);
        list("edges", &results.edges.precision.misses);
        list("edges", &results.edges.recall.misses);
        list("attempts", &results.attempts.misses);
        list("paths", &results.path_overlap.misses);
        list("partition", &results.path_partition.misses);
        list("records", &results.records.misses);
        list("origins", &results.origins.misses);
        for (kind, found) in &results.findings.by_kind {
            list(kind, &found.precision.misses);
            list(kind, &found.recall.misses);
        }
        list("near miss", &results.findings.near_misses.misses);
        let cost = |cost: &Cost| format!("{}: {:.1} ms, {}", cost.kind.as_str(), cost.lost / 1e6, cost.finding);
        list("cost", &results.costs.iter().map(cost).collect::<Vec<_>>());
        if let Some((error, place)) = results.quantile_error.as_ref().filter(|(error, _)| *error > 0.011) {
            list("quantile", &[format!("{error:.4} at {place}")]);
        }
    }
    text
}

fn telemetry_table(page: &mut String, set: &SetResults) {
    page.push_str(
        "| telemetry | RED equal | within 1.96 σ | quantile error | records | edges | attempts | paths | sums | partition | origins | \
         findings | near misses |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (case, results) in &set.cases {
        let cells = [
            case.name.to_owned(),
            percent(&results.red_equal),
            percent(&results.red_covered),
            results.quantile_error.as_ref().map_or_else(dash, |(error, _)| format!("{:.2} %", error * 100.0)),
            percent(&results.records),
            both(&results.edges),
            percent(&results.attempts),
            percent(&results.path_overlap),
            percent(&results.path_sums),
            percent(&results.path_partition),
            percent(&results.origins),
            both(&results.findings.total()),
            results.findings.near_misses.value().map_or_else(dash, |value| as_percent(1.0 - value)),
        ];
        let _ = writeln!(page, "| {} |", cells.join(" | "));
    }
}

fn kinds_table(page: &mut String, sets: &[SetResults]) {
    let mut kinds: BTreeMap<&str, Vec<Match>> = BTreeMap::new();
    for (position, set) in sets.iter().enumerate() {
        for (case, results) in &set.cases {
            let column = position * 2 + usize::from(!case.is_clean());
            for (kind, found) in &results.findings.by_kind {
                let columns = kinds.entry(kind).or_insert_with(|| vec![Match::default(); sets.len() * 2]);
                columns[column].merge(found);
            }
        }
    }
    page.push_str(
        "## Findings by kind\n\nPrecision / recall, with how many were found and how many there were.\n\n| kind |",
    );
    for set in sets {
        let _ = write!(page, " {0}, clean | {0}, degraded |", set.name);
    }
    let _ = writeln!(page, "\n|---{}|", "|---".repeat(sets.len() * 2));
    for (kind, columns) in kinds {
        let cells: Vec<String> = columns
            .iter()
            .map(|found| format!("{} ({}, {})", both(found), found.precision.of, found.recall.of))
            .collect();
        let _ = writeln!(page, "| `{kind}` | {} |", cells.join(" | "));
    }
}

fn impact_table(page: &mut String, sets: &[SetResults]) {
    let costs: Vec<Vec<Cost>> =
        sets.iter().map(|set| set.cases.iter().flat_map(|(_, results)| results.costs.clone()).collect()).collect();
    if costs.iter().all(Vec::is_empty) {
        return;
    }
    let _ = writeln!(page, "\n{IMPACT}");
    for (set, costs) in sets.iter().zip(&costs) {
        let agreement = impact::agreement(costs).map_or_else(dash, |agreement| format!("{agreement:.2}"));
        let _ = writeln!(page, "- {}: ρ = {agreement}, {} conditions", set.name, costs.len());
    }
    page.push_str("\nMilliseconds that a request lost, and score, both as means.\n\n| kind |");
    sets.iter().for_each(|set| _ = write!(page, " {} |", set.name));
    let _ = writeln!(page, "\n|---{}|", "|---".repeat(sets.len()));
    let by_kind: Vec<BTreeMap<&str, (f64, f64)>> = costs.iter().map(|costs| impact::by_kind(costs)).collect();
    let kinds: BTreeSet<&str> = by_kind.iter().flat_map(|kinds| kinds.keys().copied()).collect();
    for kind in kinds {
        let cell = |means: Option<&(f64, f64)>| {
            means.map_or_else(dash, |(lost, score)| format!("{:.1} ms, {score:.0}", lost / 1e6))
        };
        let cells: Vec<String> = by_kind.iter().map(|kinds| cell(kinds.get(kind))).collect();
        let _ = writeln!(page, "| `{kind}` | {} |", cells.join(" | "));
    }
}

fn missed_gates(page: &mut String, sets: &[SetResults]) {
    let gates: Vec<Gate> = sets.iter().flat_map(SetResults::gates).collect();
    let missed: Vec<&Gate> = gates.iter().filter(|gate| !gate.is_passed()).collect();
    let _ = writeln!(page, "\n## Gates\n\n{} of {} are passed.", gates.len() - missed.len(), gates.len());
    if !missed.is_empty() {
        page.push_str("Missed:\n\n");
    }
    for gate in missed {
        let _ = writeln!(page, "- {gate}");
    }
}

fn both(found: &Match) -> String {
    match (found.precision.value(), found.recall.value()) {
        (None, None) => dash(),
        (precision, recall) => {
            let cell = |value: Option<f64>| value.map_or_else(dash, as_percent);
            format!("{} / {}", cell(precision), cell(recall))
        }
    }
}

fn percent(ratio: &Ratio) -> String {
    ratio.value().map_or_else(dash, as_percent)
}

/// Rounded towards zero, so that only what is whole looks whole.
fn as_percent(share: f64) -> String {
    format!("{} %", (share * 1000.0 + 1e-6).floor() / 10.0)
}

fn dash() -> String {
    "–".to_owned()
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
