//! A record as its keys are read one by one, in whatever order they stand.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{
    format::LineContext,
    json::{MAX_PATH, Object, Value},
    record::{LogRecord, Text},
    time,
};

use super::{
    exception,
    keys::{self, Preset, Role, Slot, Squeezed},
    severity::{self, Levels},
    template, text_ids, when,
};

/// The deepest objects whose members are attributes of their own; deeper ones are one attribute, as JSON.
const MAX_DEPTH: usize = 16;
/// Attributes past these are dropped by the table's rows and only counted, so that their texts are not kept.
const MAX_ATTRIBUTES: usize = 2048;

/// The keys that configuration gives a meaning.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyMap(BTreeMap<String, Mapped>);

#[derive(Debug, Clone)]
enum Mapped {
    Role(Role),
    Attribute(String),
}

impl KeyMap {
    pub(crate) fn new(keys: &BTreeMap<String, String>) -> Self {
        let mapped = keys.iter().map(|(key, name)| {
            let mapped = keys::canonical(name).map_or_else(|| Mapped::Attribute(name.clone()), Mapped::Role);
            (key.clone(), mapped)
        });
        Self(mapped.collect())
    }
}

struct Candidate<'a> {
    place: u8,
    key: Text<'a>,
    value: Text<'a>,
}

/// Collects what the keys of one record say.
pub(crate) struct Reading<'a, 'f> {
    preset: &'f Preset,
    map: &'f KeyMap,
    slots: [Option<Candidate<'a>>; Slot::COUNT],
    renderings: Vec<Text<'a>>,
    record: LogRecord<'a>,
}

impl<'a, 'f> Reading<'a, 'f> {
    pub(crate) fn new(preset: &'f Preset, map: &'f KeyMap) -> Self {
        Self { preset, map, slots: [const { None }; Slot::COUNT], renderings: Vec::new(), record: LogRecord::default() }
    }

    /// Takes all members of an object.
    pub(crate) fn object(&mut self, object: Object<'a>) {
        for (key, value) in object.members {
            self.member(key, value, 0);
        }
    }

    fn member(&mut self, key: Text<'a>, value: Value<'a>, depth: usize) {
        match value {
            Value::Null => {}
            Value::Object(inner) if depth < MAX_DEPTH && key.len() <= MAX_PATH => {
                let hoisted = self.is_hoisted(&key);
                for (name, value) in inner.members {
                    let name = if hoisted { name } else { Cow::Owned(format!("{key}.{name}")) };
                    self.member(name, value, depth + 1);
                }
            }
            Value::List(items) if key == "@r" => self.renderings = items.into_iter().map(Value::into_text).collect(),
            Value::List(items) if depth < MAX_DEPTH && self.is_hoisted(&key) => self.scopes(&key, items, depth),
            Value::Text(text) => self.text(key, text),
            Value::Bool(_) => self.attribute(key, value.into_text()),
            Value::Integer(_) | Value::Unsigned(_) | Value::Float(_) => self.text(key, value.into_text()),
            Value::List(_) | Value::Object(_) => self.text(key, value.into_text()),
        }
    }

    /// The scopes of .NET: objects, whose members count as if they stood outside, and texts.
    fn scopes(&mut self, key: &Text<'a>, items: Vec<Value<'a>>, depth: usize) {
        for item in items {
            match item {
                Value::Object(scope) => {
                    for (name, value) in scope.members {
                        if name != "Message" && name != "{OriginalFormat}" {
                            self.member(name, value, depth + 1);
                        }
                    }
                }
                other => self.attribute(key.clone(), other.into_text()),
            }
        }
    }

    fn is_hoisted(&self, key: &str) -> bool {
        matches!(self.role(key), Some((Role::Hoist, _)))
    }

    fn role(&self, key: &str) -> Option<(Role, u8)> {
        let squeezed = Squeezed::new(key)?;
        let overridden = self.preset.overrides.iter().find(|(name, _)| name.as_bytes() == squeezed.as_bytes());
        overridden.map(|(_, role)| (*role, 1)).or_else(|| keys::role(&squeezed))
    }

