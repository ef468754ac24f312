use proptest::prelude::*;

use super::*;
use crate::{format::LineReason, gateway::reading};

fn with_template(template: &str) -> Arc<dyn Format> {
    aws_api_gateway(&FormatOptions { log_format: Some(template.to_owned()), ..FormatOptions::default() }).unwrap()
}

fn format() -> Arc<dyn Format> {
    aws_api_gateway(&FormatOptions::default()).unwrap()
}

const REQUEST_ID: &str = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef";

#[test]
fn json_with_common_keys() {
    let line = format!(
        r#"{{"requestId":"{REQUEST_ID}","ip":"198.51.100.7","requestTime":"01/Mar/2026:10:00:00 +0000","requestTimeEpoch":"1772359200310","httpMethod":"GET","resourcePath":"/items/{{id}}","path":"/prod/items/7","status":"504","protocol":"HTTP/1.1","responseLength":"41","responseLatency":"29003","integrationLatency":"29000","integrationStatus":"-","userAgent":"curl/8","errorMessage":"Endpoint request timed out","xray":"1-5759e988-bd862e3fe1be46a994272793","stage":"prod"}}"#
    );
    let record = reading::request(&*format(), &line);
    assert_eq!(record.start_time, Some(1_772_359_200_310_000_000));
    assert_eq!((record.duration_ns, record.upstream_duration_ns), (Some(29_003_000_000), Some(29_000_000_000)));
    assert_eq!((record.status, record.upstream_status, record.response_bytes), (Some(504), None, Some(41)));
    assert_eq!((record.path.as_deref(), record.route.as_deref()), (Some("/prod/items/7"), Some("/items/{id}")));
    assert_eq!(record.client_address.as_deref(), Some("198.51.100.7"));
    assert_eq!(record.error.as_deref(), Some("Endpoint request timed out"));
    assert!(record.ids.correlation.contains(&Cow::Borrowed(REQUEST_ID)));
    assert_eq!(reading::attribute(&record, "aws_api_gateway.stage"), Some("prod"));
}

#[test]
fn http_apis_name_method_and_route_in_one() {
    let line = format!(
        r#"{{"request_id":"{REQUEST_ID}","source_ip":"198.51.100.7","request_time":"01/Mar/2026:10:00:00 +0000","routeKey":"GET /items/{{id}}","status":200,"responseLength":41,"latency":31}}"#
    );
    let record = reading::request(&*format(), &line);
    assert_eq!((record.method.as_deref(), record.route.as_deref()), (Some("GET"), Some("/items/{id}")));
    assert_eq!((record.start_time, record.duration_ns), (reading::nanos("2026-03-01T10:00:00Z"), Some(31_000_000)));
}

#[test]
fn templates_of_json_and_text() {
    let json = with_template(
        r#"{"id":"$context.requestId","t":"$context.requestTimeEpoch","total":"$context.responseLatency","latency":"$context.integrationLatency","code":"$context.status","who":"$context.authorizer.principalId","at":"$context.apiId/$context.stage"}"#,
    );
    let record = reading::request(
        &*json,
        r#"{"id":"req-1-8f3b5a60","t":"1772359200310","total":"40","latency":"31","code":"201","who":"app","at":"a1/prod"}"#,
    );
    assert_eq!((record.status, record.duration_ns), (Some(201), Some(40_000_000)));
    assert_eq!(record.upstream_duration_ns, Some(31_000_000));
    assert_eq!(reading::attribute(&record, "aws_api_gateway.authorizer.principalId"), Some("app"));
    assert_eq!(reading::attribute(&record, "aws_api_gateway.at"), Some("a1/prod"));

    let text = with_template(
        r#"$context.identity.sourceIp - - [$context.requestTime] "$context.httpMethod $context.routeKey $context.protocol" $context.status $context.responseLength $context.requestId"#,
    );
    let record = reading::request(
        &*text,
        r#"198.51.100.7 - - [01/Mar/2026:10:00:00 +0000] "GET GET /items HTTP/1.1" 200 41 req-1-8f3b5a60"#,
    );
    assert_eq!((record.status, record.route.as_deref()), (Some(200), Some("/items")));
    assert_eq!(record.ids.correlation, ["req-1-8f3b5a60"]);
    let csv = with_template("$context.requestId,$context.status,$context.responseLatency");
    assert_eq!(reading::request(&*csv, "req-1-8f3b5a60,403,2").status, Some(403));
    assert_eq!(reading::refusal(&*csv, "one,two"), LineReason::Format);
    assert_eq!(reading::refusal(&*csv, "req-1-8f3b5a60,ok,2"), LineReason::Field);
    for bad in ["no variables", "$context.status$context.path", "{broken"] {
        let options = FormatOptions { log_format: Some(bad.to_owned()), ..FormatOptions::default() };
        assert!(aws_api_gateway(&options).is_err(), "{bad}");
    }
}

#[test]
fn other_lines_are_refused() {
    for (line, reason) in [
        (
            r#"{"level":"info","msg":"x","requestId":"a","method":"GET","status":200,"time":"2026-03-01T10:00:00Z"}"#,
            LineReason::Format,
        ),
        ("plain", LineReason::Format),
        (r#"{"requestId":"a","#, LineReason::Json),
        (r#"{"requestId":"a","apiId":"b","stage":"c","status":"fine"}"#, LineReason::Field),
        (r#"{"requestId":"a","apiId":"b","stage":"c","requestTime":"soon"}"#, LineReason::Time),
    ] {
        assert_eq!(reading::refusal(&*format(), line), reason, "{line}");
    }
}

proptest! {
    #[test]
    fn hostile_lines_and_templates_never_panic(template in "[$a-z. {}\":,]{0,60}", line in "\\PC{0,120}", name in "[a-zA-Z.-]{0,12}") {
        reading::survives(&*format(), &line);
        let record = serde_json::json!({"requestId": line, "apiId": line, "stage": name, "routeKey": line, "x": line});
        reading::survives(&*format(), &record.to_string());
        for template in [template.clone(), format!("$context.{name} {template}"), format!("{template}$context.{name}")] {
            let options = FormatOptions { log_format: Some(template), ..FormatOptions::default() };
            if let Ok(format) = aws_api_gateway(&options) {
                reading::survives(&*format, &line);
            }
        }
    }
}
