//! Envoy and the meshes and gateways built on it.

mod cluster;
mod flags;
mod keys;
mod operator;
mod outlier;
mod record;

use std::{collections::HashMap, sync::Arc};

use super::{fields::other_format, pattern::Pattern};
use crate::{
    format::{Format, FormatError, FormatOptions, LineContext, LineError, LineReason},
    ids::IdKind,
    json::{Object, Value},
    record::Output,
};
use record::Builder;

/// What one operator or key holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    /// With the format of `%START_TIME(..)%`, where it has one.
    StartTime(Option<Box<str>>),
    Duration,
    Method,
    Path,
    /// The path before Envoy rewrote it.
    OriginalPath,
    Authority,
    Protocol,
    Status,
    GrpcStatus,
    Flags,
    CodeDetails,
    TerminationDetails,
    TransportFailure,
    BytesReceived,
    BytesSent,
    ForwardedFor,
    UserAgent,
    Id(IdKind),
    UpstreamHost,
    UpstreamCluster,
    UpstreamLocalAddress,
    UpstreamTime,
    AttemptCount,
    DownstreamLocalAddress,
    DownstreamRemoteAddress,
    ServerName,
    RouteName,
    Mesh,
    SourceService,
    DestinationService,
    Direction,
    Attribute(Box<str>),
}

const DEFAULT: &str = "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% \
    %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \
    \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"";

const EMISSARY: &str = "ACCESS [%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" \
    %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \
    \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"";

const ISTIO: &str = "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% \
    %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% \
    \"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% \
    %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \
    \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% \
    %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%";

/// The first versions of Istio: no details, no route.
const ISTIO_OLD: &str = "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" \
    %RESPONSE_CODE% %RESPONSE_FLAGS% \"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% \
    %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \
    \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% \
    %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME%";

/// Istio up to 1.8: the policy status of Mixer before the transport failure, no details.
const ISTIO_MIXER: &str = "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" \
    %RESPONSE_CODE% %RESPONSE_FLAGS% \"%DYNAMIC_METADATA(istio.mixer:status)%\" \
    \"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% \
    %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \
    \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% \
    %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%";

const KUMA: &str = "[%START_TIME%] %KUMA_MESH% \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" \
    %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \
    \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-B3-TRACEID?X-DATADOG-TRACEID)%\" \"%REQ(X-REQUEST-ID)%\" \
    \"%REQ(:AUTHORITY)%\" \"%KUMA_SOURCE_SERVICE%\" \"%KUMA_DESTINATION_SERVICE%\" \
    \"%KUMA_SOURCE_ADDRESS_WITHOUT_PORT%\" \"%UPSTREAM_HOST%\"";

const KUMA_TCP: &str = "[%START_TIME%] %RESPONSE_FLAGS% %KUMA_MESH% \
    %KUMA_SOURCE_ADDRESS_WITHOUT_PORT%(%KUMA_SOURCE_SERVICE%)->%UPSTREAM_HOST%(%KUMA_DESTINATION_SERVICE%) \
    took %DURATION%ms, sent %BYTES_SENT% bytes, received: %BYTES_RECEIVED% bytes";

/// Envoy's own formats, and any format string of its.
///
/// # Errors
/// When `log_format` is no format string of Envoy.
pub fn envoy(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    build("envoy", &[DEFAULT], options)
}

/// Envoy Gateway: its JSON, and Envoy's text.
///
/// # Errors
/// As [`envoy`].
pub fn envoy_gateway(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    build("envoy-gateway", &[DEFAULT], options)
}

/// Istio, sidecars and gateways, of all versions.
///
/// # Errors
/// As [`envoy`].
pub fn istio(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    build("istio", &[ISTIO, ISTIO_MIXER, ISTIO_OLD], options)
}

/// Consul Connect: its JSON, and Envoy's text.
///
/// # Errors
/// As [`envoy`].
pub fn consul(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    build("consul", &[DEFAULT], options)
}

/// Kuma and Kong Mesh, HTTP and TCP.
///
/// # Errors
/// As [`envoy`].
pub fn kuma(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    build("kuma", &[KUMA, KUMA_TCP], options)
}

/// AWS App Mesh.
///
/// # Errors
/// As [`envoy`].
pub fn app_mesh(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    build("app-mesh", &[DEFAULT], options)
}

