use proptest::prelude::*;

use super::haproxy;
use crate::{
    format::{FormatOptions, LineReason},
    gateway::testing::{log, parse, request},
};

#[test]
fn requests_and_sessions_are_read() {
    let format = haproxy(&FormatOptions::default()).unwrap();
    for (line, expected) in [
        (
            r#"10.0.0.9:4242 [04/Mar/2026:11:59:58.123] web~ cart/web1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {shop.example|3f2504e0-4f89-41d3-9a0c-0305e82c3301} {} "GET /a?b HTTP/1.1""#,
            "start=2026-03-04T11:59:58.123Z duration=109000us method=GET path=/a status=200 client=10.0.0.9 out=2750 \
             service=cart upstream=web1 upstream_status=200 upstream_duration=99000us \
             id=3f2504e0-4f89-41d3-9a0c-0305e82c3301 client.port=4242 haproxy.frontend=web haproxy.frontend_tls=true \
             haproxy.captured_request_headers=shop.example|3f2504e0-4f89-41d3-9a0c-0305e82c3301 \
             network.protocol.version=1.1 url.query=b",
        ),
        (
            r#"<150>Mar  4 11:59:58 lb1 haproxy[77]: 2001:db8::9:4242 [04/Mar/2026:11:59:58.123] web cart/<NOSRV> 0/-1/-1/-1/+2 503 +212 - - SC-- 1/1/0/0/+3 0/4 "POST /pay HT"#,
            "start=2026-03-04T11:59:58.123Z duration=2000us method=POST path=/pay HT status=503 client=2001:db8::9 out=212 \
             service=cart flags=SC-- error=SC-- client.port=4242 haproxy.frontend=web haproxy.server=<NOSRV> \
             haproxy.logasap=true haproxy.retries=+3 haproxy.queues=0/4 haproxy.truncated=true",
        ),
        (
            r#"10.0.0.9:4242 [04/Mar/2026:11:59:58.123] web web/<NOSRV> -1/-1/-1/-1/5001 -1 0 - - CR-- 1/1/0/0/0 0/0 "<BADREQ>""#,
            "start=2026-03-04T11:59:58.123Z duration=5001000us client=10.0.0.9 out=0 service=web flags=CR-- cancelled=true \
             client.port=4242 haproxy.frontend=web haproxy.server=<NOSRV> haproxy.request=<BADREQ>",
        ),
        (
            "10.0.0.9:4242 [04/Mar/2026:11:59:58.123] pg db/pg1 1/2/5007 212 -- 0/0/0/0/3 0/0",
            "start=2026-03-04T11:59:58.123Z duration=5007000us client=10.0.0.9 out=212 service=db upstream=pg1 \
             upstream_duration=5006000us client.port=4242 haproxy.frontend=pg haproxy.retries=3",
        ),
    ] {
        assert_eq!(request(&*format, line), expected, "{line}");
    }
    for (line, reason) in [
        ("10.0.0.9:4242 [44/Mar/2026:11:59:58.123] web cart/web1 1/2/3/4/5 200 1", LineReason::Time),
        ("10.0.0.9:4242 [04/Mar/2026:11:59:58.123] web cart/web1 1/2/3/4/5 200", LineReason::Format),
        ("10.0.0.9:4242 [04/Mar/2026:11:59:58.123] web cart/web1 1/2 200", LineReason::Format),
        ("10.0.0.9:4242 [04/Mar/2026:11:59:58.123] web cart/web1 1/2/3/4/x 200 1", LineReason::Field),
        ("10.0.0.9 - - [04/Mar/2026:11:59:58 +0000] \"GET / HTTP/1.1\" 200 1", LineReason::Format),
        ("started in 3 s", LineReason::Format),
    ] {
        assert_eq!(parse(&*format, line).unwrap_err().reason, reason, "{line}");
    }
}

#[test]
fn what_happens_to_servers_is_logged() {
    let format = haproxy(&FormatOptions::default()).unwrap();
    for (line, expected) in [
        (
            "Mar  4 11:59:58 lb1 haproxy[77]: Server cart/web1 is DOWN, reason: Layer4 connection problem, info: \"Connection refused\".",
            "2026-03-04T11:59:58Z ? 19 (Server cart/web1 is DOWN, reason: Layer4 connection problem, info: \"Connection refused\".) \
             haproxy.backend=cart haproxy.server=web1",
        ),
        (
            "Backup Server cart/web2 is UP.",
            "? ? 10 (Backup Server cart/web2 is UP.) haproxy.backend=cart haproxy.server=web2",
        ),
        (
            "backend cart has no server available!",
            "? ? 21 (backend cart has no server available!) haproxy.backend=cart",
        ),
        ("haproxy[77]: reload done", "? ? ? (reload done)"),
        (
            "10.0.0.9:4242 [04/Mar/2026:11:59:58.123] web/1: SSL handshake failure",
            "2026-03-04T11:59:58.123Z ? ? (SSL handshake failure) client.address=10.0.0.9 client.port=4242 haproxy.frontend=web",
        ),
    ] {
        assert_eq!(log(&*format, line).replace("() ", ""), expected, "{line}");
    }
}

proptest! {
    #[test]
    fn hostile_lines_never_panic(line in r#"[ -~é]{0,80}|((haproxy\[7\]: |\{|\}|"|[0-9/+-]{1,9}|[a-zé<>~/|]{1,5}) ?){0,16}"#) {
        let format = haproxy(&FormatOptions::default()).unwrap();
        let _ = parse(&*format, &line);
        let _ = parse(&*format, &format!("a:1 [04/Mar/2026:11:59:58.123] {line}"));
        let _ = parse(&*format, &format!("a:1 [04/Mar/2026:11:59:58.123] f b/s 1/2/3/4/5 200 1 - - ---- 0/0 0/0 {line}"));
    }
}
