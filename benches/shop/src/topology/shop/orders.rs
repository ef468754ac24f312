//! Checkout, and what happens to an order afterwards.

use super::{Backend, Builder, Orders, Query, Step, Stores, TopicId, cached, call, call_outside, sql};
use crate::{
    outcome::Fault,
    random::Latency,
    topology::{
        OperationId, Timeline,
        model::{Consumer, Endpoint, External, Language},
    },
};

pub(super) fn orders(builder: &mut Builder, stores: &Stores, backend: &Backend) -> Orders {
    let topic = builder.topic("orders", "kafka-0", 6, Latency::micros(1_900, 14_000));
    let score = fraud(builder, stores, backend);
    let charge = payment(builder);
    let orders = checkout(builder, stores, backend, (score, charge, topic));
    shipping(builder, stores, topic);
    notification(builder, backend, topic);
    orders
}

fn fraud(builder: &mut Builder, stores: &Stores, backend: &Backend) -> OperationId {
    let service = builder.service("fraud", "0.9.5", Language::Python, 9090, 2);
    builder.operation(
        service,
        Endpoint::Rpc { method: "shop.fraud.v1.FraudService/Score" },
        &[(Fault::Internal, 1_000)],
        vec![
            Step::Call(call(backend.user_profile, 400).optional()),
            Step::Query(cached(stores.velocity, "ZCOUNT", "ZCOUNT velocity:? ? ?")),
            Step::internal("xgboost.predict", 8_000, 50_000),
        ],
    )
}

fn payment(builder: &mut Builder) -> OperationId {
    let cards = builder.external(External {
        host: "api.cards.example",
        method: "POST",
        path: "/v2/charges",
        latency: Latency::micros(50_000, 350_000),
        faults: &[(Fault::Declined, 25_000), (Fault::Internal, 6_000), (Fault::Limited, 600)],
        slow_percent: Timeline::always(100),
    });
    let service = builder.service("payment", "2.17.1", Language::Java, 8080, 2);
    builder.operation(
        service,
        Endpoint::Http { method: "POST", route: "/charges" },
        &[(Fault::Internal, 900)],
        vec![
            Step::internal("CardVault.resolve", 700, 3_000),
            Step::Call(call_outside(cards, 1_200).retried(1, 80).jittered(50)),
            Step::work(300, 1_500),
        ],
    )
}

fn checkout(
    builder: &mut Builder,
    stores: &Stores,
    backend: &Backend,
    (score, charge, topic): (OperationId, OperationId, TopicId),
) -> Orders {
    let service = builder.service("checkout", "6.4.0", Language::Go, 9090, 3);
    let insert = Query {
        latency: Latency::micros(2_900, 26_000),
        ..sql(
            stores.orders,
            "INSERT",
            "orders",
            "INSERT INTO orders (id, user_id, total, currency, state) VALUES ($1, $2, $3, $4, $5)",
        )
    };
    let items = sql(
        stores.orders,
        "INSERT",
        "order_items",
        "INSERT INTO order_items (order_id, sku, amount) VALUES ($1, $2, $3)",
    );
    let select = sql(
        stores.orders,
        "SELECT",
        "orders",
        "SELECT o.id, o.state, o.total, i.sku, i.amount FROM orders o JOIN order_items i ON i.order_id = o.id WHERE o.id = $1",
    );
    let place = builder.operation(
        service,
        Endpoint::Rpc { method: "shop.checkout.v1.CheckoutService/PlaceOrder" },
        &[(Fault::Invalid, 5_000), (Fault::Internal, 600)],
        vec![
            Step::Call(call(backend.validate, 250)),
            Step::Call(call(backend.get_cart, 500)),
            Step::together([call(backend.quote, 600), call(backend.reserve, 900), call(score, 500).optional()]),
            Step::Call(call(charge, 3_000)),
            Step::Query(insert),
            Step::repeat(1, 4, [Step::Query(items)]),
            Step::Publish(topic),
            Step::Say { event: "order.placed", body: "order placed" },
            Step::Call(call(backend.clear_cart, 300).optional()),
        ],
    );
    let order = builder.operation(
        service,
        Endpoint::Rpc { method: "shop.checkout.v1.CheckoutService/GetOrder" },
        &[(Fault::NotFound, 9_000), (Fault::Internal, 300)],
        vec![Step::Call(call(backend.validate, 250)), Step::work(100, 500), Step::Query(select)],
    );
    Orders { place, order }
}

fn shipping(builder: &mut Builder, stores: &Stores, topic: TopicId) {
    let parcels = builder.external(External {
        host: "api.parcels.example",
        method: "POST",
        path: "/labels",
        latency: Latency::micros(90_000, 480_000),
        faults: &[(Fault::Internal, 20_000)],
        slow_percent: Timeline::always(100),
    });
    let service = builder.service("shipping", "1.3.12", Language::Python, 8000, 2);
    builder.old_conventions(service);
    let insert = sql(
        stores.shipping,
        "INSERT",
        "shipments",
        "INSERT INTO shipments (order_id, carrier, tracking) VALUES (%s, %s, %s)",
    );
    let operation = builder.operation(
        service,
        Endpoint::Consume { topic, group: "shipping" },
        &[(Fault::Internal, 4_000)],
        vec![
            Step::internal("pick_carrier", 1_500, 8_000),
            Step::Call(call_outside(parcels, 1_500).retried(2, 100)),
            Step::Query(insert),
            Step::Say { event: "order.shipped", body: "parcel label created" },
        ],
    );
    builder.subscribe(topic, Consumer { operation, own_trace: false, lag: Latency::micros(4_000, 60_000), batch: 1 });
}

fn notification(builder: &mut Builder, backend: &Backend, topic: TopicId) {
    let mail = builder.external(External {
        host: "api.mail.example",
        method: "POST",
        path: "/v3/messages",
        latency: Latency::micros(45_000, 300_000),
        faults: &[(Fault::Internal, 8_000), (Fault::Limited, 10_000)],
        slow_percent: Timeline::always(100),
    });
    let service = builder.service("notification", "2.0.8", Language::Node, 3000, 2);
    let operation = builder.operation(
        service,
        Endpoint::Consume { topic, group: "notification" },
        &[(Fault::Internal, 2_000)],
        vec![
            Step::Call(call(backend.user_profile, 500)),
            Step::internal("render order-confirmation", 2_200, 12_000),
            Step::Call(call_outside(mail, 2_000).retried(1, 200)),
            Step::Say { event: "mail.sent", body: "order confirmation sent" },
        ],
    );
    builder.subscribe(topic, Consumer { operation, own_trace: true, lag: Latency::micros(9_000, 400_000), batch: 1 });
}
