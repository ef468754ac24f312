use proptest::prelude::*;

use super::{apache, apache_error};
use crate::{
    format::{FormatOptions, LineReason},
    gateway::testing::{log, parse, request},
};

fn options(log_format: &str) -> FormatOptions {
    FormatOptions { log_format: Some(log_format.to_owned()), ..FormatOptions::default() }
}

#[test]
fn packaged_formats_need_no_configuration() {
    let format = apache(&FormatOptions::default()).unwrap();
    for (line, expected) in [
        (
            r#"10.0.0.9 id7 ann [04/Mar/2026:11:59:58 -0700] "GET /a.gif HTTP/1.0" 200 2326"#,
            "start=2026-03-04T18:59:58Z method=GET path=/a.gif status=200 client=10.0.0.9 out=2326 user.name=ann \
             network.protocol.version=1.0 apache.ident=id7",
        ),
        (
            r#"10.0.0.9 - - [04/Mar/2026:11:59:58 +0000] "GET /a?b HTTP/1.1" 304 - "-" "say \"hi\"""#,
            "start=2026-03-04T11:59:58Z method=GET path=/a status=304 client=10.0.0.9 agent=say \"hi\" \
             network.protocol.version=1.1 url.query=b",
        ),
        (
            r#"shop.example:443 ::1 - - [04/Mar/2026:11:59:58 +0000] "-" 408 0 - - 15 180"#,
            "start=2026-03-04T11:59:58Z host=shop.example status=408 client=::1 in=15 out=0 server.port=443 \
             apache.bytes_out=180",
        ),
        (
            r#"10.0.0.9 - - [04/Mar/2026:11:59:58 +0000] "\x16\x03\x01 \"" 400 226 "-" "-""#,
            r#"start=2026-03-04T11:59:58Z status=400 client=10.0.0.9 out=226 apache.request=\x16\x03\x01 \""#,
        ),
    ] {
        assert_eq!(request(&*format, line), expected, "{line}");
    }
    for (line, reason) in [
        ("10.0.0.9 - - [04/Mar/2026:11:59:58 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\" \"x\" y", LineReason::Format),
        ("10.0.0.9 - - [04/Mar/2026:11:59:58 +0000] \"GET / HTTP/1.1\" 200 1 1017", LineReason::Format),
        ("10.0.0.9 - - [04/Mar/2026:11:59:58 +0000] \"GET / HTTP/1.1\" 200 1 20000 517 ms", LineReason::Format),
        ("10.0.0.9 - - [04/Mar/2026:11:59:58 +0000] \"GET / HTTP/1.1\" 20x 1", LineReason::Field),
        ("10.0.0.9 - - [-] \"-\" - -", LineReason::Time),
        ("- - - - - - -", LineReason::Format),
    ] {
        assert_eq!(parse(&*format, line).unwrap_err().reason, reason, "{line}");
    }
}

#[test]
fn any_log_format_is_read() {
    for (log_format, line, expected) in [
        (
            r#"LogFormat "%v:%p %h %l %u %t \"%r\" %>s %b %D %T %{ms}T \"%{X-Request-Id}i\" %O %I %L %X \"%{BALANCER_WORKER_NAME}e\" %{BALANCER_NAME}e" api"#,
            r#"shop.example:443 10.0.0.9 - ann [04/Mar/2026:11:59:58 +0000] "PUT /a b?c HTTP/1.1" 503 299 1234567 1 1234 "8f3b5a60c1d2" 512 99 aZ1 X "http://10.0.0.1:80" balancer://shop"#,
            "start=2026-03-04T11:59:58Z duration=1234567us method=PUT path=/a b host=shop.example status=503 client=10.0.0.9 \
             in=99 out=299 service=shop upstream=10.0.0.1:80 cancelled=true id=8f3b5a60c1d2 server.port=443 user.name=ann \
             apache.log_id=aZ1 network.protocol.version=1.1 url.query=c",
        ),
        (
            "%{%Y-%m-%d %H:%M:%S}t.%{msec_frac}t %{%z}t %a %m %U%q %H %s %{Host}i %{X-Cache}o",
            "2026-03-04 12:59:58.250 +0100 10.0.0.9 GET /p?q=1 HTTP/2.0 200 shop.example:8443 HIT",
            "start=2026-03-04T11:59:58.25Z method=GET path=/p host=shop.example status=200 client=10.0.0.9 \
             server.port=8443 http.response.header.x-cache=HIT network.protocol.version=2 url.query=q=1",
        ),
        (
            "%{end:usec}t|%h|%200,304!s|100%%|%B",
            "1772625598250000|10.0.0.9|200|100%|7",
            "end=2026-03-04T11:59:58.25Z status=200 client=10.0.0.9 out=7",
        ),
        (
            "combinedio",
            r#"10.0.0.9 - - [04/Mar/2026:11:59:58 +0000] "GET / HTTP/1.1" 200 - "-" "k6" 99 180"#,
            "start=2026-03-04T11:59:58Z method=GET path=/ status=200 client=10.0.0.9 agent=k6 in=99 out=180 \
             network.protocol.version=1.1",
        ),
    ] {
        assert_eq!(request(&*apache(&options(log_format)).unwrap(), line), expected, "{line}");
    }
    for (log_format, expected) in [
        ("%h %y", "no directive known at character 4: \"%y\""),
        ("%h%u", "nothing stands between %h and %u"),
        ("%{Host", "no directive known at character 1"),
        ("combind", "is none of common, combined"),
        ("LogFormat %h api", "a quoted string is missing"),
    ] {
        let error = apache(&options(log_format)).unwrap_err().to_string();
        assert!(error.contains(expected), "{log_format}: {error}");
    }
}

