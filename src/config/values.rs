//! From texts to values.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    time::Duration,
};

use spandrel_collector::CorsOrigins;

use super::LogFormat;

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let problem = |reason: String| format!("{text:?} is not an address such as 127.0.0.1:4317: {reason}");
    let mut addresses = text.to_socket_addrs().map_err(|error| problem(error.to_string()))?;
    addresses.next().ok_or_else(|| problem("the name has no address".to_owned()))
}

pub(super) fn size(text: &str) -> Result<u64, String> {
    text.parse::<bytesize::ByteSize>()
        .map(|size| size.as_u64())
        .map_err(|error| format!("{text:?} is not a size such as 64MiB: {error}"))
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("{text:?} is not a duration such as 30s or 7d: {error}"))?;
    if duration.is_zero() { Err(format!("{text:?} is no time at all")) } else { Ok(duration) }
}

pub(super) fn retention(text: &str) -> Result<Option<Duration>, String> {
    if text == "forever" { Ok(None) } else { duration(text).map(Some) }
}

pub(super) fn count(text: &str) -> Result<usize, String> {
    text.parse().map_err(|error| format!("{text:?} is not a count: {error}"))
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("{text:?} is neither text nor json")),
    }
}

pub(super) fn log_filter(text: &str) -> Result<String, String> {
    tracing_subscriber::EnvFilter::try_new(text).map_err(|error| format!("{text:?} is not a log filter: {error}"))?;
    Ok(text.to_owned())
}

pub(super) fn cors_origins(text: &str) -> Result<CorsOrigins, String> {
    if text.is_empty() {
        return Ok(CorsOrigins::None);
    }
    if text == "*" {
        return Ok(CorsOrigins::Any);
    }
    let origins: Vec<String> = text.split(',').map(|origin| origin.trim().to_owned()).collect();
    match origins.iter().find(|origin| !is_origin(origin)) {
        Some(origin) => Err(format!("{origin:?} is not an origin such as https://shop.example")),
        None => Ok(CorsOrigins::List(origins)),
    }
}

fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/'))
}
