use spandrel_proto::model::Outcome;

use super::HiddenErrors;
use crate::{
    findings::load::testing::{Case, Traffic, Writer},
    span::Kind,
    testing::MS,
};

/// The shop answers within `duration` milliseconds after a call to the ads, from 10 to 50, that ends so.
fn request(writer: &mut Writer<'_>, duration: i64, ads: Outcome, own: Outcome) {
    writer.span((1, 0), Kind::Server, "shop", (0, duration)).outcome = own;
    writer.call((2, 1), ("shop", "ads"), (10, 50), ads);
}

#[test]
fn failures_that_answers_wait_for_and_do_not_show_are_hidden_errors() {
    let mut traffic = Traffic::default();
    traffic.minute(0, 100, |number, writer| {
        let ads = if number < 20 { Outcome::ServerFault } else { Outcome::Ok };
        request(writer, 100, ads, Outcome::Ok);
    });
    let found = traffic.candidates::<HiddenErrors>(0);
    assert_eq!(traffic.fires::<HiddenErrors>(0), ["HIDDEN_ERRORS shop op"]);
    assert_eq!((found[0].subject.service.as_str(), found[0].subject.operation.as_deref()), ("shop", Some("op")));
    assert_eq!(found[0].lost_ms(), 0.18 * 140.0, "40 ms, and an answer that may lack something");
    assert_eq!((found[0].since, found[0].until), (0, (19 * 600 + 100) * MS));
    assert!(found[0].remedy.contains("ads"));
}

#[test]
fn failures_that_show_cost_nothing_or_are_rare_are_not_hidden_errors() {
    let cases: [Case; 6] = [
        ("rare", |number, writer| {
            request(writer, 100, if number < 8 { Outcome::ServerFault } else { Outcome::Ok }, Outcome::Ok);
        }),
        ("the answer fails as well", |_, writer| request(writer, 100, Outcome::ServerFault, Outcome::ServerFault)),
        ("a small part of the time", |_, writer| request(writer, 1000, Outcome::ServerFault, Outcome::Ok)),
        ("the caller's fault", |_, writer| request(writer, 100, Outcome::ClientFault, Outcome::Ok)),
        ("something else takes longer at the same time", |_, writer| {
            request(writer, 100, Outcome::ServerFault, Outcome::Ok);
            writer.call((10, 1), ("shop", "cart"), (5, 80), Outcome::Ok);
        }),
        ("a second try succeeds", |_, writer| {
            request(writer, 100, Outcome::ServerFault, Outcome::Ok);
            writer.call((10, 1), ("shop", "ads"), (52, 80), Outcome::Ok);
        }),
    ];
    for (what, write) in cases {
        let mut traffic = Traffic::default();
        traffic.minute(0, 100, write);
        assert_eq!(traffic.fires::<HiddenErrors>(0), [""; 0], "{what}");
    }
}
