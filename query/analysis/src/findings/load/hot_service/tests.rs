use spandrel_proto::model::Outcome;

use super::{
    HotService,
    concurrency::{Process, knee},
};
use crate::{
    findings::load::testing::{Case, MINUTE_MS, Traffic, Writer},
    span::{Kind, WEIGHT_ONE},
    testing::MS,
};

/// A request to the shop that asks the cart, which works for `cart` milliseconds and asks the stock for `stock`.
fn request(writer: &mut Writer<'_>, cart: i64, stock: i64, outcome: Outcome) {
    let end = 10 + cart + stock;
    writer.span((1, 0), Kind::Server, "shop", (0, end + 10)).outcome = outcome;
    writer.call((2, 1), ("shop", "cart"), (5, end), outcome);
    writer.call((4, 3), ("cart", "stock"), (7, 9 + stock), Outcome::Ok);
}

/// Twelve usual minutes and a last one.
fn traffic(last: impl Fn(i64, &mut Writer<'_>)) -> Traffic {
    let mut traffic = Traffic::default();
    for minute in 0..12 {
        traffic.minute(minute, 200, |number, writer| request(writer, 20 + number % 10, 20, Outcome::Ok));
    }
    traffic.minute(12, 200, last);
    traffic
}

#[test]
fn a_prominent_service_whose_own_work_takes_much_longer_is_hot() {
    let traffic = traffic(|number, writer| request(writer, 80 + number % 10, 20, Outcome::Ok));
    let found = traffic.candidates::<HotService>(12);
    assert_eq!(traffic.fires::<HotService>(12), ["HOT_SERVICE cart"]);
    assert_eq!((found[0].subkind, found[0].since), (None, 12 * MINUTE_MS * MS));
    assert_eq!(found[0].lost_ms(), 60.0, "what it takes longer than usual");
    assert_eq!(traffic.fires::<HotService>(11), [""; 0], "a usual minute");
}

#[test]
fn usual_slow_downstream_and_small_changes_are_not_hot() {
    let cases: [Case; 3] = [
        ("usual", |number, writer| request(writer, 20 + number % 10, 20, Outcome::Ok)),
        ("a quarter slower", |number, writer| request(writer, 25 + number % 10, 20, Outcome::Ok)),
        ("few of many are slow", |number, writer| request(writer, if number == 0 { 500 } else { 20 }, 20, Outcome::Ok)),
    ];
    for (what, last) in cases {
        assert_eq!(traffic(last).fires::<HotService>(12), [""; 0], "{what}");
    }
    let lost_calls = traffic(|number, writer| match number % 25 {
        0 => {
            writer.span((1, 0), Kind::Server, "shop", (0, 240));
            writer.call((2, 1), ("shop", "cart"), (5, 230), Outcome::Ok);
            writer.span((5, 99), Kind::Server, "stock", (8, 208));
        }
        _ => request(writer, 20 + number % 10, 200, Outcome::Ok),
    });
    assert_eq!(lost_calls.fires::<HotService>(12), ["HOT_SERVICE stock"], "spans of calls of the cart are lost");
    let slow_stock = traffic(|number, writer| request(writer, 20 + number % 10, 200, Outcome::Ok));
    assert_eq!(slow_stock.fires::<HotService>(12), ["HOT_SERVICE stock"], "not the cart, which waits for it");
}

#[test]
fn new_operations_and_pauses_before_a_retry_are_no_stress() {
    let cases: [Case; 2] = [
        ("half of the requests are of another kind", |number, writer| {
            if number % 2 == 0 {
                return request(writer, 20 + number % 10, 20, Outcome::Ok);
            }
            let operation = writer.text("GET /other");
            writer.span((1, 0), Kind::Server, "cart", (0, 80)).operation = operation;
        }),
        ("calls are tried again after a while", |number, writer| {
            writer.span((1, 0), Kind::Server, "shop", (0, 140 + number % 10));
            writer.call((2, 1), ("shop", "cart"), (2, 20), Outcome::ServerFault);
            writer.call((4, 1), ("shop", "cart"), (112, 130), Outcome::Ok);
        }),
    ];
    for (what, last) in cases {
        assert_eq!(traffic(last).fires::<HotService>(12), [""; 0], "{what}");
    }
}

#[test]
fn less_than_two_milliseconds_more_are_no_stress() {
    for (last, expected) in [(3, &["HOT_SERVICE cart"][..]), (2, &[])] {
        let mut traffic = Traffic::default();
        for minute in 0..13 {
            traffic.minute(minute, 200, |_, writer| {
                writer.span((1, 0), Kind::Server, "cart", (0, if minute == 12 { last } else { 1 }));
            });
        }
        assert_eq!(traffic.fires::<HotService>(12), expected, "{last} ms after 1 ms");
    }
}

#[test]
fn without_a_baseline_and_with_few_requests_nothing_is_said() {
    let mut traffic = Traffic::default();
    for minute in 0..9 {
        let cart = if minute > 6 { 100 } else { 20 };
        traffic.minute(minute, 200, |_, writer| request(writer, cart, 20, Outcome::Ok));
    }
    assert_eq!(traffic.fires::<HotService>(7), [""; 0], "seven minutes");
    let mut traffic = Traffic::default();
    for minute in 0..13 {
        let cart = if minute == 12 { 100 } else { 20 };
        traffic.minute(minute, 35, |_, writer| request(writer, cart, 20, Outcome::Ok));
    }
    assert_eq!(traffic.fires::<HotService>(12), [""; 0], "less than 200 in five minutes");
}

#[test]
fn a_service_that_turns_requests_away_is_hot() {
    let rejecting = |count: i64| {
        traffic(move |number, writer| {
            let outcome = if number < count { Outcome::Rejected } else { Outcome::Ok };
            request(writer, 20 + number % 10, 20, outcome);
        })
    };
    assert_eq!(rejecting(20).fires::<HotService>(12), ["HOT_SERVICE cart"], "not the shop, which passes it on");
    assert_eq!(rejecting(2).fires::<HotService>(12), [""; 0]);
}

#[test]
fn a_service_with_a_small_share_of_the_time_is_not_hot() {
    let mut traffic = Traffic::default();
    for minute in 0..13 {
        let cart = if minute == 12 { 30 } else { 10 };
        traffic.minute(minute, 200, |_, writer| {
            writer.span((1, 0), Kind::Server, "shop", (0, 300));
            writer.call((2, 1), ("shop", "cart"), (1, 3 + cart), Outcome::Ok);
        });
    }
    assert_eq!(traffic.fires::<HotService>(12), [""; 0]);
}

#[test]
fn one_process_with_most_of_the_work_is_a_hot_instance() {
    let skewed = |share: i64| {
        let mut traffic = Traffic::default();
        for minute in 0..5 {
            traffic.minute(minute, 300, |number, writer| {
                let process = if number % 10 < share { 0 } else { number % 3 };
                writer.span((1, 0), Kind::Server, &format!("cart/{process}"), (0, 200));
            });
        }
        traffic
    };
    assert_eq!(skewed(7).fires::<HotService>(4), ["HOT_SERVICE cart/0"]);
    assert_eq!(skewed(7).fires::<HotService>(1), [""; 0], "for two minutes only");
    assert_eq!(skewed(2).fires::<HotService>(4), [""; 0], "evenly enough");
}

/// Minutes of a process with as many requests per ten seconds as given, of so many milliseconds.
fn minutes(load: &[(i64, i64)]) -> Vec<Process> {
    let one = |(requests, millis): &(i64, i64)| {
        let mut process = Process::default();
        for number in 0..6 * requests {
            process.count(number * MINUTE_MS * MS / (6 * requests), millis * MS, millis * MS, WEIGHT_ONE);
        }
        process
    };
    load.iter().map(one).collect()
}

#[test]
fn a_knee_is_where_more_requests_take_longer() {
    let saturated = minutes(&[(50, 20), (60, 20), (70, 21), (80, 22), (100, 40), (120, 80)]);
    let found = knee(saturated.iter()).expect("there is a knee");
    assert!((found - 0.4).abs() < 1e-9, "a hundred of 40 ms in ten seconds: {found}");
    assert!((saturated[4].concurrency() - 0.4).abs() < 1e-9);
    for (what, load) in [
        ("more load, no change", [(50, 20), (60, 20), (70, 20), (80, 20), (100, 20), (120, 20)]),
        ("slower for another reason", [(50, 20), (50, 20), (50, 20), (50, 20), (50, 60), (50, 80)]),
        ("too few requests", [(5, 20), (6, 20), (7, 20), (8, 20), (10, 40), (12, 80)]),
    ] {
        assert_eq!(knee(minutes(&load).iter()), None, "{what}");
    }
    assert_eq!(knee(saturated[3..].iter()), None, "too few minutes");
}

#[test]
fn a_process_that_works_on_all_it_can_is_hot() {
    let busy = |last: i64| {
        let mut traffic = Traffic::default();
        for minute in 0..12 {
            // Three of the last five minutes are busy.
            let (count, millis) = if minute >= last { (1200, 90) } else { (600 + minute * 10, 20) };
            traffic.minute(minute, count, |_, writer| {
                writer.span((1, 0), Kind::Server, "cart/1", (0, millis));
            });
        }
        traffic
    };
    let found = busy(9).candidates::<HotService>(11);
    assert!(found[0].fires && format!("{found:?}").contains("\"knee\""));
}
