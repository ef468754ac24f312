//! Access logs of AWS API Gateway, whose form is a template of the user's.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use super::{
    fields::{integer, millis, not_a_time, other_format, set_host, set_protocol, set_target, status, text},
    pattern::{Part, Pattern},
};
use crate::{
    format::{Format, FormatError, FormatOptions, LineContext, LineError},
    ids::IdKind,
    json::{Object, Value},
    record::{Output, RequestRecord, Text},
    time,
};

const NAME: &str = "aws-api-gateway";

/// What a `$context` variable holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    RequestTime,
    RequestTimeEpoch,
    Method,
    Path,
    ResourcePath,
    RouteKey,
    Status,
    Protocol,
    ResponseLength,
    ResponseLatency,
    IntegrationLatency,
    IntegrationStatus,
    SourceIp,
    UserAgent,
    DomainName,
    Error,
    RequestId,
    TraceId,
    /// `latency`, which users call either of the latencies.
    Latency,
    Attribute(Box<str>),
}

/// Access logs of API Gateway: JSON with keys by which users commonly name the variables, or lines of the template
/// that `log_format` gives.
///
/// # Errors
/// When `log_format` is no template.
pub fn aws_api_gateway(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    if options.escape.is_some() {
        return Err(FormatError(format!("{NAME}: API Gateway has no escape modes; remove escape")));
    }
    let mut format = ApiGateway { layout: None, keys: HashMap::new() };
    for (key, target) in &options.keys {
        let field = field_of_key(target).or_else(|| field_of_column(target));
        format.keys.insert(key.as_str().into(), field.unwrap_or_else(|| Field::Attribute(target.as_str().into())));
    }
    let wrong = |problem: String| FormatError(format!("log_format of {NAME}: {problem}"));
    match options.log_format.as_deref().map(str::trim) {
        Some(template) if template.starts_with('{') => {
            let template = Object::parse(template).map_err(|error| wrong(error.detail.into_owned()))?;
            let mut variables = Vec::new();
            template.for_each_flat(&mut |key, value| variables.push((key, value)));
            for (key, value) in variables {
                let field = match parts(&value).as_slice() {
                    [Part::Field(field)] => field.clone(),
                    _ => Field::Attribute(attribute_name(&key)),
                };
                format.keys.insert(key.as_ref().into(), field);
            }
        }
        Some(template) => format.layout = Some(Pattern::new(parts(template), spaces_within).map_err(wrong)?),
        None => {}
    }
    Ok(Arc::new(format))
}

#[derive(Debug)]
struct ApiGateway {
    layout: Option<Pattern<Field>>,
    /// The fields of keys, as the template has them.
    keys: HashMap<Box<str>, Field>,
}

impl Format for ApiGateway {
    fn name(&self) -> &'static str {
        NAME
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        let mut reader = Reader { record: RequestRecord::new(NAME), ..Reader::default() };
        match &self.layout {
            Some(layout) => {
                layout.read(line, |field, value| reader.set(field, Value::Text(Cow::Borrowed(value)), context))?;
            }
            None => self.read_json(Object::parse(line)?, &mut reader, context)?,
        }
        output.requests.push(reader.finish());
        Ok(())
    }
}

impl ApiGateway {
    fn read_json<'a>(
        &self,
        object: Object<'a>,
        reader: &mut Reader<'a>,
        context: &LineContext<'a>,
    ) -> Result<(), LineError> {
        let mut named = 0;
        let mut problem = None;
        // Values are texts or numbers; in a template that nests them their keys are joined by dots.
        object.for_each_flat(&mut |key, value| {
            let field = match self.keys.get(&*key) {
                Some(field) => {
                    named += 1;
                    field.clone()
                }
                None => field_of_key(&key).unwrap_or_else(|| field_of_value(&key, &value)),
            };
            if let Err(error) = reader.set(&field, Value::Text(value), context) {
                problem.get_or_insert(error);
            }
        });
        let is_known = if self.keys.is_empty() { reader.has_marks() } else { named >= self.keys.len().min(3) };
        if !is_known {
            return Err(other_format("the JSON object has no keys of an API Gateway access record"));
        }
        problem.map_or(Ok(()), Err)
    }
}

#[derive(Debug, Default)]
struct Reader<'a> {
    record: RequestRecord<'a>,
    resource: Option<Text<'a>>,
    route_key: Option<Text<'a>>,
    latency: Option<i64>,
    /// Fields that tell the product, and whether there was an id of the request.
    marks: u32,
    has_id: bool,
}