    /// Takes the value of one key, whose path is joined by dots.
    pub(crate) fn text(&mut self, key: Text<'a>, value: Text<'a>) {
        if !self.map.0.is_empty()
            && let Some(mapped) = self.map.0.get(&*key)
        {
            match mapped {
                Mapped::Role(role) => self.play(*role, 0, key, value),
                Mapped::Attribute(name) => self.attribute(Cow::Owned(name.clone()), value),
            }
            return;
        }
        let key = if self.preset.underscored { without_prefix(key, "_") } else { key };
        if key.starts_with("@@") {
            // Serilog doubles the sign of user's properties that begin with it.
            return self.attribute(without_prefix(key, "@"), value);
        }
        match self.role(&key) {
            Some((role, place)) => self.play(role, place, key, value),
            None => self.other(key, value),
        }
    }

    fn play(&mut self, role: Role, place: u8, key: Text<'a>, value: Text<'a>) {
        match role {
            Role::Slot(slot) => self.offer(slot, Candidate { place, key, value }),
            Role::Attribute(name) => self.attribute(Cow::Borrowed(name), value),
            Role::Id(name) => self.id(name, key, value),
            Role::GoogleTrace => match value.rsplit_once("/traces/") {
                Some((_, id)) => self.id("trace_id", key, Cow::Owned(id.to_owned())),
                None if value.len() == 32 => self.id("trace_id", key, value),
                None => self.attribute(key, value),
            },
            Role::Hoist => self.attribute(key, value),
            Role::Drop => {}
        }
    }

    fn offer(&mut self, slot: Slot, offered: Candidate<'a>) {
        let taken = &mut self.slots[slot as usize];
        let loser = match taken {
            Some(holder) if holder.place <= offered.place => Some(offered),
            _ => taken.replace(offered),
        };
        let held = self.slots[slot as usize].as_ref();
        if let Some(loser) = loser
            && held.is_none_or(|held| held.value != loser.value)
        {
            self.attribute(loser.key, loser.value);
        }
    }

    /// A key that the table does not know: an id, or the user's own.
    fn other(&mut self, key: Text<'a>, value: Text<'a>) {
        // Headers are logged under a path, and go by their name.
        let name = key.rsplit_once("headers.").map_or(&*key, |(_, header)| header);
        if !self.is_taken_as_id(name, &value) {
            self.attribute(key, value);
        }
    }

    fn id(&mut self, name: &str, key: Text<'a>, value: Text<'a>) {
        if !self.is_taken_as_id(name, &value) {
            self.attribute(key, value);
        }
    }

    /// Whether the value is kept as the id that the name says. Correlation ids are attributes as well, as a row has room
    /// for one.
    fn is_taken_as_id(&mut self, name: &str, value: &Text<'a>) -> bool {
        let ids = &mut self.record.ids;
        let before = ids.correlation.len();
        ids.offer(name, value) && ids.correlation.len() == before
    }

    pub(crate) fn attribute(&mut self, key: Text<'a>, value: Text<'a>) {
        if self.record.attributes.len() < MAX_ATTRIBUTES {
            self.record.attribute(key, value);
        } else {
            self.record.attribute("", "");
        }
    }

