//! Services that depend on each other.

use super::super::{
    cycle::Cycles,
    testing::{Traffic, Write, Writer},
};
use crate::{findings::Severity, span::Kind};

fn traffic(count: usize, write: fn(&mut Writer<'_>, usize)) -> Traffic {
    let mut traffic = Traffic::default();
    traffic.many(count, write);
    traffic
}

/// A request that each of `services` passes on to the next, for operations of these names.
fn chain(writer: &mut Writer<'_>, services: &[(&str, &str)]) -> u64 {
    let mut above = writer.entry(services[0].0, services[0].1, (0, 100));
    for (depth, pair) in (1..).zip(services.windows(2)) {
        above = writer.call(above, (pair[0].0, pair[1].0), pair[1].1, (depth, 100 - depth));
    }
    above
}

#[test]
fn cycles_of_all_sorts() {
    let cases: [(&str, Write, &[&str]); 11] = [
        (
            "a request comes back",
            |writer, _| {
                chain(writer, &[("web", "GET /"), ("cart", "Get"), ("pricing", "Quote"), ("cart", "Items")]);
            },
            &["cart -> pricing -> cart [reentrant]"],
        ),
        (
            "operations depend on each other",
            |writer, index| {
                let (cart, pricing) = (("cart", "Get"), ("pricing", "Quote"));
                chain(writer, &if index % 2 == 0 { [cart, pricing] } else { [pricing, cart] });
            },
            &["cart -> pricing -> cart [operation]"],
        ),
        (
            "services do, by different operations",
            |writer, index| {
                if index % 2 == 0 {
                    chain(writer, &[("cart", "Get"), ("pricing", "Quote")]);
                } else {
                    chain(writer, &[("pricing", "Refresh"), ("cart", "List")]);
                }
            },
            &["cart -> pricing -> cart [static]"],
        ),
        (
            "three services",
            |writer, _| {
                chain(writer, &[("c", "1"), ("a", "2"), ("b", "3"), ("c", "4")]);
            },
            &["a -> b -> c -> a [reentrant]"],
        ),
        (
            "no cycle",
            |writer, _| {
                chain(writer, &[("web", "GET /"), ("cart", "Get"), ("pricing", "Quote")]);
            },
            &[],
        ),
        (
            "an instance calls another of its own",
            |writer, _| {
                chain(writer, &[("cart/1", "Get"), ("cart/2", "Get"), ("cart/3", "Get")]);
            },
            &[],
        ),
        (
            "through the gateway",
            |writer, _| {
                chain(writer, &[("gateway", "GET /"), ("cart", "Get"), ("gateway", "GET /p"), ("pricing", "Quote")]);
            },
            &[],
        ),
        (
            "a callback of who checks sessions",
            |writer, index| {
                let (auth, users) = (("auth", "Check"), ("users", "Find"));
                chain(writer, &if index % 2 == 0 { [auth, users] } else { [users, auth] });
            },
            &[],
        ),
        (
            "asking each other how they are",
            |writer, index| {
                let (a, b) = (("a", "GET /healthz"), ("b", "GET /healthz"));
                chain(writer, &if index % 2 == 0 { [a, b] } else { [b, a] });
            },
            &[],
        ),
        (
            "an answer by a message",
            |writer, _| {
                let payment = chain(writer, &[("order", "Place"), ("payment", "Charge")]);
                let sent = writer.span(payment, Kind::Producer, "payment", "send paid", (10, 11));
                writer.span(sent, Kind::Consumer, "order", "process paid", (20, 30));
            },
            &[],
        ),
        (
            "messages that go round",
            |writer, _| {
                let mut above = writer.entry("order", "Place", (0, 100));
                for round in 0..5 {
                    let start = round * 20 + 1;
                    for (from, to) in [("order", "stock"), ("stock", "order")] {
                        let sent = writer.span(above, Kind::Producer, from, "send", (start, start + 1));
                        above = writer.span(sent, Kind::Consumer, to, &format!("process {to}"), (start + 2, start + 9));
                    }
                }
            },
            &["order -> stock -> order [loop]"],
        ),
    ];
    for (case, write, expected) in cases {
        assert_eq!(traffic(60, write).fired(Cycles::new), expected, "{case}");
    }
}

#[test]
fn what_is_said_of_a_cycle() {
    let found = &traffic(50, |writer, index| {
        if index % 2 == 0 {
            chain(writer, &[("web", "GET /"), ("c", "1"), ("a", "2"), ("b", "3"), ("c", "4")]);
        } else {
            chain(writer, &[("web", "GET /")]);
        }
    })
    .candidates(Cycles::new)[0];
    assert_eq!((found.subject.service.as_str(), found.subject.target.as_deref()), ("a", None));
    assert_eq!(found.evidence.measure, 3.0);
    assert_eq!(found.risk(), (0.45, 0.37), "half of the entries come back");
    let low = &traffic(50, |writer, index| {
        if index % 2 == 0 {
            chain(writer, &[("cart", "Get"), ("pricing", "Quote")]);
        } else {
            chain(writer, &[("pricing", "Refresh"), ("cart", "List")]);
        }
    })
    .candidates(Cycles::new)[0];
    assert_eq!(low.severity(), Severity::Low);
}

#[test]
fn a_few_calls_back_are_no_cycle() {
    let back = |calls: usize| {
        let mut traffic = Traffic::default();
        traffic.many(100, move |writer, index| {
            if index < calls {
                chain(writer, &[("pricing", "Refresh"), ("cart", "List")]);
            } else {
                chain(writer, &[("cart", "Get"), ("pricing", "Quote")]);
            }
        });
        traffic.candidates(Cycles::new).iter().map(|found| found.fires).collect::<Vec<_>>()
    };
    assert_eq!((back(7), back(9), back(10)), (vec![], vec![false], vec![true]));
}

#[test]
fn a_chain_of_many_services_is_looked_through_in_time() {
    let traffic = traffic(1, |writer, _| {
        let names: Vec<String> = (0..20_000).map(|depth| format!("s{}", depth % 400)).collect();
        let services: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "op")).collect();
        let mut above = writer.entry(services[0].0, "op", (0, 100));
        for pair in services.windows(2) {
            above = writer.call(above, (pair[0].0, pair[1].0), "op", (1, 99));
        }
    });
    assert_eq!(traffic.fired(Cycles::new), Vec::<String>::new());
}