#[test]
fn error_logs_of_both_versions_are_read() {
    let format = apache_error(&FormatOptions::default()).unwrap();
    for (line, expected) in [
        (
            "[Wed Mar 04 11:59:58.875454 2026] [proxy_http:error] [pid 304:tid 14] [client 2001:db8::7:5930] AH01114: HTTP: failed to make connection to backend: cart, referer: https://shop.example/",
            "2026-03-04T11:59:58.875454Z error 17 (AH01114: HTTP: failed to make connection to backend: cart) \
             apache.module=proxy_http apache.pid=304 apache.tid=14 client.address=2001:db8::7 client.port=5930 \
             apache.error_code=AH01114 http.request.header.referer=https://shop.example/",
        ),
        (
            "[Wed Mar 04 11:59:58.1 2026] [proxy:error] [pid 9] (113)No route to host: [client 10.0.0.9:1] AH00957: HTTP: attempt to connect to 10.0.0.1:80 (cart) failed",
            "2026-03-04T11:59:58.1Z error 17 ((113)No route to host: [client 10.0.0.9:1] AH00957: HTTP: attempt to connect \
             to 10.0.0.1:80 (cart) failed) apache.module=proxy apache.pid=9 apache.error_code=AH00957 apache.os_error=113 \
             client.address=10.0.0.9 client.port=1",
        ),
        (
            "[Wed Mar  4 11:59:58 2026] [error] [client ::1] proxy: disabled [x] request_id=8f3b5a60c1d2",
            "2026-03-04T11:59:58Z error 17 (proxy: disabled [x] request_id=8f3b5a60c1d2) id=8f3b5a60c1d2 client.address=::1",
        ),
        (
            "[Wed Mar 04 11:59:58 2026] [:trace4] [pid 9] [core] starting",
            "2026-03-04T11:59:58Z trace4 1 ([core] starting) apache.pid=9",
        ),
    ] {
        assert_eq!(log(&*format, line), expected, "{line}");
    }
    for (line, reason) in [
        ("[Wed Mar 04 11:59:58 2026] [loud] x", LineReason::Format),
        ("[yesterday] [error] x", LineReason::Time),
        ("", LineReason::Format),
    ] {
        assert_eq!(parse(&*format, line).unwrap_err().reason, reason, "{line}");
    }
}

proptest! {
    #[test]
    fn hostile_lines_never_panic(line in r#"[ -~é]{0,80}|(\[[a-z: 0-9]{0,12}\] ?|"|AH[0-9]{4,6}:|\([0-9]\)){0,9}"#) {
        let compiled = options("%v %{%d %H:%M}t %{usec_frac}t \"%r\" %>s %{BALANCER_WORKER_NAME}e %q");
        for format in [apache(&FormatOptions::default()), apache(&compiled), apache_error(&FormatOptions::default())] {
            let _ = parse(&*format.unwrap(), &line);
        }
        let head = format!("[Wed Mar 04 11:59:58 2026] [error] {line}");
        prop_assert!(parse(&*apache_error(&FormatOptions::default()).unwrap(), &head).is_ok());
    }

    #[test]
    fn hostile_formats_never_panic(log_format in r#"(%[<>!0-9,]{0,3}(\{[a-zA-Z:%-]{0,9}\})?\^?[a-zA-Z]{0,2}|[ -~é]){0,9}"#, line in "[ -~é]{0,40}") {
        if let Ok(format) = apache(&options(&log_format)) {
            let _ = parse(&*format, &line);
        }
    }
}
