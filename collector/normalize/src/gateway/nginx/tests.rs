use proptest::prelude::*;

use super::{ingress_nginx, nginx, nginx_error};
use crate::{
    format::{FormatOptions, LineReason},
    gateway::testing::{log, parse, request},
};

fn options(log_format: &str, escape: Option<&str>) -> FormatOptions {
    FormatOptions {
        log_format: Some(log_format.to_owned()),
        escape: escape.map(str::to_owned),
        ..FormatOptions::default()
    }
}

#[test]
fn packaged_formats_need_no_configuration() {
    let format = nginx(&FormatOptions::default()).unwrap();
    for (line, expected) in [
        (
            r#"203.0.113.9 - ann [04/Mar/2026:11:59:58 +0100] "GET /cart/7?full=1 HTTP/1.1" 200 612 "https://shop.example/" "curl/8.5.0""#,
            "end=2026-03-04T10:59:58Z method=GET path=/cart/7 status=200 client=203.0.113.9 agent=curl/8.5.0 out=612 \
             user.name=ann network.protocol.version=1.1 url.query=full=1 http.request.header.referer=https://shop.example/",
        ),
        (
            r#"2001:db8::7 - - [04/Mar/2026:11:59:58 +0000] "POST /pay HTTP/2.0" 499 0 "-" "a \x22b\x22" "198.51.100.1, 10.0.0.2""#,
            "end=2026-03-04T11:59:58Z method=POST path=/pay status=499 client=2001:db8::7 agent=a \"b\" out=0 cancelled=true \
             network.protocol.version=2 http.request.header.x-forwarded-for=198.51.100.1, 10.0.0.2",
        ),
        (
            r#"203.0.113.9 - - [04/Mar/2026:11:59:58 +0000] "\x16\x03\x01\x02" 400 150 "-" "-""#,
            r"end=2026-03-04T11:59:58Z status=400 client=203.0.113.9 out=150 nginx.request=\x16\x03\x01\x02",
        ),
        (
            r#"203.0.113.9 - - [04/Mar/2026:11:59:58 +0000] "" 400 0 "" """#,
            "end=2026-03-04T11:59:58Z status=400 client=203.0.113.9 out=0",
        ),
        (
            r#"shop.example:443 203.0.113.9 - - [04/Mar/2026:11:59:58 +0000] "GET / HTTP/1.1" 444 0 "-" "-""#,
            "end=2026-03-04T11:59:58Z method=GET path=/ host=shop.example status=444 client=203.0.113.9 out=0 \
             server.port=443 network.protocol.version=1.1",
        ),
        (
            r#"203.0.113.9 - [04/Mar/2026:11:59:58 +0000] "GET / HTTP/1.1" 502 157 "-" "k6" "-" 0.005 0.001, 0.003 cart 1.4.2"#,
            "end=2026-03-04T11:59:58Z duration=5000us method=GET path=/ status=502 client=203.0.113.9 agent=k6 out=157 \
             service=cart upstream_duration=3000us attempts=?/?/1000us+?/?/3000us service.version=1.4.2 \
             network.protocol.version=1.1",
        ),
    ] {
        assert_eq!(request(&*format, line), expected, "{line}");
    }
}

#[test]
fn lines_of_others_are_refused() {
    let head = r#"10.0.0.9 - - [04/Mar/2026:11:59:58 +0000] "GET / HTTP/1.1" 200 161"#;
    let format = nginx(&FormatOptions::default()).unwrap();
    for tail in [
        "1017",
        "20000 517 ms",
        r#""-" "k6" 7 "cart@docker" "http://10.0.0.1:80" 42ms"#,
        r#""-" "k6" 462 1.001 [a] [] - - - - 8f3b5a60c1d2"#,
        r#""-" "k6" "-" "more""#,
    ] {
        assert_eq!(parse(&*format, &format!("{head} {tail}")).unwrap_err().reason, LineReason::Format, "{tail}");
    }
    assert!(parse(&*format, head).is_ok());
}

