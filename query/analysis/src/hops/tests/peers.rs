//! Who a call without a server span went to.

use super::{shown, words};
use crate::{
    context::{Evidence, NodeKind},
    hops::Hops,
    peers::PeerMap,
    span::{Kind, Peer, Protocol},
    testing::Fixture,
};

/// `shop` makes one call, whose span is the last.
fn calling() -> Fixture {
    let mut fixture = Fixture::default();
    fixture.span((1, 0), Kind::Server, "shop", (0, 100));
    fixture.span((2, 1), Kind::Client, "shop", (10, 90));
    fixture
}

/// The hop of one call that says this.
fn hop(say: impl FnOnce(&mut Fixture)) -> String {
    let mut fixture = calling();
    say(&mut fixture);
    shown(&mut fixture).pop().expect("the call has a hop")
}

#[test]
fn databases_are_instances() {
    for (system, address, port, namespace, expected) in [
        ("postgresql", "orders-db", 5432, "shop", "shop>orders-db Database 1/0 ok"),
        ("postgresql", "orders-db", 6432, "shop", "shop>orders-db:6432 Database 1/0 ok"),
        ("redis", "cache.shop.svc.cluster.local", 6379, "", "shop>cache Cache 1/0 ok"),
        ("valkey", "cache", 0, "", "shop>cache Cache 1/0 ok"),
        ("mysql", "", 0, "shop", "shop>mysql/shop@shop Database 1/0 ok address_unknown"),
        ("", "", 0, "", "shop>database@shop Database 1/0 ok address_unknown"),
    ] {
        let found = hop(|fixture| {
            fixture.query(system, address, namespace);
            fixture.peer(|peer, _| peer.port = port);
        });
        assert_eq!(found, expected);
    }
}

#[test]
fn te11_databases_of_one_name_on_two_hosts_are_two() {
    let nodes = |calls: [(&str, &str); 2]| {
        let mut fixture = calling();
        fixture.query("postgresql", calls[0].0, calls[0].1);
        fixture.span((3, 1), Kind::Client, "shop", (20, 30));
        fixture.query("postgresql", calls[1].0, calls[1].1);
        let hops = super::built(&mut fixture);
        let schema = |hop: usize| fixture.context.texts.get(hops.hops[hop].schema).to_owned();
        (hops.hops[1].callee == hops.hops[2].callee, [schema(1), schema(2)])
    };
    assert_eq!(nodes([("db-a", "shop"), ("db-b", "shop")]), (false, ["shop".into(), "shop".into()]));
    assert_eq!(nodes([("db-a", "shop"), ("db-a", "users")]), (true, ["shop".into(), "users".into()]));
    assert!(!nodes([("", "shop"), ("", "users")]).0);
}

#[test]
fn a_database_that_sends_spans_is_a_service() {
    let mut fixture = calling();
    fixture.query("postgresql", "orders-db", "shop");
    fixture.span((3, 2), Kind::Server, "postgres", (20, 80));
    assert_eq!(shown(&mut fixture)[1], "shop>postgres Request 1/1 ok");
}

#[test]
fn what_the_caller_says_is_tried_in_order() {
    let say = |change: fn(&mut Peer, &mut crate::text::Texts)| {
        hop(|fixture| {
            fixture.peer(change);
        })
    };
    assert_eq!(say(|peer, texts| peer.service = texts.intern("stripe")), "shop>stripe External 1/0 ok");
    assert_eq!(
        say(|peer, texts| (peer.address, peer.port) = (texts.intern("API.example.com."), 8443)),
        "shop>api.example.com:8443 External 1/0 ok"
    );
    assert_eq!(say(|peer, texts| (peer.address, peer.port) = (texts.intern("api"), 443)), "shop>api External 1/0 ok");
    assert_eq!(
        say(|peer, texts| (peer.protocol, peer.scope) = (Protocol::Rpc, texts.intern("shop.Cart"))),
        "shop>shop.Cart External 1/0 ok"
    );
    assert_eq!(
        say(|peer, texts| (peer.network_address, peer.network_port) = (texts.intern("fd00::1"), 9000)),
        "shop>[fd00::1]:9000 External 1/0 ok"
    );
    assert_eq!(say(|peer, _| peer.protocol = Protocol::Http), "shop>unknown:http External 1/0 ok");
}

