//! Structured logs: a JSON object on each line.

use std::sync::Arc;

use super::{
    keys::{self, Preset},
    reading::{KeyMap, Reading},
};
use crate::{
    format::{Format, FormatError, FormatOptions, LineContext, LineError},
    json::Object,
    record::Output,
};

/// Reads JSON logs of one library, or of any.
#[derive(Debug)]
pub struct JsonLogs {
    preset: &'static Preset,
    keys: KeyMap,
}

/// The names of all formats that read JSON logs: `json` for any, and a name for each library that is known.
pub fn names() -> impl Iterator<Item = &'static str> {
    keys::PRESETS.iter().map(|preset| preset.name)
}

/// JSON logs as the library of that name writes them.
///
/// # Errors
/// When the name is none of [`names`].
pub fn json(name: &str, options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    let preset = keys::preset(name).ok_or_else(|| FormatError(format!("there are no JSON logs named {name:?}")))?;
    Ok(Arc::new(JsonLogs { preset, keys: KeyMap::new(&options.keys) }))
}

impl JsonLogs {
    /// The preset to read an object with: that of the format, or where that is `json`, one that a key gives away.
    fn preset(&self, object: &Object<'_>) -> &'static Preset {
        if self.preset.name != "json" {
            return self.preset;
        }
        let told = object.members.iter().find_map(|(key, _)| match &**key {
            "@mt" | "@t" => Some("serilog"),
            "short_message" => Some("gelf"),
            _ => None,
        });
        told.and_then(keys::preset).unwrap_or(self.preset)
    }
}

impl Format for JsonLogs {
    fn name(&self) -> &'static str {
        self.preset.name
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        let object = Object::parse(line)?;
        let mut reading = Reading::new(self.preset(&object), &self.keys);
        reading.object(object);
        output.logs.push(reading.finish(context));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
