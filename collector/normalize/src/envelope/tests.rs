use proptest::prelude::*;

use super::*;

fn nanos(text: &str) -> Option<i64> {
    Some(i64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_nanosecond()).unwrap())
}

/// Lines, times and streams that come out.
fn lines(envelope: Envelope, input: &[&str]) -> Vec<(String, Option<i64>, Stream)> {
    let mut unwrapper = Unwrapper::new(envelope, 1024);
    let mut lines = Vec::new();
    for line in input {
        if let Some(unwrapped) = unwrapper.unwrap(line.as_bytes()) {
            let text = String::from_utf8(unwrapped.line.to_vec()).unwrap();
            lines.push((text, unwrapped.time, unwrapped.stream));
        }
    }
    lines
}

#[test]
fn cri_parts_are_joined_by_stream() {
    let first = nanos("2025-12-31T16:37:40.493035218Z");
    for envelope in [Envelope::Cri, Envelope::Auto] {
        let joined = lines(
            envelope,
            &[
                "2025-12-31T17:37:40.493035218+01:00 stdout P one ",
                "2025-12-31T17:37:40.5+01:00 stderr F other",
                "2025-12-31T17:37:41+01:00 stdout P two ",
                "2025-12-31T17:37:42+01:00 stdout F three",
                "2025-12-31T17:37:43Z stdout F  spaces stay ",
                "2025-12-31T17:37:44Z stdout F",
            ],
        );
        assert_eq!(
            joined,
            [
                ("other".to_owned(), nanos("2025-12-31T16:37:40.5Z"), Stream::Stderr),
                ("one two three".to_owned(), first, Stream::Stdout),
                (" spaces stay ".to_owned(), nanos("2025-12-31T17:37:43Z"), Stream::Stdout),
                (String::new(), nanos("2025-12-31T17:37:44Z"), Stream::Stdout),
            ]
        );
    }
}

#[test]
fn docker_lines_are_unescaped_and_joined() {
    let time = nanos("2026-01-02T03:04:05.000000006Z");
    for envelope in [Envelope::DockerJson, Envelope::Auto] {
        let joined = lines(
            envelope,
            &[
                r#"{"log":"{\"level\":30,\"msg\":\"caf\u00e9\"}\n","stream":"stdout","time":"2026-01-02T03:04:05.000000006Z"}"#,
                r#"{"log":"begins ","stream":"stderr","attrs":{"a":"b"},"time":"2026-01-02T03:04:05.000000006Z"}"#,
                r#"{"stream":"stderr","log":"ends\n","time":"2026-01-02T03:04:06Z"}"#,
            ],
        );
        assert_eq!(
            joined,
            [
                (r#"{"level":30,"msg":"café"}"#.to_owned(), time, Stream::Stdout),
                ("begins ends".to_owned(), time, Stream::Stderr),
            ]
        );
    }
}

#[test]
fn compose_prefixes_name_the_service() {
    for (line, expected) in [
        ("nginx_1     | GET /", Some(("GET /", "nginx"))),
        ("shop-api-2  | x | y", Some(("x | y", "shop-api"))),
        ("\u{1b}[36mnginx_1  |\u{1b}[0m GET /", Some(("GET /", "nginx"))),
        ("nginx_1  |", Some(("", "nginx"))),
        ("one | two", None),
        ("nginx_1| two", None),
        ("GET / | x", None),
    ] {
        let mut unwrapper = Unwrapper::new(Envelope::Auto, 1024);
        let unwrapped = unwrapper.unwrap(line.as_bytes()).unwrap();
        let (text, service) = expected.map_or((line, None), |(text, service)| (text, Some(service)));
        assert_eq!((unwrapped.line, unwrapped.service), (text.as_bytes(), service), "{line}");
    }
    let mut unwrapper = Unwrapper::new(Envelope::Compose, 1024);
    let unwrapped = unwrapper.unwrap(b"gateway   | GET /").unwrap();
    assert_eq!((unwrapped.line, unwrapped.service), (&b"GET /"[..], Some("gateway")));
}

#[test]
fn what_has_no_envelope_stays_as_it_is() {
    for line in [
        "2025-12-31T17:37:40Z stdout X line",
        "2025-12-31T17:37:40Z stdin F line",
        "2025-99-31T17:37:40Z stdout F line",
        r#"{"log":"an application's own key","level":"info"}"#,
        r#"{"log":"cut"#,
        "192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.1\" 200 1",
        "",
    ] {
        for envelope in Envelope::ALL {
            assert_eq!(lines(envelope, &[line]), [(line.to_owned(), None, Stream::Stdout)], "{envelope:?}");
        }
    }
}

#[test]
fn parts_without_an_end_are_bounded_and_handed_out() {
    let mut unwrapper = Unwrapper::new(Envelope::Cri, 10_000);
    let part = format!("2025-12-31T17:37:40Z stdout P {}", "x".repeat(999));
    for _ in 0..1000 {
        assert_eq!(unwrapper.unwrap(part.as_bytes()), None);
        assert!(unwrapper.pending_bytes() <= 10_000);
    }
    assert!(unwrapper.is_pending());
    let ended = unwrapper.unwrap(b"2025-12-31T17:37:41Z stdout F end").unwrap();
    assert!(ended.too_long && ended.line.len() <= 4096);
    let short = unwrapper.unwrap(b"2025-12-31T17:37:41Z stdout F short").unwrap();
    assert!(!short.too_long && short.line == b"short");
    assert_eq!(unwrapper.unwrap(b"2025-12-31T17:37:41Z stderr P left"), None);
    assert_eq!(unwrapper.take_pending().map(|pending| pending.line.to_vec()), Some(b"left".to_vec()));
    assert_eq!(unwrapper.take_pending(), None);
    assert_eq!(unwrapper.pending_bytes(), 0);
}

#[test]
fn paths_of_kubernetes_name_the_service() {
    let id = "0123456789abcdef".repeat(4);
    let container = format!("/var/log/containers/adservice-5f6585d649-fnmft_shop_server-{id}.log");
    for (path, expected) in [
        (container.as_str(), Some("adservice")),
        ("/var/log/pods/shop_adservice-5f6585d649-fnmft_0b6a/istio-proxy/0.log", Some("adservice")),
        ("/var/log/pods/shop_adservice-5f6585d649-fnmft_0b6a/server/0.log.20260101-000000", Some("adservice")),
        ("/var/log/pods/shop_db-0_0b6a/postgres/12.log", Some("db")),
        ("/data/adservice-5f6585d649-fnmft.log", Some("adservice")),
        ("/var/log/nginx/access.log", None),
        ("/var/log/app-1.log", None),
        ("a_b_c.log", None),
        ("", None),
    ] {
        assert_eq!(service_of_path(path), expected, "{path}");
    }
}

#[test]
fn names_are_those_of_the_configuration() {
    for envelope in Envelope::ALL {
        assert_eq!(Envelope::parse(envelope.name()), Some(envelope));
    }
    assert_eq!(Envelope::parse("CRI"), None);
}

proptest! {
    #[test]
    fn hostile_lines_do_not_break_it(input in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..20)) {
        for envelope in Envelope::ALL {
            let mut unwrapper = Unwrapper::new(envelope, 32);
            for tail in &input {
                for prefix in [&b""[..], b"2025-12-31T17:37:40Z stdout P ", b"{\"log\":\"", b"a_1 | ", b"\x1b["] {
                    let line = [prefix, tail].concat();
                    let _ = unwrapper.unwrap(&line);
                    prop_assert!(unwrapper.pending_bytes() <= 64);
                }
            }
        }
    }
}