/// Emissary-ingress, which was Ambassador.
///
/// # Errors
/// As [`envoy`].
pub fn emissary(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    build("emissary", &[EMISSARY], options)
}

fn build(name: &'static str, layouts: &[&str], options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    if options.escape.is_some() {
        return Err(FormatError(format!("{name}: Envoy has no escape modes; remove escape")));
    }
    let mut keys: HashMap<Box<str>, Field> = HashMap::new();
    for (key, target) in &options.keys {
        let field = keys::field(target).or_else(|| keys::column(target));
        keys.insert(key.as_str().into(), field.unwrap_or_else(|| Field::Attribute(target.as_str().into())));
    }
    let wrong = |problem: String| FormatError(format!("log_format of {name}: {problem}"));
    let given = options.log_format.as_deref().map(str::trim);
    let layouts = match given {
        Some(dictionary) if dictionary.starts_with('{') => {
            let dictionary = Object::parse(dictionary).map_err(|error| wrong(error.detail.into_owned()))?;
            let mut members = Vec::new();
            dictionary.for_each_flat(&mut |key, value| members.push((key, value)));
            for (key, format) in members {
                keys.insert(key.as_ref().into(), operator::field_of_value(&key, &format).map_err(wrong)?);
            }
            Vec::new()
        }
        // Copied out of YAML or JSON, a format string may still have its escapes.
        Some(format) => vec![operator::compile(&format.replace("\\n", "\n").replace("\\\"", "\"")).map_err(wrong)?],
        None => layouts.iter().map(|layout| operator::compile(layout).map_err(wrong)).collect::<Result<_, _>>()?,
    };
    Ok(Arc::new(EnvoyFormat { name, layouts, keys }))
}

#[derive(Debug)]
struct EnvoyFormat {
    name: &'static str,
    layouts: Vec<Pattern<Field>>,
    /// What the user says of keys, before what they are known for.
    keys: HashMap<Box<str>, Field>,
}

impl Format for EnvoyFormat {
    fn name(&self) -> &'static str {
        self.name
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        if line.starts_with('{') {
            return self.parse_json(Object::parse(line)?, context, output);
        }
        let mut refused = other_format("the line is not an access record of this kind");
        for layout in &self.layouts {
            let mut builder = Builder::new(self.name, context);
            let read = layout.read(line, |field, value| builder.set(field, Value::Text(value.into())));
            match read {
                Ok(()) => {
                    output.requests.push(builder.finish());
                    return Ok(());
                }
                // A field that is wrong says more than a layout that does not fit.
                Err(error) if refused.reason == LineReason::Format => refused = error,
                Err(_) => {}
            }
        }
        Err(refused)
    }
}

impl EnvoyFormat {
    fn parse_json<'a>(
        &self,
        object: Object<'a>,
        context: &LineContext<'a>,
        output: &mut Output<'a>,
    ) -> Result<(), LineError> {
        if outlier::is_event(&object) {
            output.logs.push(outlier::read(object, context)?);
            return Ok(());
        }
        let mut builder = Builder::new(self.name, context);
        let mut named = 0;
        let mut read = Ok(());
        for (key, value) in object.members {
            match value {
                Value::Object(nested) => nested.for_each_flat(&mut |inner, value| {
                    let set = self.set_member(&mut builder, &mut named, &format!("{key}.{inner}"), Value::Text(value));
                    read = std::mem::replace(&mut read, Ok(())).and(set);
                }),
                value => read = read.and(self.set_member(&mut builder, &mut named, &key, value)),
            }
        }
        // What is wrong with a field matters only in a line that is of this format.
        let is_known = if self.keys.is_empty() { builder.has_marks() } else { named >= self.keys.len().min(3) };
        if !is_known {
            return Err(other_format("the JSON object has no keys of an Envoy access record"));
        }
        read?;
        output.requests.push(builder.finish());
        Ok(())
    }

    fn set_member<'a>(
        &self,
        builder: &mut Builder<'_, 'a>,
        named: &mut usize,
        key: &str,
        value: Value<'a>,
    ) -> Result<(), LineError> {
        if !self.keys.is_empty()
            && let Some(field) = self.keys.get(key)
        {
            *named += 1;
            return builder.set(field, value);
        }
        match keys::field(key) {
            Some(field) => builder.set(&field, value),
            None => {
                builder.set_unknown(key, value);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
