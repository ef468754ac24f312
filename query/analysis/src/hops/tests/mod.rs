//! The vectors of building hops, hostile traces, and samples.

mod calls;
mod hostile;
mod messages;
mod peers;
mod samples;

use super::Hops;
use crate::{
    context::{Context, NodeId},
    peers::PeerMap,
    testing::Fixture,
};

/// Hops in words: `caller>callee kind attempts/servers outcome flags`.
fn shown(fixture: &mut Fixture) -> Vec<String> {
    let hops = built(fixture);
    words(&hops, &fixture.context)
}

fn built(fixture: &mut Fixture) -> Hops {
    let trace = fixture.trace();
    Hops::build(&trace, &mut fixture.context, &mut PeerMap::default())
}

fn words(hops: &Hops, context: &Context) -> Vec<String> {
    let name = |node: NodeId| context.node_name(node);
    hops.hops
        .iter()
        .map(|hop| {
            let (caller, callee) = (name(hop.caller), name(hop.callee));
            let (attempts, servers) = (hop.attempt_count(), hops.servers(hop).len());
            let flags = flags(hop.flags);
            format!("{caller}>{callee} {:?} {attempts}/{servers} {}{flags}", hop.kind, hop.outcome.as_str())
        })
        .collect()
}

fn flags(flags: super::HopFlags) -> String {
    use super::HopFlags as F;
    let names = [
        (F::CLIENT_MISSING, "client_missing"),
        (F::SERVER_MISSING, "server_missing"),
        (F::ATTEMPTS_INFERRED, "inferred"),
        (F::MULTI_SERVER, "multi_server"),
        (F::RESENT, "resent"),
        (F::HEDGED, "hedged"),
        (F::ORPHAN, "orphan"),
        (F::LEARNED, "learned"),
        (F::ADDRESS_UNKNOWN, "address_unknown"),
        (F::DANGLING_LINK, "dangling"),
        (F::SKEW_SUSPECT, "skew"),
        (F::UNDER_RETRY, "under_retry"),
    ];
    names.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| format!(" {name}")).collect()
}
