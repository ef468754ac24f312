//! What the scores must be at least.

use std::fmt;

use crate::{
    cases::{COARSE, Case, Counts, LOSSY, SKEWED},
    compare::{Match, Ratio, impact},
    results::Results,
};

/// A bound on a score.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// What is measured, on which systems and in which degradation.
    pub name: String,
    pub value: f64,
    pub bound: Bound,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Gate {
    pub fn is_passed(&self) -> bool {
        match self.bound {
            Bound::AtLeast(least) => self.value >= least,
            Bound::AtMost(most) => self.value <= most,
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, bound) = match self.bound {
            Bound::AtLeast(least) => ("≥", least),
            Bound::AtMost(most) => ("≤", most),
        };
        write!(f, "{}: {:.4}, must be {sign} {bound}", self.name, self.value)
    }
}

/// The gates of a set of systems, whose results are given for each degradation.
pub fn gates(set: &str, results: &[(Case, Results)]) -> Vec<Gate> {
    let mut gates = Gates { set, gates: Vec::new() };
    for (case, results) in results {
        gates.of_case(case, results);
    }
    let mut degraded = Results::default();
    for (_, results) in results.iter().filter(|(case, _)| !case.is_clean()) {
        degraded.merge(results);
    }
    gates.ratio("origins, all degraded", &degraded.origins, 0.90);
    gates.findings("all degraded", &degraded, (0.90, 0.80));
    gates.gates
}

struct Gates<'a> {
    set: &'a str,
    gates: Vec<Gate>,
}

impl Gates<'_> {
    fn of_case(&mut self, case: &Case, results: &Results) {
        let name = case.name;
        match case.counts {
            Counts::Exact | Counts::ExactOverTime => {
                self.ratio(format!("RED equal, {name}"), &results.red_equal, 1.0);
            }
            Counts::Sampled => self.ratio(format!("RED within 1.96 σ, {name}"), &results.red_covered, 0.94),
            Counts::Unknown => {}
        }
        if let Some((error, _)) = &results.quantile_error {
            self.push(format!("error of quantiles, {name}"), Some(*error), Bound::AtMost(0.011));
        }
        self.ratio(format!("critical paths exact partitions, {name}"), &results.path_partition, 1.0);
        self.ratio(format!("requests by access logs, {name}"), &results.records, 1.0);
        if name == LOSSY {
            self.found(&format!("edges, {name}"), &results.edges, (0.98, 0.98));
        }
        if name == SKEWED {
            self.ratio(format!("critical paths, {name}"), &results.path_overlap, 0.97);
        }
        // Of single entries less: ticks of milliseconds are too coarse for calls of a few (ADR 8).
        if name == COARSE {
            self.ratio(format!("critical paths of all entries together, {name}"), &results.path_sums, 0.97);
        }
        if case.is_clean() {
            self.found(&format!("edges, {name}"), &results.edges, (1.0, 1.0));
            self.ratio("attempts, clean", &results.attempts, 1.0);
            self.ratio("critical paths, clean", &results.path_overlap, 0.999);
            self.ratio("origins, clean", &results.origins, 0.98);
            self.findings("clean", results, (0.95, 0.95));
            let agreement = impact::agreement(&results.costs);
            self.push("order of scores and of true impact", agreement, Bound::AtLeast(0.8));
        }
    }

    fn findings(&mut self, name: &str, results: &Results, bounds: (f64, f64)) {
        for (kind, found) in &results.findings.by_kind {
            self.found(&format!("{kind}, {name}"), found, bounds);
        }
        let near_misses = results.findings.near_misses.value().map(|value| 1.0 - value);
        self.push(format!("near misses found, {name}"), near_misses, Bound::AtMost(0.05));
    }

    fn found(&mut self, name: &str, found: &Match, (precision, recall): (f64, f64)) {
        self.ratio(format!("precision of {name}"), &found.precision, precision);
        self.ratio(format!("recall of {name}"), &found.recall, recall);
    }

    fn ratio(&mut self, name: impl fmt::Display, ratio: &Ratio, least: f64) {
        self.push(name, ratio.value(), Bound::AtLeast(least));
    }

    /// What could not be measured has no gate.
    fn push(&mut self, name: impl fmt::Display, value: Option<f64>, bound: Bound) {
        let name = format!("{name} ({})", self.set);
        self.gates.extend(value.map(|value| Gate { name, value, bound }));
    }
}

#[cfg(test)]
mod tests {
    use spandrel_shop::degrade::Degradation;

    use super::*;

    #[test]
    fn a_missed_gate_is_named() {
        let case = Case { name: "clean", counts: Counts::Exact, knobs: Degradation::default() };
        let mut results = Results::default();
        results.origins.add(97.0, 100.0, String::new);
        results.attempts.add(100.0, 100.0, String::new);
        let missed: Vec<String> = gates("held out", &[(case, results)])
            .iter()
            .filter(|gate| !gate.is_passed())
            .map(Gate::to_string)
            .collect();
        assert_eq!(missed, ["origins, clean (held out): 0.9700, must be ≥ 0.98"]);
    }
}
