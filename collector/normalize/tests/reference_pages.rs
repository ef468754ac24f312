//! The examples of the reference pages are lines of their formats.

use std::{fs, sync::Arc};

use jiff::tz::TimeZone;
use spandrel_normalize::{
    format::{Format, FormatError, FormatOptions, LineContext},
    gateway::{apache, aws_elb, haproxy, nginx, spring_cloud_gateway, traefik},
    record::Output,
};

type Constructor = fn(&FormatOptions) -> Result<Arc<dyn Format>, FormatError>;

const PAGES: [(&str, Constructor); 9] = [
    ("nginx", nginx::nginx),
    ("nginx-error", nginx::nginx_error),
    ("ingress-nginx", nginx::ingress_nginx),
    ("apache", apache::apache),
    ("apache-error", apache::apache_error),
    ("haproxy", haproxy::haproxy),
    ("aws-alb", aws_elb::aws_alb),
    ("traefik", traefik::traefik),
    ("spring-cloud-gateway", spring_cloud_gateway::spring_cloud_gateway),
];

#[test]
fn examples_are_read_as_their_pages_configure() {
    for (page, constructor) in PAGES {
        let path = format!("{}/../../docs/reference/formats/{page}.md", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(&path).unwrap();
        let log_format = text.lines().find_map(|line| line.trim().strip_prefix("log_format: '")?.strip_suffix('\''));
        let options = FormatOptions { log_format: log_format.map(str::to_owned), ..FormatOptions::default() };
        let format = constructor(&options).unwrap();
        assert!(text.contains(&format!("format: {}", format.name())), "{path} does not name {}", format.name());
        let mut is_fenced = false;
        let mut lines = Vec::new();
        for line in text.lines() {
            is_fenced ^= line.starts_with("```");
            // What begins with a variable is a format, and JSON is another format's on the same page.
            lines.extend(line.strip_prefix("    ").filter(|line| !is_fenced && !line.starts_with(['$', '{'])));
        }
        assert!(!lines.is_empty(), "{path}");
        for line in lines {
            let context = LineContext {
                received_at: 0,
                envelope_time: None,
                zone: &TimeZone::UTC,
                service: None,
                host: None,
                program: None,
                severity_number: None,
            };
            let mut output = Output::default();
            let result = format.parse(line, &context, &mut output);
            assert_eq!(result, Ok(()), "{path}: {line}");
            assert_eq!(output.requests.len() + output.logs.len(), 1, "{path}: {line}");
        }
    }
}
