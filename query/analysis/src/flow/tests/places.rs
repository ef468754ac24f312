//! Where records belong, and what is missing.

use super::support::{Store, breaker, log, request, span};

const TRACE: u128 = 0x5b8e_fff7_9803_8103_d269_b633_813f_c60c;
const ID: &str = "5b8efff798038103d269b633813fc60c";
const SENT: &str = "a0ba4d42-c0a8-4f4e-b2f5-3c5a3a1c8f2a";
const SAMPLED: &str = "a0ba4d42-c0a8-9f4e-b2f5-3c5a3a1c8f2a";

/// The shop calls the cart.
fn shop() -> Store {
    Store::default().spans([
        span(TRACE, (3, 2), "SERVER", "cart", (12, 48)),
        span(TRACE, (1, 0), "SERVER", "shop", (0, 100)).key(SENT),
        span(TRACE, (2, 1), "CLIENT", "shop", (10, 50)).text("server_address", "cart.default.svc"),
    ])
}

#[test]
fn spans_stand_under_their_parents_and_logs_in_their_spans() {
    let logs = [
        log("shop", 5, "in its span").trace(TRACE).ids(2, 0),
        log("cart", 20, "by time").trace(TRACE),
        log("mailer", 30, "of nobody").trace(TRACE),
        log("shop", 99, "by request id").key(SENT),
    ];
    let shown = shop().logs(logs).flow(ID);
    assert_eq!(
        shown.lines(),
        [
            "span shop SERVER T0",
            "  span shop CLIENT T0",
            "    log shop in its span T0",
            "    span cart SERVER T0",
            "      log cart by time T1",
            "  log mailer of nobody T1",
            "  log shop by request id T2",
        ]
    );
    let summary = &shown.flow.summary;
    assert_eq!((summary.completeness, summary.end - summary.start), (1.0, 100_000_000));
    assert_eq!(summary.services.iter().collect::<Vec<_>>(), ["cart", "mailer", "shop"]);
    assert_eq!(shown.gaps(), [""; 0]);
}

#[test]
fn a_gateway_record_of_the_same_request_id_stands_above_the_root() {
    for id in [ID, SENT, SAMPLED] {
        let shown = shop().requests([request("edge", "edge", (-1, 101)).keys(&[SAMPLED])]).flow(id);
        let expected =
            ["request edge edge T2", "  span shop SERVER T2", "    span shop CLIENT T0", "      span cart SERVER T0"];
        assert_eq!(shown.lines(), expected, "{id}");
        assert_eq!(shown.gaps(), ["no_logs: no log line of it is stored"], "{id}");
    }
}

#[test]
fn span_ids_put_gateway_records_between_caller_and_callee() {
    for (case, record, expected) in [
        (
            "the caller's traceparent, passed on",
            request("mesh", "inbound", (11, 49)).trace(TRACE).ids(0, 2),
            [
                "span shop SERVER T0",
                "  span shop CLIENT T0",
                "    request mesh inbound T0",
                "      span cart SERVER T0",
            ],
        ),
        (
            "the callee's own span",
            request("cart", "edge", (12, 48)).trace(TRACE).ids(3, 2),
            ["span shop SERVER T0", "  span shop CLIENT T0", "    span cart SERVER T0", "      request cart edge T0"],
        ),
        (
            "a trace id only, in the middle",
            request("mesh", "outbound", (11, 49)).trace(TRACE),
            ["span shop SERVER T0", "  span shop CLIENT T0", "    request mesh outbound T1", "    span cart SERVER T0"],
        ),
        (
            "a trace id only, around all",
            request("edge", "edge", (0, 100)).trace(TRACE),
            ["request edge edge T1", "  span shop SERVER T1", "    span shop CLIENT T0", "      span cart SERVER T0"],
        ),
        (
            "a trace id only, by a clock that is late",
            request("edge", "edge", (-30, 71)).trace(TRACE),
            ["request edge edge T1", "  span shop SERVER T1", "    span shop CLIENT T0", "      span cart SERVER T0"],
        ),
    ] {
        assert_eq!(shop().requests([record]).flow(ID).lines(), expected, "{case}");
    }
}

#[test]
fn a_gateway_record_stands_for_a_span_that_is_not_stored() {
    let store = Store::default().spans([span(TRACE, (3, 9), "SERVER", "cart", (12, 48))]).requests([request(
        "edge",
        "edge",
        (10, 50),
    )
    .trace(TRACE)
    .ids(9, 0)]);
    let shown = store.flow(ID);
    assert_eq!(shown.lines(), ["request edge edge T1", "  span cart SERVER T0"]);
    assert_eq!((shown.flow.summary.completeness, shown.gaps().len()), (1.0, 1), "{:?}", shown.gaps());
}

#[test]
fn both_proxies_of_a_call_stand_in_each_other() {
    let records = [
        request("cart-proxy", "inbound", (11, 49)).trace(TRACE).ids(0, 2),
        request("shop-proxy", "outbound", (11, 49)).trace(TRACE).ids(0, 2),
    ];
    let expected = [
        "span shop SERVER T0",
        "  span shop CLIENT T0",
        "    request shop-proxy outbound T0",
        "      request cart-proxy inbound T0",
        "        span cart SERVER T0",
    ];
    assert_eq!(shop().requests(records).flow(ID).lines(), expected);
}

