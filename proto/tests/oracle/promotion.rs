//! Which of a span's attributes fill columns or current names, and which stay as they came.

use std::borrow::Cow;

use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use spandrel_proto::{
    model::alias::{self, Alias, Conversion, Side, Target},
    wire::Repair,
};

use super::{
    Context,
    attributes::Attributes,
    text::{number, text, variant},
};

/// An attribute whose name means `alias`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    alias: Alias,
    key: &'a str,
    value: &'a Value,
}

impl<'a> Named<'a> {
    /// The text of the column, or of the attribute under its current name.
    pub(super) fn text(self) -> Cow<'a, str> {
        let renamed = |name: Option<&'static str>| name.map_or_else(|| text(self.value), Cow::Borrowed);
        match (self.alias.conversion, self.value) {
            _ if is_number(self.alias.target) => Cow::Owned(number(self.value).unwrap_or_default().to_string()),
            (Conversion::PathOfTarget, Value::StringValue(target)) => Cow::Borrowed(split_target(target).0),
            (Conversion::GrpcCode, Value::IntValue(code)) => renamed(alias::grpc_code_name(*code)),
            (Conversion::GrpcCode, Value::StringValue(code)) => {
                renamed(code.parse().ok().and_then(alias::grpc_code_name))
            }
            (Conversion::Renamed(names), Value::StringValue(older)) => {
                renamed(names.iter().find(|(name, _)| name == older).map(|(_, current)| *current))
            }
            _ => text(self.value),
        }
    }

    /// The text, if the column's text was one on the wire too (a gRPC code may be a number).
    pub(super) fn wire_text(self) -> Option<Cow<'a, str>> {
        match (self.alias.conversion, self.value) {
            (_, Value::StringValue(_)) => Some(self.text()),
            (Conversion::GrpcCode, Value::IntValue(code)) => alias::grpc_code_name(*code).map(Cow::Borrowed),
            _ => None,
        }
    }

    pub(super) fn number(self) -> Option<i32> {
        number(self.value).and_then(|value| i32::try_from(value).ok())
    }
}

/// A span's attributes, sorted.
#[derive(Debug)]
pub(super) struct Promotion<'a> {
    filled: [Option<Named<'a>>; Target::COUNT],
    rest: Vec<(&'a str, Option<&'a Value>)>,
    pub(super) error: bool,
    pub(super) retry_after: bool,
}

impl<'a> Promotion<'a> {
    pub(super) fn of(attributes: &'a [KeyValue], side: Side, context: &mut Context<'_>) -> Self {
        let mut sorted = Self { filled: [None; Target::COUNT], rest: Vec::new(), error: false, retry_after: false };
        let mut losers = Vec::new();
        for attribute in attributes {
            let value = variant(attribute.value.as_ref());
            let meaning = alias::lookup(attribute.key.as_bytes())
                .iter()
                .find(|alias| matches!(alias.side, Side::Any) || alias.side == side);
            match (meaning, value) {
                (Some(alias), Some(value)) if !is_number(alias.target) || is_int32(value) => {
                    let named = Named { alias: *alias, key: &attribute.key, value };
                    losers.extend(sorted.fill(named));
                }
                _ => sorted.keep(&attribute.key, value),
            }
        }
        for loser in losers {
            sorted.settle(loser, context);
        }
        sorted
    }

    pub(super) fn get(&self, target: Target) -> Option<Named<'a>> {
        self.filled[target as usize]
    }

    /// `rpc.method` as the fully qualified name, where it comes in two parts.
    pub(super) fn joined_rpc_method(&self) -> Option<String> {
        let method = self.get(Target::RpcMethod)?.wire_text()?;
        let service = self.get(Target::RpcService)?.wire_text()?;
        (!method.is_empty() && !service.is_empty() && !method.contains('/')).then(|| format!("{service}/{method}"))
    }

    /// `url.path`, or the path of `url.full`.
    pub(super) fn url_path(&self) -> Option<Cow<'a, str>> {
        if let Some(path) = self.get(Target::UrlPath) {
            return Some(path.text());
        }
        let url = self.get(Target::UrlFull)?.wire_text()?;
        path_of_url(&url).map(|path| Cow::Owned(path.to_owned()))
    }

    /// Writes the row of the attributes that have no column.
    pub(super) fn push_row(&self, column: &mut Attributes, context: &mut Context<'_>) {
        if let Some(Named {
            alias: Alias { conversion: Conversion::PathOfTarget, .. },
            value: Value::StringValue(target),
            ..
        }) = self.get(Target::UrlPath)
            && let Some(query) = split_target(target).1
            && self.get(Target::UrlQuery).is_none()
        {
            column.push_cut("url.query", Some(query), context);
        }
        let service_is_joined = self.joined_rpc_method().is_some();
        for named in self.filled.iter().flatten() {
            let target = named.alias.target;
            let is_joined = service_is_joined && target == Target::RpcService;
            if !target.is_column() && !is_joined {
                column.push_cut(target.attribute(), Some(&named.text()), context);
            }
        }
        for (key, value) in &self.rest {
            column.push_value(key, *value, context);
        }
        column.end_row();
    }

    /// The name of the least rank holds a target, the first of equals. Returns who does not hold it.
    fn fill(&mut self, named: Named<'a>) -> Option<Named<'a>> {
        let holder = &mut self.filled[named.alias.target as usize];
        match holder {
            Some(before) if before.alias.rank <= named.alias.rank => Some(named),
            _ => holder.replace(named),
        }
    }

    /// A name that says the same as the one that holds is dropped.
    fn settle(&mut self, loser: Named<'a>, context: &mut Context<'_>) {
        let winner = self.get(loser.alias.target).expect("who loses has lost to somebody");
        if loser.alias.conversion != Conversion::PathOfTarget {
            if loser.text() == winner.text() {
                return;
            }
            context.counts.repair(Repair::AliasConflict);
        }
        self.rest.push((loser.key, Some(loser.value)));
    }

    fn keep(&mut self, key: &'a str, value: Option<&'a Value>) {
        match (key, value) {
            ("error", Some(Value::BoolValue(true))) => self.error = true,
            ("error", Some(Value::StringValue(text))) => self.error |= text.eq_ignore_ascii_case("true"),
            ("otel.status_code", Some(Value::StringValue(text))) => self.error |= text == "ERROR",
            ("http.response.header.retry-after", _) => self.retry_after = true,
            _ => {}
        }
        self.rest.push((key, value));
    }
}

fn is_number(target: Target) -> bool {
    matches!(target, Target::HttpResponseStatusCode | Target::ServerPort)
}

fn is_int32(value: &Value) -> bool {
    number(value).is_some_and(|value| i32::try_from(value).is_ok())
}

/// The path and the query of a request target.
fn split_target(target: &str) -> (&str, Option<&str>) {
    let target = target.split('#').next().unwrap_or_default();
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query).filter(|query| !query.is_empty())),
        None => (target, None),
    }
}

/// The path of an absolute URL.
fn path_of_url(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    if scheme.contains(['/', '?', '#']) {
        return None;
    }
    let rest = split_target(rest).0;
    Some(rest.find('/').map_or("/", |start| &rest[start..]))
}
