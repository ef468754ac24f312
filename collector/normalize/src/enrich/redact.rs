//! Secrets and personal data, taken out of batches before they are stored.

mod cards;
mod texts;

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, ListArray, MapArray, StringArray, StringBuilder, StructArray},
    datatypes::DataType,
    record_batch::RecordBatch,
};
use regex::{Regex, RegexBuilder};

use super::EnrichError;
use texts::{BuiltIn, Place};

/// What stands where something was taken out.
pub const REDACTED: &str = "[REDACTED]";

/// Bytes that a configured expression may take when compiled.
const REGEX_BYTES: usize = 1 << 20;

/// A rule of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactionRule {
    pub name: String,
    /// What is taken out of any text.
    pub regex: String,
    /// What stands there instead; `$1` and `$name` are the expression's groups.
    pub replacement: String,
}

/// Takes secrets out of batches of any table. Ids, times, and the names of services and gateways stay as they are.
#[derive(Debug)]
pub struct Redactor {
    built_in: BuiltIn,
    configured: Vec<(Regex, String)>,
    names: Vec<String>,
}

/// Columns that are never touched.
const KEPT: [&str; 24] = [
    "kind",
    "status_code",
    "service_name",
    "service_namespace",
    "service_version",
    "service_instance_id",
    "deployment_environment_name",
    "host_name",
    "correlation_id",
    "correlation_ids",
    "outcome",
    "source",
    "source_table",
    "side",
    "gateway",
    "upstream_service",
    "service_peer_name",
    "peer_service",
    "system",
    "event",
    "basis",
    "signal",
    "temporality",
    "format",
];

/// Keys under which maps hold the same as those columns.
const KEPT_KEYS: [&str; 3] = ["service.name", "service.namespace", "service.instance.id"];

impl Redactor {
    /// The built-in rules and the configured ones, which come after them.
    ///
    /// # Errors
    /// When an expression cannot be compiled; the error names its rule.
    pub fn new(rules: &[RedactionRule]) -> Result<Self, EnrichError> {
        let mut names: Vec<String> = texts::RULES.iter().map(|rule| (*rule).to_owned()).collect();
        let mut configured = Vec::new();
        for rule in rules {
            let regex = RegexBuilder::new(&rule.regex).size_limit(REGEX_BYTES).build();
            let regex = regex.map_err(|source| EnrichError::new("redaction rule", &rule.name, &source))?;
            configured.push((regex, rule.replacement.clone()));
            names.push(rule.name.clone());
        }
        Ok(Self { built_in: BuiltIn::new(), configured, names })
    }

    /// Names of the rules, in the order of the counts.
    pub fn rules(&self) -> &[String] {
        &self.names
    }

    /// The batch without what the rules take out. Each time something was taken out is counted in `counts`, by rule.
    /// Columns without a find are those of the batch given.
    pub fn apply(&self, batch: RecordBatch, counts: &mut Vec<u64>) -> RecordBatch {
        counts.resize(self.names.len(), 0);
        let schema = batch.schema();
        let mut columns = batch.columns().to_vec();
        let mut is_changed = false;
        for (field, column) in schema.fields().iter().zip(&mut columns) {
            if KEPT.contains(&field.name().as_str()) {
                continue;
            }
            if let Some(redacted) = self.array(column, Place::of_column(field.name()), counts) {
                *column = redacted;
                is_changed = true;
            }
        }
        if !is_changed {
            return batch;
        }
        RecordBatch::try_new(schema, columns).expect("columns keep their types, their lengths and their nulls")
    }

    /// The array redacted; `None` where nothing is to be taken out. Nesting is as deep as the tables' schemas are.
    fn array(&self, array: &ArrayRef, place: Place, counts: &mut [u64]) -> Option<ArrayRef> {
        match array.data_type() {
            DataType::Utf8 => self.texts(array.as_string(), |_| place, counts).map(|texts| Arc::new(texts) as ArrayRef),
            DataType::Map(..) => self.map(array.as_map(), counts).map(|map| Arc::new(map) as ArrayRef),
            DataType::List(field) => {
                let lists: &ListArray = array.as_list();
                let values = self.array(lists.values(), place, counts)?;
                let (offsets, nulls) = (lists.offsets().clone(), lists.nulls().cloned());
                Some(Arc::new(ListArray::new(Arc::clone(field), offsets, values, nulls)))
            }
            DataType::Struct(fields) => {
                let redacted = self.columns(array.as_struct().columns(), counts)?;
                Some(Arc::new(StructArray::new(fields.clone(), redacted, array.nulls().cloned())))
            }
            _ => None,
        }
    }

