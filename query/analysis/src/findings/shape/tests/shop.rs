//! A shop as it should be, of which nothing is to be found.

use super::super::{
    detectors,
    testing::{Data, ROWS, Traffic, Writer},
};
use crate::{
    findings::{Detector, Evaluation},
    span::{Access, Kind},
};

/// Two instances of each service take turns.
fn instance(service: &str, index: usize) -> String {
    format!("{service}/{service}-{}", index % 2)
}

/// Two routes behind a gateway: products with a few reads, and an order that is written and shipped by a message.
pub(super) fn shop(writer: &mut Writer<'_>, index: usize) {
    let of = |service: &str| instance(service, index);
    let cache = Data { system: "redis", address: "cache", collection: "", ..ROWS };
    let orders = Data { address: "orders-db", collection: "orders", access: Access::Write, ..ROWS };
    let products = Data { address: "catalog-db", collection: "products", ..ROWS };
    let route = ["GET /products/{id}", "GET /cart", "POST /orders"][index % 3];
    let gateway = writer.entry(&of("gateway"), route, (0, 100));
    let front = writer.call(gateway, (&of("gateway"), &of("web")), route, (2, 98));
    let session = writer.call(front, (&of("web"), &of("auth")), "Validate", (3, 8));
    writer.query(session, &of("auth"), &cache, "GET session", (4, 5));
    match index % 3 {
        0 => {
            let catalog = writer.call(front, (&of("web"), &of("catalog")), "GetProduct", (10, 40));
            writer.query(catalog, &of("catalog"), &products, "SELECT products", (12, 30));
            let pricing = writer.call(front, (&of("web"), &of("pricing")), "Quote", (10, 30));
            writer.query(pricing, &of("pricing"), &cache, "MGET price", (12, 14));
        }
        1 => {
            let cart = writer.call(front, (&of("web"), &of("cart")), "GetCart", (10, 60));
            writer.query(cart, &of("cart"), &cache, "HGETALL cart", (11, 13));
            writer.call(cart, (&of("cart"), &of("pricing")), "Quote", (15, 50));
        }
        _ => {
            let checkout = writer.call(front, (&of("web"), &of("checkout")), "PlaceOrder", (10, 90));
            let payment = writer.call(checkout, (&of("checkout"), &of("payment")), "Charge", (12, 60));
            writer.outside(payment, (&of("payment"), "api.cards.example"), "POST", (14, 58));
            writer.query(checkout, &of("checkout"), &orders, "INSERT orders", (62, 70));
            writer.span(checkout, Kind::Producer, &of("checkout"), "send orders", (71, 73));
        }
    }
}

#[test]
fn nothing_is_found() {
    for detector in 0..detectors().len() {
        let mut traffic = Traffic::default();
        for minute in 0..6 {
            traffic.in_minute(minute, 120, shop);
        }
        let found = traffic.candidates(|| Chosen(detectors().swap_remove(detector)));
        assert_eq!(found, [], "{:?}", detectors()[detector]);
    }
}

#[test]
fn memory_is_bounded_whatever_comes() {
    for detector in 0..detectors().len() {
        let of = |count: usize| {
            let mut traffic = Traffic::default();
            traffic.many(count, |writer, index| {
                let service = format!("service-{index}/{index}");
                let entry = writer.entry(&service, &format!("GET /{index}"), (0, 100));
                let called = writer.call(entry, (&service, &format!("other-{index}")), &format!("op {index}"), (1, 99));
                let data = Data { access: Access::Write, ..ROWS };
                writer.query(called, &format!("other-{index}"), &data, &format!("write {index}"), (2, 3));
            });
            traffic.size(Chosen(detectors().swap_remove(detector)))
        };
        assert!(of(6000) < 16 << 20);
    }
}

/// One of the detectors.
#[derive(Debug)]
struct Chosen(Box<dyn Detector>);

impl Detector for Chosen {
    fn observe(&mut self, analysed: &crate::analysed::Analysed<'_>) {
        self.0.observe(analysed);
    }

    fn evaluate(&self, evaluation: &Evaluation<'_>) -> Vec<crate::findings::Candidate> {
        self.0.evaluate(evaluation)
    }

    fn horizon(&self) -> i64 {
        self.0.horizon()
    }

    fn forget_before(&mut self, minute: i64) {
        self.0.forget_before(minute);
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}