#[test]
fn a_service_that_sends_spans_is_itself() {
    for address in ["cart", "cart.eu.svc.cluster.local", "cart.eu.svc"] {
        let mut fixture = calling();
        fixture.http(address, 8080);
        fixture.span((3, 0), Kind::Server, "cart", (200, 300));
        assert_eq!(shown(&mut fixture)[1], "shop>cart Request 1/0 ok server_missing", "{address}");
    }
    let mut fixture = calling();
    fixture.peer(|peer, texts| peer.service = texts.intern("cart"));
    fixture.span((3, 0), Kind::Server, "cart", (200, 300));
    assert_eq!(shown(&mut fixture)[1], "shop>cart Request 1/0 ok server_missing");
}

/// The hop of a call of the gateway's address that reached nobody, after `pairs` that reached the cart.
fn learned(pairs: usize, strays: usize) -> String {
    let mut peers = PeerMap::default();
    let mut fixture = calling();
    fixture.http("gateway", 80);
    for call in 0..pairs + strays {
        let callee = if call < pairs { "cart" } else { "stock" };
        fixture.span((3, 2), Kind::Server, callee, (20, 80));
        Hops::build(&fixture.trace(), &mut fixture.context, &mut peers);
        fixture.spans.pop();
    }
    let hops = Hops::build(&fixture.trace(), &mut fixture.context, &mut peers);
    words(&hops, &fixture.context).pop().expect("the call has a hop")
}

#[test]
fn an_address_is_learned_from_20_calls_that_agree() {
    let known = "shop>cart Request 1/0 ok server_missing learned";
    let unknown = "shop>gateway External 1/0 ok";
    assert_eq!(learned(19, 0), unknown);
    assert_eq!(learned(20, 0), known);
    assert_eq!(learned(95, 5), known);
    assert_eq!(learned(94, 6), unknown);
}

#[test]
fn an_address_that_was_connected_to_is_learned_too() {
    let mut fixture = calling();
    let connected = |peer: &mut Peer, texts: &mut crate::text::Texts| peer.network_address = texts.intern("10.0.0.7");
    fixture.peer(connected);
    fixture.span((3, 2), Kind::Server, "cart", (20, 80));
    let mut peers = PeerMap::default();
    for _ in 0..20 {
        Hops::build(&fixture.trace(), &mut fixture.context, &mut peers);
    }
    fixture.spans.pop();
    let hops = Hops::build(&fixture.trace(), &mut fixture.context, &mut peers);
    assert_eq!(words(&hops, &fixture.context)[1], "shop>cart Request 1/0 ok server_missing learned");
}

#[test]
fn what_is_learned_is_bounded_and_fades() {
    let mut fixture = calling();
    fixture.http("gateway", 80);
    fixture.span((3, 0), Kind::Server, "cart", (20, 80));
    fixture.span((4, 0), Kind::Server, "stock", (20, 80));
    let services: Vec<_> =
        ["shop", "cart", "stock"].map(|name| fixture.context.service_named(name).expect("it sent spans")).to_vec();
    let peer = *fixture.context.peer(fixture.spans[1].peer);
    let mut peers = PeerMap::default();
    for callee in [1, 2] {
        for _ in 0..100_000 {
            peers.learn(services[0], &peer, services[callee]);
        }
        let found = peers.resolve(services[0], fixture.spans[1].peer, &mut fixture.context);
        assert_eq!(found.node, fixture.context.service_node(services[callee]), "it moved");
    }
    for port in 0..u16::MAX {
        peers.learn(services[0], &Peer { port, ..peer }, services[1]);
        peers.learn(services[1], &Peer { port, ..peer }, services[1]);
    }
    assert!(peers.size() < 32 << 20, "{}", peers.size());
}

#[test]
fn nodes_say_what_they_are_and_how_that_is_known() {
    let mut fixture = calling();
    fixture.http("api.example.com", 443);
    super::built(&mut fixture);
    let context = &fixture.context;
    let mut found: Vec<_> = context
        .nodes()
        .map(|node| (context.node_name(node), context.node(node).kind, context.evidence(node)))
        .filter(|(name, ..)| *name != "_other")
        .collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("api.example.com", NodeKind::External, Evidence::Attribute),
            ("shop", NodeKind::Service, Evidence::Spans),
            ("user", NodeKind::Client, Evidence::Attribute),
        ]
    );
}