    /// The record.
    pub(crate) fn finish(mut self, context: &LineContext<'_>) -> LogRecord<'a> {
        self.time(context);
        self.severity();
        self.body();
        self.exception();
        let named = self.take(Slot::LoggerOrService);
        let service = if context.service.is_none() && self.names_its_service() { named.clone() } else { None };
        self.record.service_name = self.take(Slot::ServiceName).or(service);
        self.record.scope_name = self.take(Slot::Logger).or(named);
        self.record.event_name = self.take(Slot::EventName);
        self.record.service_namespace = self.take(Slot::ServiceNamespace);
        self.record.service_version = self.take(Slot::ServiceVersion);
        self.record.service_instance_id = self.take(Slot::ServiceInstance);
        self.record.deployment_environment_name = self.take(Slot::Environment);
        self.record.host_name = self.take(Slot::Host);
        self.record
    }

    /// Whether `name` is the service: in the logs of pino and bunyan, which have `pid` and `hostname` beside it. Elsewhere
    /// it is a logger's.
    fn names_its_service(&self) -> bool {
        let has_pid = || self.record.attributes.iter().any(|(key, _)| key == "pid" || key == "process.pid");
        self.preset.name != "json" || (self.slots[Slot::Host as usize].is_some() && has_pid())
    }

    fn take(&mut self, slot: Slot) -> Option<Text<'a>> {
        self.slots[slot as usize].take().map(|candidate| candidate.value)
    }

    fn time(&mut self, context: &LineContext<'_>) {
        let seconds = self.take(Slot::Seconds).and_then(|text| time::decimal(&text, 9));
        let nanos = self.take(Slot::NanosOfSecond).and_then(|text| time::decimal(&text, 0)).unwrap_or(0);
        self.record.time = seconds.and_then(|seconds| seconds.checked_add(nanos));
        if let Some(Candidate { key, value, .. }) = self.slots[Slot::Time as usize].take() {
            match when::of_value(&value, context) {
                Some(time) => self.record.time = Some(time),
                // It may be no time at all but a duration, say.
                None => self.attribute(key, value),
            }
        }
    }

    fn severity(&mut self) {
        let number = self.slots[Slot::SeverityNumber as usize].take();
        let text = self.take(Slot::Severity);
        let levels = self.preset.levels;
        self.record.severity_number = text
            .as_deref()
            .and_then(|text| severity::of_text(text, levels))
            .or_else(|| {
                let number = number?;
                let levels = match Squeezed::new(&number.key)?.as_bytes() {
                    b"levelvalue" => Levels::Logback,
                    b"levelno" => Levels::Python,
                    _ => Levels::Otel,
                };
                severity::of_text(&number.value, levels)
            })
            .or(if text.is_none() { self.preset.default_severity } else { None });
        self.record.severity_text = text;
    }

    fn body(&mut self) {
        let template = self.slots[Slot::Template as usize].take();
        self.record.body = self.take(Slot::Body);
        if let Some(Candidate { key, value, .. }) = template {
            match &self.record.body {
                Some(body) if *body == value => {}
                Some(_) => self.attribute(key, value),
                None => match template::render(&value, &self.record.attributes, &self.renderings) {
                    Some(message) if message != value => {
                        self.record.body = Some(Cow::Owned(message));
                        self.attribute(key, value);
                    }
                    _ => self.record.body = Some(value),
                },
            }
        }
        if let Some(body) = &self.record.body {
            text_ids::find(body, &mut self.record.ids);
        }
    }

    fn exception(&mut self) {
        let stacktrace = self.take(Slot::Stacktrace);
        let mut kind = self.take(Slot::ExceptionType);
        let mut message = self.take(Slot::ExceptionMessage);
        if let Some(text) = stacktrace {
            if let Some((found_kind, found_message)) = exception::of_stacktrace(&text) {
                kind = kind.or_else(|| Some(Cow::Owned(found_kind.to_owned())));
                if !found_message.is_empty() {
                    message = message.or_else(|| Some(Cow::Owned(found_message.to_owned())));
                }
            }
            self.attribute(Cow::Borrowed("exception.stacktrace"), text);
        }
        for (name, value) in [("exception.type", kind), ("exception.message", message)] {
            if let Some(value) = value {
                self.attribute(Cow::Borrowed(name), value);
            }
        }
    }
}

fn without_prefix<'a>(key: Text<'a>, prefix: &str) -> Text<'a> {
    match key {
        Cow::Borrowed(key) => Cow::Borrowed(key.strip_prefix(prefix).unwrap_or(key)),
        Cow::Owned(key) => Cow::Owned(key.strip_prefix(prefix).map(str::to_owned).unwrap_or(key)),
    }
}
