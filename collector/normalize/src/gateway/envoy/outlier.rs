//! Events of outlier detection, which Envoy logs as JSON of two schemas.

use crate::{
    format::{LineContext, LineError},
    gateway::fields::{not_a_time, text},
    json::Object,
    record::{LogRecord, Text},
    time,
};

const SEVERITY_INFO: i32 = 9;

/// Whether an object is such an event. Fields with the default value may be left out of it.
pub(super) fn is_event(object: &Object<'_>) -> bool {
    let has = |key: &str| object.members.iter().any(|(name, _)| name == key);
    has("upstream_url")
        && (has("cluster") || has("cluster_name"))
        && (has("enforced") || has("action") || has("num_ejections"))
}

/// Reads an event into a record of `logs`, from which breaker events are derived.
pub(super) fn read<'a>(object: Object<'a>, context: &LineContext<'a>) -> Result<LogRecord<'a>, LineError> {
    let mut record = LogRecord {
        severity_number: Some(SEVERITY_INFO),
        event_name: Some("envoy.outlier_detection".into()),
        scope_name: Some("envoy.outlier".into()),
        ..LogRecord::default()
    };
    let (mut action, mut kind, mut enforced): (Text<'a>, Text<'a>, Text<'a>) =
        ("EJECT".into(), "CONSECUTIVE_5XX".into(), "false".into());
    let mut host = String::new();
    for (key, value) in object.members {
        let Some(value) = text(value) else { continue };
        match &*key {
            "time" | "timestamp" => {
                record.time = Some(time::iso8601(&value, context.zone).ok_or_else(|| not_a_time(&value))?);
            }
            "action" => action = upper(value),
            "type" => kind = value,
            "enforced" => enforced = value,
            "cluster" | "cluster_name" => record.attribute("envoy.cluster", value),
            "upstream_url" => {
                host = value.clone().into_owned();
                record.attribute("envoy.upstream_url", value);
            }
            _ => record.attribute(format!("envoy.{key}"), value),
        }
    }
    record.body = Some(format!("{action} {host}: {kind}").into());
    record.attribute("envoy.action", action);
    record.attribute("envoy.type", kind);
    record.attribute("envoy.enforced", enforced);
    Ok(record)
}

/// The action as the current schema spells it; the older one has small letters.
fn upper(value: Text<'_>) -> Text<'_> {
    match &*value {
        "0" => "EJECT".into(),
        "1" => "UNEJECT".into(),
        other if other.bytes().any(|byte| byte.is_ascii_lowercase()) => other.to_ascii_uppercase().into(),
        _ => value,
    }
}