    fn columns(&self, columns: &[ArrayRef], counts: &mut [u64]) -> Option<Vec<ArrayRef>> {
        let redacted: Vec<Option<ArrayRef>> =
            columns.iter().map(|column| self.array(column, Place::Text, counts)).collect();
        redacted.iter().any(Option::is_some).then(|| {
            redacted
                .into_iter()
                .zip(columns)
                .map(|(redacted, column)| redacted.unwrap_or_else(|| Arc::clone(column)))
                .collect()
        })
    }

    fn map(&self, map: &MapArray, counts: &mut [u64]) -> Option<MapArray> {
        let (keys, values) = (map.keys().as_string_opt::<i32>()?, map.values().as_string_opt::<i32>()?);
        let redacted_keys = self.texts(keys, |_| Place::Text, counts);
        let place = |entry: usize| if keys.is_valid(entry) { Place::of_key(keys.value(entry)) } else { Place::Text };
        let secret_keys = texts::has_secret_keys(&self.built_in, keys);
        let redacted_values = self.values(values, place, &secret_keys, counts);
        if redacted_keys.is_none() && redacted_values.is_none() {
            return None;
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(redacted_keys.unwrap_or_else(|| keys.clone())),
            Arc::new(redacted_values.unwrap_or_else(|| values.clone())),
        ];
        let DataType::Map(entries, ordered) = map.data_type() else { return None };
        let structs = StructArray::new(map.entries().fields().clone(), columns, map.entries().nulls().cloned());
        Some(MapArray::new(Arc::clone(entries), map.offsets().clone(), structs, map.nulls().cloned(), *ordered))
    }

    fn texts(&self, texts: &StringArray, place: impl Fn(usize) -> Place, counts: &mut [u64]) -> Option<StringArray> {
        self.values(texts, place, &[], counts)
    }

    /// Texts redacted by the place that each is in; `also` are elements to look at whatever they hold.
    fn values(
        &self,
        texts: &StringArray,
        place: impl Fn(usize) -> Place,
        also: &[usize],
        counts: &mut [u64],
    ) -> Option<StringArray> {
        let mut suspects =
            if self.configured.is_empty() { self.built_in.suspects(texts) } else { (0..texts.len()).collect() };
        suspects.extend_from_slice(also);
        suspects.sort_unstable();
        suspects.dedup();
        let mut redacted: Vec<(usize, String)> = Vec::new();
        for element in suspects {
            if texts.is_valid(element)
                && let Some(text) = self.text(texts.value(element), place(element), counts)
            {
                redacted.push((element, text));
            }
        }
        (!redacted.is_empty()).then(|| replaced(texts, &redacted))
    }

    fn text(&self, text: &str, place: Place, counts: &mut [u64]) -> Option<String> {
        if place == Place::Kept {
            return None;
        }
        let mut redacted = self.built_in.redact(text, place, counts);
        for (rule, (regex, replacement)) in self.configured.iter().enumerate() {
            let current = redacted.as_deref().unwrap_or(text);
            let finds = regex.find_iter(current).count();
            if finds > 0 {
                counts[texts::RULES.len() + rule] += finds as u64;
                redacted = Some(regex.replace_all(current, replacement.as_str()).into_owned());
            }
        }
        redacted
    }
}

/// The texts with some of them replaced; `replacements` are in order.
fn replaced(texts: &StringArray, replacements: &[(usize, String)]) -> StringArray {
    let mut builder = StringBuilder::with_capacity(texts.len(), texts.value_data().len());
    let mut replacements = replacements.iter().peekable();
    for element in 0..texts.len() {
        if let Some((_, text)) = replacements.next_if(|(replaced, _)| *replaced == element) {
            builder.append_value(text);
        } else if texts.is_valid(element) {
            builder.append_value(texts.value(element));
        } else {
            builder.append_null();
        }
    }
    builder.finish()
}

#[cfg(test)]
mod tests;
