//! The formats by name, and the order in which they are tried when a source does not say its own.

use std::sync::Arc;

use crate::{
    app::{json, klog, logfmt, spring, text},
    detect,
    format::{Format, FormatError, FormatOptions},
    gateway::{
        apache, aws_api_gateway, aws_elb, caddy, envoy, haproxy, kong, linkerd, nginx, spring_cloud_gateway, traefik,
    },
};

/// One format.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name in configuration.
    pub name: &'static str,
    pub build: fn(&FormatOptions) -> Result<Arc<dyn Format>, FormatError>,
    /// Whether detection tries it. Formats that only differ from another one in what values mean are not told apart.
    pub is_detected: bool,
}

const fn detected(name: &'static str, build: fn(&FormatOptions) -> Result<Arc<dyn Format>, FormatError>) -> Entry {
    Entry { name, build, is_detected: true }
}

const fn named(name: &'static str, build: fn(&FormatOptions) -> Result<Arc<dyn Format>, FormatError>) -> Entry {
    Entry { name, build, is_detected: false }
}

/// All formats, the most specific first: a line that several of them read is the first one's.
pub const FORMATS: &[Entry] = &[
    named("auto", detect::auto),
    detected("kong", kong::kong),
    detected("caddy", caddy::caddy),
    detected("traefik", traefik::traefik),
    detected("linkerd", linkerd::linkerd),
    detected("istio", envoy::istio),
    named("consul", envoy::consul),
    detected("kuma", envoy::kuma),
    detected("emissary", envoy::emissary),
    named("app-mesh", envoy::app_mesh),
    named("envoy-gateway", envoy::envoy_gateway),
    detected("envoy", envoy::envoy),
    named("aws-api-gateway", aws_api_gateway::aws_api_gateway),
    detected("aws-alb", aws_elb::aws_alb),
    detected("haproxy", haproxy::haproxy),
    detected("spring-cloud-gateway", spring_cloud_gateway::spring_cloud_gateway),
    detected("ingress-nginx", nginx::ingress_nginx),
    detected("nginx", nginx::nginx),
    detected("nginx-error", nginx::nginx_error),
    detected("apache", apache::apache),
    detected("apache-error", apache::apache_error),
    detected("spring", spring::spring),
    detected("klog", klog::klog),
    detected("json", |options| json::json("json", options)),
    named("winston", |options| json::json("winston", options)),
    named("pino", |options| json::json("pino", options)),
    named("bunyan", |options| json::json("bunyan", options)),
    named("zap", |options| json::json("zap", options)),
    named("zerolog", |options| json::json("zerolog", options)),
    named("logrus", |options| json::json("logrus", options)),
    named("slog", |options| json::json("slog", options)),
    named("logback", |options| json::json("logback", options)),
    named("log4j2", |options| json::json("log4j2", options)),
    named("ecs", |options| json::json("ecs", options)),
    named("serilog", |options| json::json("serilog", options)),
    named("dotnet", |options| json::json("dotnet", options)),
    named("structlog", |options| json::json("structlog", options)),
    named("python-json-logger", |options| json::json("python-json-logger", options)),
    named("google-cloud", |options| json::json("google-cloud", options)),
    named("gelf", |options| json::json("gelf", options)),
    detected("logfmt", logfmt::logfmt),
    // Reads any line, and so is what remains when no other does.
    named("text", text::text),
];

/// The format of a name.
///
/// # Errors
/// When there is none of that name, or it cannot be used with the options.
pub fn format(name: &str, options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    match FORMATS.iter().find(|entry| entry.name == name) {
        Some(entry) => (entry.build)(options),
        None => {
            let names: Vec<&str> = FORMATS.iter().map(|entry| entry.name).collect();
            Err(FormatError(format!("there is no format {name:?}; the formats are {}", names.join(", "))))
        }
    }
}

/// The formats that detection tries, in their order. A format string is of one format only, and so has no part in it.
///
/// # Errors
/// When one of them cannot be used with the options.
pub fn candidates(options: &FormatOptions) -> Result<Vec<Arc<dyn Format>>, FormatError> {
    let options = FormatOptions { log_format: None, escape: None, keys: options.keys.clone() };
    FORMATS.iter().filter(|entry| entry.is_detected).map(|entry| (entry.build)(&options)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_has_the_name_it_is_found_by() {
        for entry in FORMATS {
            assert_eq!(format(entry.name, &FormatOptions::default()).unwrap().name(), entry.name);
            assert_eq!(FORMATS.iter().filter(|other| other.name == entry.name).count(), 1, "{}", entry.name);
        }
        for name in json::names() {
            assert!(FORMATS.iter().any(|entry| entry.name == name), "{name}");
        }
        let error = format("ngnix", &FormatOptions::default()).unwrap_err();
        assert!(error.0.contains("\"ngnix\"") && error.0.contains("spring, klog, json"), "{error}");
        assert!(!candidates(&FormatOptions::default()).unwrap().is_empty());
    }
}
