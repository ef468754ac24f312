//! Scenarios in which something goes wrong.

use super::Scene;
use crate::{
    topology::{Breaker, Call, Effect, OnFailure, Step, Window},
    truth::{Expectation, FindingKind},
};

const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MILLISECOND;

/// How long the caller of a service that has become slow waits for it.
const SHORT_TIMEOUT: i64 = 60 * MILLISECOND;
/// How often a service that has become slow is.
const HANGS_PER_MILLE: u32 = 300;

impl Scene<'_> {
    /// The callee fails, and everybody up to the entry with it.
    pub(super) fn cascade(&mut self) -> Vec<Expectation> {
        self.fail(self.scenario.either(200_000, 4_000));
        let origin = self.callee();
        self.entries_reaching(|entry_service, entry_operation| Expectation {
            kind: FindingKind::Cascade,
            service: origin.clone(),
            target: Some(entry_service),
            operation: Some(entry_operation),
        })
    }

    /// The callee is slow and has but one worker.
    pub(super) fn hot_service(&mut self) -> Vec<Expectation> {
        self.afflict(Effect::Latency { percent: self.scenario.either(2_500, 125) });
        if !self.scenario.near_miss {
            self.afflict(Effect::Pool { workers: 1 });
        }
        self.about(self.callee())
    }

    /// Nearly all calls fail, until some time before the end, and callers have a breaker.
    pub(super) fn breaker(&mut self) -> Vec<Expectation> {
        let (window, wait) = (Window::Count(50), 15 * SECOND);
        let breaker = Breaker { window, failure_percent: 50, min_calls: 20, wait, half_open_calls: 3 };
        self.change_calls(|call| *call = call.guarded(breaker).optional());
        let length = self.during.end - self.during.start;
        let failing = self.during.start..self.during.end - (length / 4).min(60 * SECOND);
        let effect = Effect::Error { per_million: self.scenario.either(900_000, 120_000) };
        self.builder.topology_mut().afflict_service(self.place.callee, &failing, effect);
        self.about_edge()
    }

    /// Most calls fail and are tried again at once, three times.
    pub(super) fn retry_storm(&mut self) -> Vec<Expectation> {
        self.change_calls(|call| *call = call.retried(3, 2));
        self.fail(self.scenario.either(780_000, 250_000));
        self.about_edge()
    }

    /// Some calls fail and are tried again.
    pub(super) fn retry_amplification(&mut self) -> Vec<Expectation> {
        self.change_calls(|call| *call = call.retried(3, 5).jittered(50));
        self.fail(self.scenario.either(250_000, 90_000));
        self.about_edge()
    }

    /// Some calls take longer than the caller waits.
    pub(super) fn timeout_inversion(&mut self) -> Vec<Expectation> {
        self.give_up_early();
        let slow = Step::work(90_000, 110_000);
        self.append_to_callee(&[Step::sometimes(self.scenario.either(40, 5), [slow])]);
        self.about_edge()
    }

    /// Many calls hang long after the caller has gone, so long that a processor's worth of time goes into them.
    pub(super) fn wasted_work(&mut self) -> Vec<Expectation> {
        self.give_up_early();
        let topology = self.builder.topology();
        let calls = topology.calls_between((self.place.caller, self.place.callee), self.during.start) * self.rate;
        let hanging = (calls * f64::from(HANGS_PER_MILLE) / 1_000.0).max(0.01);
        let seconds = self.scenario.either(1.8, 0.4) / hanging + SHORT_TIMEOUT as f64 / SECOND as f64;
        // The mean of such a distribution is about nine tenths of its median.
        let median = (seconds * 1e6 / 0.9) as i64;
        let hang = Step::work(median, median * 11 / 10);
        self.append_to_callee(&[Step::sometimes(HANGS_PER_MILLE, [hang])]);
        if !self.scenario.near_miss {
            // So much work is stress.
            let kind = FindingKind::HotService;
            self.side_effects.push(Expectation { kind, service: self.callee(), target: None, operation: None });
        }
        self.about(self.callee())
    }

    /// The callee fails after all its work, and callers go on without it.
    pub(super) fn hidden_errors(&mut self) -> Vec<Expectation> {
        self.change_calls(|call| call.on_failure = OnFailure::GoOn);
        self.append_to_callee(&[Step::work(8_000, 14_000)]);
        self.fail(self.scenario.either(250_000, 20_000));
        self.entries_reaching(|entry_service, entry_operation| Expectation {
            kind: FindingKind::HiddenErrors,
            service: entry_service,
            target: None,
            operation: Some(entry_operation),
        })
    }

    /// The callee does not send half of its spans.
    pub(super) fn instrumentation_gap(&mut self) -> Vec<Expectation> {
        self.afflict(Effect::Silence { per_mille: self.scenario.either(500, 40) });
        self.about(self.callee())
    }

    /// One process of the callee is left, and it fails now and then.
    pub(super) fn spof(&mut self) -> Vec<Expectation> {
        self.afflict(Effect::Scale { instances: self.scenario.either(1, 2) });
        self.fail(8_000);
        self.about(self.callee())
    }

    fn fail(&mut self, per_million: u32) {
        self.afflict(Effect::Error { per_million });
    }

    fn afflict(&mut self, effect: Effect) {
        self.builder.topology_mut().afflict_service(self.place.callee, &self.during, effect);
    }

    /// Callers wait for a short time only, do not say so, and can do without the answer.
    fn give_up_early(&mut self) {
        self.change_calls(|call| {
            *call = Call { timeout: SHORT_TIMEOUT, propagates_deadline: false, retries: 0, ..call.optional() };
        });
    }

    fn change_calls(&mut self, change: impl Fn(&mut Call)) {
        let edge = (self.place.caller, self.place.callee);
        self.builder.topology_mut().change_calls(edge, &self.during, change);
    }

    /// A finding for each entry operation that the callee has a part in.
    fn entries_reaching(&self, finding: impl Fn(String, String) -> Expectation) -> Vec<Expectation> {
        let topology = self.builder.topology();
        let mut findings = Vec::new();
        for entry in topology.entries() {
            if topology.reaches(entry.operation, self.place.callee, self.during.start) {
                let operation = topology.operation(entry.operation);
                let service = topology.service(operation.service);
                findings.push(finding(service.name.to_string(), operation.name.to_string()));
            }
        }
        findings
    }
}