#[test]
fn any_log_format_is_read() {
    for (log_format, escape, line, expected) in [
        (
            r#"$msec $host "$request_method $scheme://$host$request_uri" s=$status rt=$request_time up=$upstream_addr us=$upstream_status ut=$upstream_response_time ct=$upstream_connect_time rid=$request_id x="$http_x_tenant" y=${sent_http_x_cache};"#,
            None,
            r#"1772625598.123 shop.example "GET https://shop.example/a?b=c" s=200 rt=0.500 up=10.0.0.1:80, 10.0.0.2:80 us=502, 200 ut=0.100, 0.399 ct=-, 0.001 rid=8f3b5a60c1d2 x="blue" y=HIT;"#,
            "end=2026-03-04T11:59:58.123Z duration=500000us method=GET path=/a host=shop.example status=200 \
             upstream=10.0.0.2:80 upstream_status=200 upstream_duration=399000us \
             attempts=10.0.0.1:80/502/100000us+10.0.0.2:80/200/399000us id=8f3b5a60c1d2 url.scheme=https \
             nginx.upstream_connect_time=-, 0.001 http.request.header.x-tenant=blue http.response.header.x-cache=HIT \
             url.query=b=c",
        ),
        (
            r#"{"time":"$time_iso8601","method":"$request_method","uri":"$uri","args":"$args","status":$status,"rt":$request_time,"urt":$upstream_response_time,"ua":"$http_user_agent","up":"$upstream_addr"}"#,
            Some("json"),
            r#"{"time":"2026-03-04T11:59:58+00:00","method":"GET","uri":"/a b","args":"","status":304,"rt":0.000,"urt":,"ua":"x\"y\u00e9","up":""}"#,
            "end=2026-03-04T11:59:58Z duration=0us method=GET path=/a b status=304 agent=x\"yé",
        ),
        (
            r#"{"time":"$time_iso8601","request_method":"$request_method","status":"$status","request_time":$request_time}"#,
            Some("json"),
            r#"{"status": "200", "time": "2026-03-04T11:59:58+00:00", "request_method": "PUT", "request_time": 1.5}"#,
            "end=2026-03-04T11:59:58Z duration=1500000us method=PUT status=200",
        ),
        (
            "$remote_addr [$time_local] $status $bytes_sent $upstream_status $upstream_addr \"$http_user_agent\"",
            Some("none"),
            r#"10.0.0.9 [04/Mar/2026:11:59:58 +0000] 502 157 502, 502 10.0.0.1:80, shop_api "a "quoted" one""#,
            "end=2026-03-04T11:59:58Z status=502 client=10.0.0.9 agent=a \"quoted\" one out=157 service=shop_api \
             upstream=shop_api attempts=10.0.0.1:80/502/?+shop_api/?/?",
        ),
        (
            "$http_traceless$is_args$time_iso8601",
            None,
            "",
            "log_format \"$http_traceless$is_args$time_iso8601\": nothing stands between $http_traceless and $is_args: \
             their values cannot be told apart",
        ),
    ] {
        match nginx(&options(log_format, escape)) {
            Ok(format) => assert_eq!(request(&*format, line), expected, "{line}"),
            Err(error) => assert_eq!(error.to_string(), expected),
        }
    }
}