impl<'a> Reader<'a> {
    fn has_marks(&self) -> bool {
        self.has_id && self.marks >= 2
    }

    fn set(&mut self, field: &Field, value: Value<'a>, context: &LineContext<'a>) -> Result<(), LineError> {
        let record = &mut self.record;
        match field {
            Field::Status => record.status = status("status", &value)?,
            Field::IntegrationStatus => record.upstream_status = status("integration status", &value)?,
            Field::ResponseLength => record.response_bytes = integer("response length", &value)?,
            Field::ResponseLatency => record.duration_ns = millis("response latency", &value)?,
            Field::IntegrationLatency => record.upstream_duration_ns = millis("integration latency", &value)?,
            Field::Latency => self.latency = millis("latency", &value)?,
            Field::RequestTimeEpoch => record.start_time = millis("request time", &value)?,
            _ => {
                if let Some(value) = text(value) {
                    return self.set_text(field, value, context);
                }
            }
        }
        self.marks +=
            u32::from(matches!(field, Field::IntegrationStatus | Field::ResponseLength | Field::IntegrationLatency));
        self.marks += u32::from(matches!(field, Field::ResponseLatency | Field::RequestTimeEpoch));
        Ok(())
    }

    fn set_text(&mut self, field: &Field, value: Text<'a>, context: &LineContext<'a>) -> Result<(), LineError> {
        let record = &mut self.record;
        match field {
            Field::RequestTime => {
                self.marks += 1;
                // The same time in milliseconds says more, wherever it stands.
                if record.start_time.is_none() {
                    let time = time::common_log(&value).or_else(|| time::iso8601(&value, context.zone));
                    let time = time.or_else(|| time::epoch_guess(&value)).ok_or_else(|| not_a_time(&value))?;
                    record.start_time = Some(time);
                }
            }
            Field::Method => record.method = Some(value),
            Field::Path => set_target(record, &value),
            Field::ResourcePath => self.resource = Some(value),
            Field::RouteKey => self.route_key = Some(value),
            Field::Protocol => set_protocol(record, &value),
            Field::SourceIp => record.client_address = Some(value),
            Field::UserAgent => record.user_agent = Some(value),
            Field::DomainName => set_host(record, &value),
            Field::Error => record.error = Some(value),
            Field::RequestId => {
                self.has_id = true;
                record.ids.set(IdKind::Correlation, &value);
            }
            Field::TraceId => record.ids.set(IdKind::TraceId, &value),
            Field::Attribute(name) => {
                let variable = name.strip_prefix("aws_api_gateway.");
                self.marks += u32::from(matches!(variable, Some("apiId" | "stage" | "extendedRequestId")));
                record.attribute(name.to_string(), value);
            }
            _ => {}
        }
        self.marks += u32::from(matches!(field, Field::ResourcePath | Field::RouteKey));
        Ok(())
    }

    fn finish(mut self) -> RequestRecord<'a> {
        let record = &mut self.record;
        // `GET /items/{id}` of HTTP APIs; a route key such as `$default` or `$connect` has no method.
        if let Some(key) = self.route_key {
            match key.split_once(' ') {
                Some((method, route)) => {
                    if record.method.is_none() && method != "ANY" {
                        record.method = Some(Cow::Owned(method.to_owned()));
                    }
                    record.route = Some(Cow::Owned(route.to_owned()));
                }
                None => record.route = Some(key),
            }
        }
        if let Some(resource) = self.resource {
            if record.path.is_none() && !resource.contains('{') {
                record.path = Some(resource.clone());
            }
            record.route = Some(resource);
        }
        record.duration_ns = record.duration_ns.or(self.latency);
        // Where the whole succeeded, what a part says of errors is no outcome.
        if record.status.is_some_and(|status| status < 400)
            && let Some(error) = record.error.take()
        {
            record.attribute("aws_api_gateway.error", error);
        }
        self.record
    }
}

/// A template as text and variables, `$context.identity.sourceIp` or `$stageVariables.x`.
fn parts(template: &str) -> Vec<Part<Field>> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = template;
    while let Some(dollar) = rest.find("$context.") {
        text.push_str(&rest[..dollar]);
        rest = &rest[dollar + "$context.".len()..];
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        let mut length = rest.bytes().take_while(|byte| is_name(*byte)).count();
        // A point at the end belongs to the text.
        while rest[..length].ends_with(['.', '-']) {
            length -= 1;
        }
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text)));
        }
        parts.push(Part::Field(field_of_variable(&rest[..length])));
        rest = &rest[length..];
    }
    text.push_str(rest);
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    parts
}

