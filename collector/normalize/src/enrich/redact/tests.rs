use proptest::prelude::*;
use spandrel_proto::model::Table;

use super::*;
use crate::enrich::testing::{batch, entries, maps, span_events, text, texts};

fn redactor() -> Redactor {
    Redactor::new(&[]).unwrap()
}

/// The text after redaction, as a log's body, and which rules found how much.
fn redact(body: &str) -> (String, Vec<(String, u64)>) {
    let (redactor, mut counts) = (redactor(), Vec::new());
    let redacted = redactor.apply(batch(Table::Logs, vec![("body", texts(&[body]))]), &mut counts);
    let found = redactor.rules().iter().cloned().zip(counts).filter(|(_, count)| *count > 0).collect();
    (text(&redacted, "body", 0).unwrap().to_owned(), found)
}

const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJmZHNlIn0.dGhlLXNpZ25hdHVyZQ";

#[test]
fn secrets_are_taken_out_of_texts() {
    let with_jwt = |before: &str, after: &str| format!("{before}{JWT}{after}");
    for (body, expected, rule) in [
        ("Authorization: Bearer abc.def-123", "Authorization: [REDACTED]", "authorization"),
        ("authorization=Basic dXNlcjpwYXNz, next", "authorization=[REDACTED], next", "authorization"),
        (r#"{"authorization":"Bearer x y","a":1}"#, r#"{"authorization":"[REDACTED]","a":1}"#, "authorization"),
        (r#"{"Authorization": ["Basic YQ=="], "a":1}"#, r#"{"Authorization": ["[REDACTED]"], "a":1}"#, "authorization"),
        (
            r#"{"log":"{\"authorization\":\"Bearer xyz\",\"a\":1}"}"#,
            r#"{"log":"{\"authorization\":\"[REDACTED]\",\"a\":1}"}"#,
            "authorization",
        ),
        (
            "{'proxy-authorization': 'Basic YQ==', 'a': 1}",
            "{'proxy-authorization': '[REDACTED]', 'a': 1}",
            "authorization",
        ),
        ("AUTHORIZATION: Digest username=\"a\", response=\"b\"", "AUTHORIZATION: [REDACTED]", "authorization"),
        ("sent bearer 0123456789abcdef", "sent bearer [REDACTED]", "authorization"),
        ("Cookie: session=abc; theme=dark", "Cookie: [REDACTED]", "cookie"),
        ("Cookie: session=abc; note=[REDACTED", "Cookie: [REDACTED]", "cookie"),
        (r#""set-cookie":"id=7; Path=/; HttpOnly""#, r#""set-cookie":"[REDACTED]""#, "cookie"),
        (with_jwt("token ", " seen").as_str(), "token [REDACTED] seen", "jwt"),
        (with_jwt("/login?t=", "&a=1").as_str(), "/login?t=[REDACTED]&a=1", "jwt"),
        ("card 4111111111111111 declined", "card [REDACTED] declined", "card"),
        ("card 4111 1111 1111 1111, ok", "card [REDACTED], ok", "card"),
        ("card=5500-0000-0000-0004", "card=[REDACTED]", "card"),
        ("amex 3782 822463 10005.", "amex [REDACTED].", "card"),
        (r#"{"card":"378282246310005"}"#, r#"{"card":"[REDACTED]"}"#, "card"),
        ("item 12 4111 1111 1111 1111", "item 12 [REDACTED]", "card"),
        ("GET https://shop.example/u/ann@example.org?x=1", "GET https://shop.example/u/[REDACTED]?x=1", "email"),
        ("GET /reset?mail=ann%40example.org HTTP/1.1", "GET /reset?mail=[REDACTED] HTTP/1.1", "email"),
    ] {
        let (redacted, found) = redact(body);
        assert_eq!(redacted, expected, "{body}");
        assert_eq!(found, [(rule.to_owned(), 1)], "{body}");
        let (again, found) = redact(&redacted);
        assert_eq!((again.as_str(), found.len()), (expected, 0), "what is redacted stays so: {body}");
    }
}

#[test]
fn what_looks_alike_is_left_alone() {
    for body in [
        "1700000000000 1700000000000000 1700000000000000000",
        "dd.trace_id=4111111111111111114 5454545454545454540",
        "4111111111111112",
        "trace 4bf92f3577b34da6a3ce929d0e0e4736 id41111111111111110 a4111111111111111",
        "550e8400-e29b-41d4-a716-446655440000 12345678-1234-1234-1234-123456789012",
        "0.4111111111111111 4111111111111111.5 order-4111111111111111 4111111111111111-7",
        "6011 is a price, 4111 1111 1111 too",
        "2026-09-27 13:25:59 2026-09-27",
        "mail from ann@example.org",
        "postgres://app@db.internal.example/shop",
        "npm install /left/pad@1.2.3",
        "the cookies were eaten",
        "authorization failed",
        "eyJ",
        r#"{"headers":{"Authorization":[],"Cookie":""}}"#,
        r#"{"log":"{\"Authorization\":[],\"Cookie\":{}}"}"#,
        "@@@@ %40 earer ",
    ] {
        let before = batch(Table::Logs, vec![("body", texts(&[body]))]);
        let mut counts = Vec::new();
        let after = redactor().apply(before.clone(), &mut counts);
        assert_eq!(text(&after, "body", 0), Some(body));
        assert_eq!(counts.iter().sum::<u64>(), 0, "{body}");
        assert!(before.columns().iter().zip(after.columns()).all(|(before, after)| Arc::ptr_eq(before, after)));
    }
}

#[test]
fn every_text_of_every_table_is_looked_at_but_names_and_ids() {
    let mail = "https://a.example/ann@example.org";
    let rows = batch(
        Table::Spans,
        vec![
            ("name", texts(&["4111111111111111"])),
            ("service_name", texts(&["4111111111111111"])),
            ("correlation_id", texts(&["4111111111111111"])),
            ("url_path", texts(&["/u/ann@example.org"])),
            (
                "attributes",
                maps(&[&[
                    ("http.request.header.authorization", "Negotiate zzz"),
                    ("req.headers.cookie", "a=b"),
                    ("http.response.header.set-cookie.0", "c=d"),
                    ("url.query", "mail=ann%40example.org"),
                    ("4111111111111111", "card as a key"),
                    ("authorization_endpoint", "https://a.example/"),
                    ("note", "ann@example.org"),
                    ("x-request-id", "4111111111111111"),
                ]]),
            ),
            ("resource_attributes", maps(&[&[("service.name", "4111111111111111"), ("cmd", mail)]])),
            ("events", span_events(&[(mail, &[("exception.message", "4111111111111111"), ("Cookie", "x")])])),
        ],
    );
    let mut counts = Vec::new();
    let redactor = redactor();
    let redacted = redactor.apply(rows.clone(), &mut counts);
    assert_eq!(redacted.schema(), rows.schema());
    assert_eq!(text(&redacted, "name", 0), Some(REDACTED));
    assert_eq!(text(&redacted, "service_name", 0), Some("4111111111111111"));
    assert_eq!(text(&redacted, "correlation_id", 0), Some("4111111111111111"));
    assert_eq!(text(&redacted, "url_path", 0), Some("/u/[REDACTED]"));
    let pairs = |column| {
        entries(&redacted, column, 0).into_iter().map(|(key, value)| format!("{key}: {value}")).collect::<Vec<_>>()
    };
    assert_eq!(
        pairs("attributes"),
        [
            "http.request.header.authorization: [REDACTED]",
            "req.headers.cookie: [REDACTED]",
            "http.response.header.set-cookie.0: [REDACTED]",
            "url.query: mail=[REDACTED]",
            "[REDACTED]: card as a key",
            "authorization_endpoint: https://a.example/",
            "note: ann@example.org",
            "x-request-id: 4111111111111111",
        ]
    );
    assert_eq!(pairs("resource_attributes"), ["service.name: 4111111111111111", "cmd: https://a.example/[REDACTED]"]);
    let events = format!("{:?}", redacted.column_by_name("events"));
    assert!(
        !events.contains("ann@") && !events.contains("4111") && events.contains("https://a.example/[REDACTED]"),
        "{events}"
    );
    assert_eq!(counts, [1, 3, 0, 3, 4], "{:?}", redactor.rules());
    let untouched = rows.column_by_name("links").unwrap();
    assert!(Arc::ptr_eq(untouched, redacted.column_by_name("links").unwrap()));
}

#[test]
fn configured_rules_come_after_and_are_named_when_broken() {
    let rule = |name: &str, regex: &str, replacement: &str| RedactionRule {
        name: name.to_owned(),
        regex: regex.to_owned(),
        replacement: replacement.to_owned(),
    };
    let redactor =
        Redactor::new(&[rule("iban", r"\b(DE)\d{20}\b", "${1}xx"), rule("pin", "pin=[0-9]+", "pin=?")]).unwrap();
    let mut counts = Vec::new();
    let rows = batch(Table::Logs, vec![("body", texts(&["DE12345678901234567890 pin=1 pin=2", "nothing"]))]);
    let redacted = redactor.apply(rows, &mut counts);
    assert_eq!(text(&redacted, "body", 0), Some("DExx pin=? pin=?"));
    assert_eq!(text(&redacted, "body", 1), Some("nothing"));
    assert_eq!(counts[5..], [1, 2]);
    let error = Redactor::new(&[rule("broken", "(", "")]).unwrap_err();
    assert!(error.to_string().contains("broken"), "{error}");
    let error = Redactor::new(&[rule("huge", r"\w{1000}{1000}", "")]).unwrap_err();
    assert!(error.to_string().contains("huge"), "{error}");
}

#[test]
fn slices_and_large_bodies_are_taken() {
    let long = format!("{}4111111111111111", "1 ".repeat(1 << 19));
    let rows = batch(Table::Logs, vec![("body", texts(&["4111111111111111", "fine", &long]))]);
    let mut counts = Vec::new();
    let redacted = redactor().apply(rows.slice(1, 2), &mut counts);
    assert_eq!(text(&redacted, "body", 0), Some("fine"));
    assert!(text(&redacted, "body", 1).unwrap().ends_with("1 [REDACTED]"));
    assert_eq!(counts.iter().sum::<u64>(), 1);
    for hostile in ["@".repeat(1 << 20), "a.".repeat(1 << 19) + "@", "eyJ".repeat(1 << 18), "cookie=".repeat(1 << 17)] {
        redactor().apply(batch(Table::Logs, vec![("body", texts(&[&hostile]))]), &mut counts);
    }
}

#[test]
fn time_grows_with_the_bytes_only() {
    let (numbers, dashes) = (vec!["12345"; 100_000], vec!["-"; 300_000]);
    let mut after_dashes = dashes.clone();
    after_dashes.push("41111111111111");
    let addresses = "a@b.co;".repeat(1 << 14);
    let mut counts = Vec::new();
    for bodies in [numbers, dashes, after_dashes, vec![addresses.as_str()]] {
        let rows = batch(Table::Logs, vec![("body", texts(&bodies))]);
        assert_eq!(redactor().apply(rows.clone(), &mut counts), rows);
    }
}

proptest! {
    #[test]
    fn redaction_never_panics_and_finds_its_suspects(
        bodies in prop::collection::vec("([a-z@%./ \"':=-]{0,12}|\\PC{0,8}|[0-9 -]{0,20}|authorization|[Cc]ookie: |eyJ[a-z.]{9,20}|4111111111111111|a@b.co|/x){0,6}", 1..5)
    ) {
        let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
        let before = batch(Table::Logs, vec![("body", texts(&bodies))]);
        let mut counts = Vec::new();
        let after = redactor().apply(before.clone(), &mut counts);
        if counts.iter().sum::<u64>() == 0 {
            prop_assert_eq!(&before, &after);
        }
        // A rule that always looks at everything finds no more than the search for suspects leads to.
        let everything = RedactionRule { name: "all".to_owned(), regex: "[a&&b]".to_owned(), replacement: String::new() };
        let mut all_counts = Vec::new();
        let all = Redactor::new(&[everything]).unwrap().apply(before, &mut all_counts);
        prop_assert_eq!(&all_counts[..5], &counts[..5]);
        prop_assert_eq!(all, after);
    }
}