#[test]
fn json_is_read_by_its_keys() {
    let format = nginx(&FormatOptions::default()).unwrap();
    for (line, expected) in [
        (
            r#"{"time_iso8601":"2026-03-04T12:59:58+01:00","remote_addr":"10.0.0.9","request":"GET /p?q=1 HTTP/1.1","status":"502","body_bytes_sent":157,"request_time":"0.012","upstream_addr":"10.0.0.1:80, 10.0.0.2:80","upstream_status":"502, 502","upstream_rt":"0.004, 0.008","request_id":"8f3b5a60c1d2","tenant":"blue"}"#,
            "end=2026-03-04T11:59:58Z duration=12000us method=GET path=/p status=502 client=10.0.0.9 out=157 \
             upstream=10.0.0.2:80 upstream_status=502 upstream_duration=8000us \
             attempts=10.0.0.1:80/502/4000us+10.0.0.2:80/502/8000us id=8f3b5a60c1d2 nginx.tenant=blue \
             network.protocol.version=1.1 url.query=q=1",
        ),
        (
            r#"{"msec":1772625598.123,"request_method":"GET","uri":"/x","status":304,"request_time":0.001,"upstream_response_time":,"upstream_addr":"","upstream_status":-}"#,
            "end=2026-03-04T11:59:58.123Z duration=1000us method=GET path=/x status=304",
        ),
    ] {
        assert_eq!(request(&*format, line), expected, "{line}");
    }
    for (line, reason) in [
        (r#"{"level":"info","msg":"started"}"#, LineReason::Format),
        (r#"{"status":200,"request_time":"0.1","request_method":"GET""#, LineReason::Json),
        (r#"{"status":"ok?","request_time":"0.1"}"#, LineReason::Field),
        (r#"{"status":200,"time_local":"yesterday"}"#, LineReason::Time),
    ] {
        assert_eq!(parse(&*format, line).unwrap_err().reason, reason, "{line}");
    }
}

#[test]
fn ingress_nginx_tells_tries_apart() {
    let format = ingress_nginx(&FormatOptions::default()).unwrap();
    let head = r#"10.0.0.9 - - [04/Mar/2026:11:59:58 +0000] "GET /a HTTP/1.1" 403 9 "-" "k6" 462 1.001"#;
    let common = "end=2026-03-04T11:59:58Z duration=1001000us method=GET path=/a status=403 client=10.0.0.9 agent=k6 in=462 out=9";
    for (tail, expected) in [
        (
            "[shop-cart-80] [] [2001:db8::7]:5000, [2001:db8::8]:5000 0, 1 0.000, 1.000 502, 403 8f3b5a60c1d2",
            "service=shop-cart-80 upstream=[2001:db8::8]:5000 upstream_status=403 upstream_duration=1000000us \
             attempts=[2001:db8::7]:5000/502/0us+[2001:db8::8]:5000/403/1000000us id=8f3b5a60c1d2 \
             nginx.upstream_response_length=0, 1 network.protocol.version=1.1",
        ),
        ("[-] [] - - - - 8f3b5a60c1d2", "id=8f3b5a60c1d2 network.protocol.version=1.1"),
        (
            "[] [] 10.0.0.1:80 12 0.004 403 8f3b5a60c1d2",
            "upstream=10.0.0.1:80 upstream_status=403 upstream_duration=4000us attempts=10.0.0.1:80/403/4000us id=8f3b5a60c1d2 \
             nginx.upstream_response_length=12 network.protocol.version=1.1",
        ),
    ] {
        assert_eq!(request(&*format, &format!("{head} {tail}")), format!("{common} {expected}"), "{tail}");
    }
    assert_eq!(parse(&*format, head).unwrap_err().reason, LineReason::Format);
}

#[test]
fn error_logs_are_read_from_the_right() {
    let format = nginx_error(&FormatOptions::default()).unwrap();
    for (line, expected) in [
        (
            r#"2026/03/04 11:59:58 [error] 31#7: *20 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.9, server: shop.example, request: "POST /pay?x=1 HTTP/1.1", upstream: "http://10.0.0.1:80/pay", host: "shop.example:8080", referrer: "https://a/, host: ""#,
            "2026-03-04T11:59:58Z error 17 (connect() failed (111: Connection refused) while connecting to upstream) \
             nginx.pid=31 nginx.tid=7 nginx.connection=20 http.request.header.referer=https://a/, host:  \
             http.request.header.host=shop.example:8080 nginx.upstream=http://10.0.0.1:80/pay server.address=shop.example \
             client.address=10.0.0.9 http.request.method=POST url.path=/pay network.protocol.version=1.1 url.query=x=1",
        ),
        (
            r#"2026/03/04 11:59:58 [info] 31#0: *9 client gave up, so upstream is closed too while reading upstream, client: 10.0.0.9, server: , request: "GET / HTTP/1.1", upstream: "fastcgi://unix:/run/php.sock:", host: """#,
            "2026-03-04T11:59:58Z info 9 (client gave up, so upstream is closed too while reading upstream) nginx.pid=31 \
             nginx.tid=0 nginx.connection=9 nginx.upstream=fastcgi://unix:/run/php.sock: client.address=10.0.0.9 \
             http.request.method=GET url.path=/ network.protocol.version=1.1",
        ),
        (
            "2026/03/04 11:59:58 [notice] 1#1: signal process started",
            "2026-03-04T11:59:58Z notice 10 (signal process started) nginx.pid=1 nginx.tid=1",
        ),
        (
            r#"2026/03/04 11:59:58 [error] 1#1: *3 lua said no, request_id=lab-7-8f3b5a60, client: 10.0.0.9, server: a, request: "GET / HTTP/1.1", host: "a""#,
            "2026-03-04T11:59:58Z error 17 (lua said no, request_id=lab-7-8f3b5a60) id=lab-7-8f3b5a60 nginx.pid=1 nginx.tid=1 nginx.connection=3 \
             http.request.header.host=a server.address=a client.address=10.0.0.9 http.request.method=GET url.path=/ \
             network.protocol.version=1.1",
        ),
        (
            r#"2026/03/04 11:59:58 [error] 1#1: *3 upstream timed out, client: 10.0.0.9, server: a, request: "GET / HTTP/1.1", host: "a", request_id: "8f3b5a60c1d2""#,
            "2026-03-04T11:59:58Z error 17 (upstream timed out) id=8f3b5a60c1d2 nginx.pid=1 nginx.tid=1 nginx.connection=3 \
             http.request.header.host=a server.address=a client.address=10.0.0.9 http.request.method=GET url.path=/ \
             network.protocol.version=1.1",
        ),
    ] {
        assert_eq!(log(&*format, line), expected, "{line}");
    }
    for line in
        ["2026/03/04 11:59:58 [loud] 1#1: x", "10.0.0.9 - - [04/Mar/2026:11:59:58 +0000] \"GET / HTTP/1.1\" 200 1"]
    {
        assert_eq!(parse(&*format, line).unwrap_err().reason, LineReason::Format, "{line}");
    }
    assert_eq!(parse(&*format, "2026/13/04 11:59:58 [error] 1#1: x").unwrap_err().reason, LineReason::Time);
}

proptest! {
    #[test]
    fn hostile_lines_never_panic(line in r#"[ -~é]{0,80}|\{("[a-z_:]{0,12}":["0-9, :x\\-]{0,9},?){0,9}\}?"#) {
        let combined = options("combined", None);
        let json = options(r#"{"a":"$request","b":$upstream_addr,"c":"$status"}"#, Some("json"));
        for format in [nginx(&FormatOptions::default()), ingress_nginx(&FormatOptions::default()), nginx(&combined), nginx(&json)] {
            let _ = parse(&*format.unwrap(), &line);
        }
        let head = format!("2026/03/04 11:59:58 [error] 1#1: *3 {line}");
        prop_assert!(parse(&*nginx_error(&FormatOptions::default()).unwrap(), &head).is_ok());
    }

    #[test]
    fn mutilated_lines_never_panic(cut in 0usize..400, insert in "[\" \\[\\]\\\\é:,-]{0,4}") {
        let whole = r#"10.0.0.9 - - [04/Mar/2026:11:59:58 +0000] "GET http://[::1]:80/a?b HTTP/1.1" 403 9 "-" "k\x22" 462 1.001 [s] [] [::1]:5, a 0, 1 0.0, 1.0 502, 403 8f3b5a60c1d2"#;
        let cut = cut % whole.len();
        let line = format!("{}{insert}{}", &whole[..cut], &whole[cut..]);
        for format in [nginx(&FormatOptions::default()), ingress_nginx(&FormatOptions::default())] {
            let format = format.unwrap();
            let _ = parse(&*format, &line);
            let _ = parse(&*format, &line[..cut]);
        }
    }

    #[test]
    fn hostile_formats_never_panic(log_format in r#"(log_format [a-z]{0,3} (escape=json )?)?['"]?(\$\{?(status|time_local|upstream_addr|is_args|[a-zé]{0,3})\}?|[ -~é]){0,9}['"]?;?"#, line in "[ -~é]{0,40}") {
        if let Ok(format) = nginx(&options(&log_format, None)) {
            let _ = parse(&*format, &line);
        }
    }
}