fn spaces_within(field: &Field) -> usize {
    usize::from(matches!(field, Field::RequestTime | Field::RouteKey))
}

fn field_of_variable(name: &str) -> Field {
    match name {
        "requestTime" => Field::RequestTime,
        "requestTimeEpoch" => Field::RequestTimeEpoch,
        "httpMethod" => Field::Method,
        "path" => Field::Path,
        "resourcePath" => Field::ResourcePath,
        "routeKey" => Field::RouteKey,
        "status" => Field::Status,
        "protocol" => Field::Protocol,
        "responseLength" | "dataProcessed" => Field::ResponseLength,
        "responseLatency" => Field::ResponseLatency,
        "integrationLatency" | "integration.latency" => Field::IntegrationLatency,
        "integrationStatus" | "integration.integrationStatus" => Field::IntegrationStatus,
        "identity.sourceIp" => Field::SourceIp,
        "identity.userAgent" => Field::UserAgent,
        "domainName" => Field::DomainName,
        "error.message" | "integrationErrorMessage" | "integration.error" => Field::Error,
        "requestId" => Field::RequestId,
        "xrayTraceId" => Field::TraceId,
        other => Field::Attribute(attribute_name(other)),
    }
}

/// The field of a key as users name it: `request_id`, `requestId` and `RequestID` are one.
fn field_of_key(key: &str) -> Option<Field> {
    let plain: String =
        key.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    Some(match plain.as_str() {
        "requesttime" | "time" | "timestamp" => Field::RequestTime,
        "requesttimeepoch" => Field::RequestTimeEpoch,
        "httpmethod" | "method" | "requestmethod" => Field::Method,
        "path" | "requestpath" | "uri" => Field::Path,
        "resourcepath" | "resource" => Field::ResourcePath,
        "routekey" | "route" => Field::RouteKey,
        "status" | "statuscode" | "responsestatus" => Field::Status,
        "protocol" => Field::Protocol,
        "responselength" => Field::ResponseLength,
        "responselatency" | "responselatencyms" => Field::ResponseLatency,
        "integrationlatency" | "integrationlatencyms" => Field::IntegrationLatency,
        "integrationstatus" | "integrationstatuscode" => Field::IntegrationStatus,
        "latency" => Field::Latency,
        "ip" | "sourceip" | "identitysourceip" | "clientip" => Field::SourceIp,
        "useragent" | "identityuseragent" => Field::UserAgent,
        "domainname" | "domain" | "host" => Field::DomainName,
        "errormessage" | "integrationerrormessage" | "integrationerror" | "integrationrequesterror" => Field::Error,
        "requestid" => Field::RequestId,
        "xraytraceid" | "traceid" => Field::TraceId,
        "apiid" => Field::Attribute(attribute_name("apiId")),
        "stage" => Field::Attribute(attribute_name("stage")),
        "extendedrequestid" => Field::Attribute(attribute_name("extendedRequestId")),
        _ => return None,
    })
}

/// The field that fills a column, for keys that the user names.
fn field_of_column(name: &str) -> Option<Field> {
    Some(match name {
        "http_request_method" => Field::Method,
        "url_path" => Field::Path,
        "http_route" => Field::ResourcePath,
        "server_address" => Field::DomainName,
        "http_response_status_code" => Field::Status,
        "client_address" => Field::SourceIp,
        "response_bytes" => Field::ResponseLength,
        "upstream_status" => Field::IntegrationStatus,
        "correlation_id" => Field::RequestId,
        _ => return None,
    })
}

/// The field of a value under a key that tells nothing: times and trace ids are known by their shape.
fn field_of_value(key: &str, value: &str) -> Field {
    let is_trace = || {
        let mut parts = value.trim_start_matches("Root=").split('-');
        let is_hex = |part: Option<&str>, length| {
            part.is_some_and(|part| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
        };
        parts.next() == Some("1") && is_hex(parts.next(), 8) && is_hex(parts.next(), 24) && parts.next().is_none()
    };
    if time::common_log(value).is_some() {
        Field::RequestTime
    } else if is_trace() {
        Field::TraceId
    } else {
        Field::Attribute(attribute_name(key))
    }
}

fn attribute_name(key: &str) -> Box<str> {
    format!("aws_api_gateway.{key}").into_boxed_str()
}

#[cfg(test)]
mod tests;
