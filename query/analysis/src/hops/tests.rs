//! The vectors of building hops.

use super::{HopFlags, HopKind, Hops};
use crate::{
    context::NodeId,
    peers::PeerMap,
    span::{Kind, Peer, Protocol},
    testing::Fixture,
};

/// What hops are, readable: `caller>callee kind attempts outcome`.
fn shown(fixture: &mut Fixture) -> Vec<String> {
    let hops = built(fixture);
    let name = |node: NodeId| fixture.context.node_name(node);
    hops.hops
        .iter()
        .map(|hop| {
            let (caller, callee) = (name(hop.caller), name(hop.callee));
            let (attempts, servers) = (hop.attempt_count(), hops.servers(hop).len());
            format!("{caller}>{callee} {:?} {attempts}/{servers} {}", hop.kind, hop.outcome.as_str())
        })
        .collect()
}

fn built(fixture: &mut Fixture) -> Hops {
    let trace = fixture.trace();
    Hops::build(&trace, &mut fixture.context, &mut PeerMap::default())
}

#[test]
fn te1_a_pair_is_one_hop() {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Server, "shop", (0, 100));
    fixture.span((2, 1), Kind::Client, "shop", (10, 90));
    fixture.span((3, 2), Kind::Server, "cart", (20, 80));
    assert_eq!(shown(&mut fixture), ["user>shop Entry 1/1 ok", "shop>cart Request 1/1 ok"]);
}