#[test]
fn a_request_that_nobody_sampled_is_a_flow_of_access_and_application_logs() {
    let store = Store::default()
        .requests([
            request("edge", "edge", (0, 100)).trace(TRACE).keys(&[SENT]),
            request("mesh", "inbound", (10, 90)).keys(&[SAMPLED]),
        ])
        .logs([log("cart", 50, "worked").key(SENT), log("cart", 60, "worked").trace(TRACE)])
        .breakers([breaker("mesh", 10, "retry").key(SENT)]);
    for id in [ID, SENT, SAMPLED] {
        let shown = store.flow(id);
        let expected = [
            "request edge edge T1",
            "  request mesh inbound T2",
            "    breaker mesh retry T2",
            "    log cart worked T2",
            "    log cart worked T2",
        ];
        assert_eq!(shown.lines(), expected, "{id}");
        assert_eq!(
            shown.gaps(),
            [
                format!("0 not_sampled: no span of trace {ID} is stored"),
                "1 not_sampled: no span of the request is stored".to_owned(),
            ],
            "{id}"
        );
        assert_eq!(shown.flow.summary.completeness, 0.0);
    }
}

#[test]
fn breaker_events_stand_where_they_happened() {
    let store = shop()
        .logs([log("shop", 30, "breaker opened").trace(TRACE).ids(2, 0)])
        .breakers([breaker("shop", 30, "trip").trace(TRACE).ids(2, 0), breaker("cart", 31, "rate_limit").trace(TRACE)]);
    let expected = [
        "span shop SERVER T0",
        "  span shop CLIENT T0",
        "    span cart SERVER T0",
        "      breaker cart rate_limit T1",
        "    breaker shop trip T0",
        "    log shop breaker opened T0",
    ];
    assert_eq!(store.flow(ID).lines(), expected);
}

#[test]
fn orphans_and_absent_callees_are_named_and_counted() {
    let store = Store::default().spans([
        span(TRACE, (1, 0), "SERVER", "shop", (0, 100)),
        span(TRACE, (2, 1), "CLIENT", "shop", (10, 50)).text("service_peer_name", "cart"),
        span(TRACE, (4, 77), "SERVER", "mailer", (60, 70)),
        span(TRACE, (5, 1), "CLIENT", "shop", (71, 72)).text("server_address", "cart").text("db_system_name", "redis"),
        span(TRACE, (6, 1), "CLIENT", "shop", (73, 74)).text("server_address", "10.0.0.7"),
        span(TRACE, (7, 1), "CLIENT", "shop", (75, 76)).text("service_peer_name", "mailer"),
    ]);
    let shown = store.flow_with(ID, &["cart"]);
    let gaps = [
        "1 absent_callee: cart sends spans, but none of this call is stored",
        "4 absent_callee: mailer sends spans, but none of this call is stored",
        "5 missing_parent: span 000000000000004d is not stored",
        "no_logs: no log line of it is stored",
    ];
    assert_eq!(shown.gaps(), gaps);
    assert_eq!(shown.flow.summary.completeness, 0.5);
    assert_eq!(store.flow(ID).gaps().len(), 3, "of cart it is not known that it sends spans");
}

#[test]
fn ids_that_client_and_server_share_are_told_apart() {
    let store = Store::default()
        .spans([
            span(TRACE, (2, 1), "SERVER", "cart", (12, 48)),
            span(TRACE, (2, 1), "CLIENT", "shop", (10, 50)),
            span(TRACE, (1, 0), "SERVER", "shop", (0, 100)),
            span(TRACE, (3, 2), "INTERNAL", "cart", (20, 30)),
        ])
        .logs([log("cart", 25, "there").trace(TRACE).ids(2, 0)]);
    let expected = [
        "span shop SERVER T0",
        "  span shop CLIENT T0",
        "    span cart SERVER T0",
        "      span cart INTERNAL T0",
        "      log cart there T0",
    ];
    assert_eq!(store.flow(ID).lines(), expected);
}

#[test]
fn copies_are_left_out_and_the_order_of_rows_does_not_matter() {
    let store = || {
        let spans = (1..20_u64).map(|id| span(TRACE, (id, id / 2), "SERVER", "shop", (id as i64, 200 - id as i64)));
        let copies = (1..20_u64).map(|id| span(TRACE, (id, id / 2), "SERVER", "shop", (id as i64, 100 - id as i64)));
        let logs = (0..7).map(|time| log("shop", 50 + time / 3, &format!("line {time}")).trace(TRACE));
        let requests = (0..4).map(|start| request("edge", "edge", (-start, 201 + start)).keys(&[SENT]).trace(TRACE));
        Store::default().spans(spans).spans(copies).logs(logs).requests(requests)
    };
    let whole = store().flow(ID);
    assert_eq!(whole.flow.summary.records.values().copied().collect::<Vec<_>>(), [4, 19, 0, 7]);
    for step in [2, 5, 11, 48] {
        assert_eq!(store().shuffled(step).flow(ID).lines(), whole.lines(), "{step}");
    }
}
