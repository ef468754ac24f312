//! All scores of one system with one degradation, or of several together.

use std::collections::{BTreeMap, BTreeSet};

use spandrel_shop::{FindingKind, FindingTruth, TruthFile};

use crate::{
    cases::{Case, Counts},
    compare::{
        Match, Ratio, edges,
        findings::{self, Expected, Score},
        impact::{self, Cost},
        origins, paths, records, red,
    },
    observed::{EntryKey, Observed, PathSeen},
    systems::Condition,
};

/// Scores as ANALYSIS 10.4 has them.
#[derive(Debug, Clone, Default)]
pub struct Results {
    pub red_equal: Ratio,
    pub red_covered: Ratio,
    /// The greatest there was, and where.
    pub quantile_error: Option<(f64, String)>,
    /// Of requests as access logs tell of them.
    pub records: Ratio,
    pub edges: Match,
    pub attempts: Ratio,
    pub path_overlap: Ratio,
    pub path_sums: Ratio,
    pub path_partition: Ratio,
    pub origins: Ratio,
    pub findings: Score,
    /// What the conditions of systems cost, where nothing was done to the telemetry.
    pub costs: Vec<Cost>,
}

impl Results {
    pub fn of(truth: &TruthFile, observed: &Observed, case: &Case) -> Self {
        let operations = &observed.operations;
        let is_complete = matches!(case.counts, Counts::Exact | Counts::ExactOverTime);
        let red_equal = match case.counts {
            Counts::Exact => red::equality(&truth.operations, operations),
            Counts::ExactOverTime => red::equality_over_time(&truth.operations, operations),
            Counts::Sampled | Counts::Unknown => Ratio::default(),
        };
        let red_covered = match case.counts {
            Counts::Sampled => red::coverage(&truth.operations, operations, |service| case.kept(service)),
            _ => Ratio::default(),
        };
        let is_in_its_minute = case.counts == Counts::Exact;
        let in_minute = || edges::attempts(&truth.edges, &observed.edges);
        let path_truth = path_truth(truth, observed, is_complete);
        Self {
            red_equal,
            red_covered,
            quantile_error: is_in_its_minute.then(|| red::quantile_error(&truth.operations, operations)).flatten(),
            records: records::equality(&truth.operations, &observed.records),
            edges: edges::existence(&truth.edges, &observed.edges, &case.knobs.uninstrumented),
            attempts: if is_in_its_minute { in_minute() } else { Ratio::default() },
            path_overlap: paths::overlap(&path_truth, &observed.paths),
            path_sums: paths::overlap_of_sums(&path_truth, &observed.paths),
            path_partition: paths::partition(&observed.durations, &observed.paths),
            origins: origins::top_one(&origin_truth(truth, observed, is_complete), &observed.origins),
            findings: Score::of(&expected(truth, case), &observed.findings),
            costs: Vec::new(),
        }
    }

    /// Adds what a condition cost in comparison with the system without it, and the greatest score of what it brought about.
    pub fn add_cost(
        &mut self,
        condition: &Condition,
        (truth, without): (&TruthFile, &TruthFile),
        observed: &Observed,
        case: &Case,
    ) {
        let Condition { kind, during } = condition;
        let expected = expected(truth, case);
        let findings = findings::right(&expected, &observed.findings);
        let during_it = findings.filter(|it| it.since < during.end && it.until > during.start);
        let greatest = during_it.max_by_key(|finding| finding.score);
        self.costs.push(Cost {
            kind: *kind,
            lost: impact::lost(truth, without, during),
            score: greatest.map_or(0, |finding| finding.score),
            finding: greatest.map_or_else(String::new, findings::described),
        });
    }

    pub fn merge(&mut self, other: &Results) {
        self.red_equal.merge(&other.red_equal);
        self.red_covered.merge(&other.red_covered);
        let error = |of: &Option<(f64, String)>| of.as_ref().map_or(-1.0, |(error, _)| *error);
        if error(&other.quantile_error) > error(&self.quantile_error) {
            self.quantile_error.clone_from(&other.quantile_error);
        }
        self.records.merge(&other.records);
        self.edges.merge(&other.edges);
        self.attempts.merge(&other.attempts);
        self.path_overlap.merge(&other.path_overlap);
        self.path_sums.merge(&other.path_sums);
        self.path_partition.merge(&other.path_partition);
        self.origins.merge(&other.origins);
        self.findings.merge(&other.findings);
        self.costs.extend_from_slice(&other.costs);
    }
}

fn key(trace_id: &str, service: &str) -> EntryKey {
    let low = trace_id.get(trace_id.len().saturating_sub(16)..).unwrap_or_default();
    (u64::from_str_radix(low, 16).unwrap_or_default(), service.to_owned())
}

/// Of entries whose root span is missing nothing can be known; where none should be missing, all of them count.
fn path_truth(truth: &TruthFile, observed: &Observed, is_complete: bool) -> BTreeMap<EntryKey, PathSeen> {
    let paths = truth.paths.iter().map(|path| {
        let exclusive = path.exclusive_ns.iter().map(|(service, time)| (service.clone(), *time as i64)).collect();
        (key(&path.trace_id, &path.entry_service), exclusive)
    });
    paths.filter(|(key, _)| is_complete || observed.durations.contains_key(key)).collect()
}

fn origin_truth(truth: &TruthFile, observed: &Observed, is_complete: bool) -> BTreeMap<EntryKey, String> {
    let origins =
        truth.origins.iter().map(|origin| (key(&origin.trace_id, &origin.entry_service), origin.service.clone()));
    origins.filter(|(key, _)| is_complete || observed.durations.contains_key(key)).collect()
}

/// What is to be found. What concerns services that send no spans need not be; that spans are missing or wrong may be.
fn expected(truth: &TruthFile, case: &Case) -> Vec<Expected> {
    let is_silent = |name: &String| case.knobs.uninstrumented.contains(name);
    let expected = |finding: &FindingTruth| Expected {
        kind: finding.kind.as_str().to_owned(),
        service: finding.service.clone(),
        target: finding.target.clone(),
        since: finding.from_unix_nano,
        until: finding.to_unix_nano,
        is_near_miss: finding.near_miss,
        is_side_effect: finding.side_effect
            || is_silent(&finding.service)
            || finding.target.as_ref().is_some_and(is_silent),
    };
    let services: BTreeSet<&String> = truth.operations.iter().map(|operation| &operation.service).collect();
    let gaps = services.into_iter().filter(|service| case.spoils_spans_of(service)).map(|service| Expected {
        kind: FindingKind::InstrumentationGap.as_str().to_owned(),
        service: service.clone(),
        target: None,
        since: i64::MIN,
        until: i64::MAX,
        is_near_miss: false,
        is_side_effect: true,
    });
    truth.findings.iter().map(expected).chain(gaps).collect()
}
