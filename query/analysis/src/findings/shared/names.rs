//! Texts of what findings are about, and how complete the data is.

use super::Window;
use crate::{context::NodeId, findings::Evaluation, span::ServiceId, text::Text};

/// A text, if there is one.
pub(crate) fn text(evaluation: &Evaluation<'_>, text: Text) -> Option<String> {
    (!text.is_none()).then(|| evaluation.context.texts.get(text).to_owned())
}

pub(crate) fn service(evaluation: &Evaluation<'_>, service: ServiceId) -> String {
    evaluation.context.service_name(service).to_owned()
}

pub(crate) fn node(evaluation: &Evaluation<'_>, node: NodeId) -> String {
    evaluation.context.node_name(node).to_owned()
}

/// `deployment.environment.name` of a service.
pub(crate) fn environment(evaluation: &Evaluation<'_>, service: ServiceId) -> Option<String> {
    text(evaluation, evaluation.context.service(service).environment)
}

/// Share of what should be there that is there, 0 to 1: spans whose parents are there, times calls between services of
/// which both sides are there, over the services that a finding rests on.
pub(crate) fn completeness(evaluation: &Evaluation<'_>, window: Window, services: &[ServiceId]) -> f64 {
    let (mut spans, mut orphans, mut paired, mut unpaired) = (0_u64, 0_u64, 0_u64, 0_u64);
    for (_, minute) in evaluation.minutes.range(window.from..window.to) {
        for coverage in services.iter().filter_map(|service| minute.coverage.get(service)) {
            spans += coverage.spans;
            orphans += coverage.orphans;
            paired += coverage.paired_clients;
            unpaired += coverage.unpaired_clients;
        }
    }
    let missing = |part: u64, whole: u64| if whole == 0 { 0.0 } else { (part as f64 / whole as f64).min(1.0) };
    (1.0 - missing(orphans, spans)) * (1.0 - missing(unpaired, paired + unpaired))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        context::Context,
        findings::shared::Demand,
        rollup::{CoverageStats, Minute, Minutes},
    };

    #[test]
    fn what_is_missing_lowers_completeness() {
        let mut minute = Minute::default();
        let coverage =
            CoverageStats { spans: 100, orphans: 10, paired_clients: 30, unpaired_clients: 10, ..Default::default() };
        minute.coverage.insert(ServiceId(1), coverage);
        let minutes = Minutes::from([(0, minute)]);
        let context = Context::new();
        let demand = Demand::default();
        let evaluation = Evaluation { context: &context, minutes: &minutes, demand: &demand, minute: 0 };
        let window = Window::of(&evaluation, 1);
        assert!((completeness(&evaluation, window, &[ServiceId(1)]) - 0.9 * 0.75).abs() < 1e-12);
        assert_eq!(completeness(&evaluation, window, &[ServiceId(2)]), 1.0);
    }
}
