//! Between whom a breaker stands.

use std::collections::BTreeSet;

use super::{Ends, events::BreakerKey};
use crate::{
    context::NodeId,
    findings::{Evaluation, shared::names},
    rollup::View,
    text::Text,
};

/// Fewer characters in common say nothing.
const MIN_NAME: usize = 3;

/// Caller and callee of a breaker, by the first of these that tells: the peer that its rows name; the address; its name,
/// which resembles that of a callee; that only calls to one callee `stopped` while it was open. Else the breaker's own
/// name stands for the callee.
pub(super) fn ends(
    evaluation: &Evaluation<'_>,
    key: &BreakerKey,
    stopped: impl Fn((NodeId, NodeId)) -> bool,
) -> Option<Ends> {
    let text = |text: Text| evaluation.context.texts.get(text);
    let calls = calls_of(evaluation, key.service);
    let environment = calls.iter().map(|(caller, _)| *caller).next().map_or_else(
        || {
            evaluation
                .context
                .service_named(text(key.service))
                .and_then(|service| names::environment(evaluation, service))
        },
        |caller| names::text(evaluation, evaluation.context.node(caller).environment),
    );
    let host = text(key.address).rsplit_once(':').map_or(text(key.address), |(host, _)| host);
    let resembling =
        || [text(key.peer), host, text(key.breaker)].into_iter().find_map(|name| resembling(evaluation, &calls, name));
    let said = || [text(key.peer), host].into_iter().find(|name| !name.is_empty()).map(str::to_owned);
    let only_stopped = || {
        let mut all = calls.iter().filter(|ends| stopped(**ends));
        let first = all.next()?;
        all.next().is_none().then(|| names::node(evaluation, first.1))
    };
    let named = || (!key.breaker.is_none()).then(|| text(key.breaker).to_owned());
    let callee = resembling().or_else(said).or_else(only_stopped).or_else(named)?;
    Some((text(key.service).to_owned(), callee, environment))
}

pub(super) fn ends_of_nodes(evaluation: &Evaluation<'_>, caller: NodeId, callee: NodeId) -> Ends {
    let environment = names::text(evaluation, evaluation.context.node(caller).environment);
    (names::node(evaluation, caller), names::node(evaluation, callee), environment)
}

/// The calls that a service makes, in the minutes that are kept.
fn calls_of(evaluation: &Evaluation<'_>, service: Text) -> BTreeSet<(NodeId, NodeId)> {
    let edges = evaluation.minutes.values().flat_map(|minute| minute.edges.keys());
    edges
        .filter(|edge| edge.view != View::Server && evaluation.context.node(edge.source).name == service)
        .map(|edge| (edge.source, edge.target))
        .collect()
}

/// The callee whose name is `name`, or else the longest name that is part of it or that it is part of.
fn resembling(evaluation: &Evaluation<'_>, calls: &BTreeSet<(NodeId, NodeId)>, name: &str) -> Option<String> {
    let wanted = plain(name);
    if wanted.len() < MIN_NAME {
        return None;
    }
    let callees: BTreeSet<&str> = calls.iter().map(|(_, callee)| evaluation.context.node_name(*callee)).collect();
    if let Some(same) = callees.iter().find(|callee| plain(callee) == wanted) {
        return Some((*same).to_owned());
    }
    let is_part = |callee: &str| {
        let callee = plain(callee);
        callee.len() >= MIN_NAME && (wanted.contains(&callee) || callee.contains(&wanted))
    };
    let alike = callees.into_iter().filter(|callee| is_part(callee));
    alike.max_by_key(|callee| callee.len()).map(str::to_owned)
}

/// Letters and digits in lower case.
fn plain(name: &str) -> String {
    name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
