//! Correlation ids that the configuration tells how to find.

use std::{borrow::Cow, sync::Arc};

use arrow::{
    array::{Array, StringArray},
    record_batch::RecordBatch,
};
use regex::{Regex, RegexBuilder};
use spandrel_proto::{columns::text_prefix, model::Table};

use super::{EnrichError, services::with_column, view::View};
use crate::ids::correlation_key;

/// Bytes that an expression may take when compiled.
const REGEX_BYTES: usize = 1 << 20;
/// The most bytes of a text that expressions are matched against.
const TEXT_BYTES: usize = 64 * 1024;
const ATTRIBUTE: &str = "attributes.";

/// An expression that finds an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrelationPattern {
    pub name: String,
    /// Text columns to look in, such as `body`, `url_path` and `name`, and attributes as `attributes.<name>`.
    pub columns: Vec<String>,
    /// Its first named group that took part in the match is the id: `order (?<order_id>[0-9]+)`.
    pub regex: String,
}

/// Fills `correlation_id` where a record has none.
#[derive(Debug, Default)]
pub struct Correlator {
    keys: Vec<String>,
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    columns: Vec<String>,
    regex: Regex,
    groups: Vec<String>,
}

impl Correlator {
    /// Looks under the keys among the attributes first, then for the patterns.
    ///
    /// # Errors
    /// When an expression cannot be compiled or has no named group, or a column does not exist; the error names the
    /// pattern.
    pub fn new(keys: &[String], patterns: &[CorrelationPattern]) -> Result<Self, EnrichError> {
        let patterns = patterns.iter().map(Pattern::new).collect::<Result<_, _>>()?;
        Ok(Self { keys: keys.to_vec(), patterns })
    }

    /// The batch with `correlation_id` filled where it was null and one was found.
    pub fn apply(&self, table: Table, batch: RecordBatch) -> RecordBatch {
        let is_nothing_to_find = self.keys.is_empty() && self.patterns.is_empty();
        if is_nothing_to_find || !matches!(table, Table::Spans | Table::Logs | Table::Requests) {
            return batch;
        }
        let view = View(&batch);
        let ids = view.texts("correlation_id");
        if ids.0.is_none_or(|ids| ids.null_count() == 0) {
            return batch;
        }
        let mut is_changed = false;
        let filled: StringArray = (0..batch.num_rows())
            .map(|row| {
                ids.get(row).map(Cow::Borrowed).or_else(|| {
                    let found = correlation_key(self.find(view, row)?);
                    is_changed = true;
                    Some(found)
                })
            })
            .collect();
        if is_changed { with_column(&batch, "correlation_id", Arc::new(filled)) } else { batch }
    }

    fn find<'b>(&self, view: View<'b>, row: usize) -> Option<&'b str> {
        let attributes = view.attributes("attributes");
        let by_key = self.keys.iter().find_map(|key| attributes.get(row, key).filter(|id| identifies(id)));
        by_key.or_else(|| self.patterns.iter().find_map(|pattern| pattern.find(view, row)))
    }
}

impl Pattern {
    fn new(pattern: &CorrelationPattern) -> Result<Self, EnrichError> {
        let fail = |problem: String| EnrichError::new("correlation pattern", &pattern.name, &problem);
        let regex = RegexBuilder::new(&pattern.regex).size_limit(REGEX_BYTES).build();
        let regex = regex.map_err(|error| fail(error.to_string()))?;
        let groups: Vec<String> = regex.capture_names().flatten().map(str::to_owned).collect();
        if groups.is_empty() {
            return Err(fail("it has no named group such as (?<order_id>...)".to_owned()));
        }
        if pattern.columns.is_empty() {
            return Err(fail("it names no column to look in".to_owned()));
        }
        for column in &pattern.columns {
            let is_known = column.starts_with(ATTRIBUTE)
                || [Table::Spans, Table::Logs, Table::Requests].iter().any(|table| {
                    table.schema().field_with_name(column).is_ok_and(|field| field.data_type().is_string())
                });
            if !is_known {
                return Err(fail(format!("`{column}` is no text column of spans, logs or requests")));
            }
        }
        Ok(Self { columns: pattern.columns.clone(), regex, groups })
    }

    fn find<'b>(&self, view: View<'b>, row: usize) -> Option<&'b str> {
        self.columns.iter().find_map(|column| {
            let text = match column.strip_prefix(ATTRIBUTE) {
                Some(key) => view.attributes("attributes").get(row, key)?,
                None => view.texts(column).get(row)?,
            };
            let text = std::str::from_utf8(text_prefix(text.as_bytes(), TEXT_BYTES)).ok()?;
            let found = self.regex.captures(text)?;
            let group = self.groups.iter().find_map(|group| found.name(group))?;
            Some(group.as_str()).filter(|id| identifies(id))
        })
    }
}

/// Whether a text is an id, and not one of the spellings of "none".
fn identifies(id: &str) -> bool {
    !id.trim().bytes().all(|byte| matches!(byte, b'0' | b'-')) && !id.eq_ignore_ascii_case("null")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enrich::testing::{batch, maps, text, texts};

    fn pattern(name: &str, columns: &[&str], regex: &str) -> CorrelationPattern {
        CorrelationPattern {
            name: name.to_owned(),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            regex: regex.to_owned(),
        }
    }

    #[test]
    fn ids_are_found_by_key_then_by_pattern() {
        let patterns = [
            pattern(
                "order",
                &["body", "url_path"],
                r"order[ /](?:id )?(?:(?<order_id>[0-9]{4,})|(?<name>[a-z]+-[a-z]+))",
            ),
            pattern("job", &["attributes.task"], r"^job-(?<job>\w+)$"),
        ];
        let correlator = Correlator::new(&["sale.id".to_owned()], &patterns).unwrap();
        let rows = batch(
            Table::Logs,
            vec![
                ("correlation_id", Arc::new(StringArray::from(vec![Some("kept"), None, None, None, None, None]))),
                ("body", texts(&["order 1111", "order id 2222 paid", "order big-one", "order 3333", "", "order 1"])),
                (
                    "attributes",
                    maps(&[
                        &[],
                        &[("sale.id", "-")],
                        &[],
                        &[("sale.id", "cc21d9b0-cf5c-932b-8c7e-98aeb7988cd2")],
                        &[("task", "job-77")],
                        &[],
                    ]),
                ),
            ],
        );
        let filled = correlator.apply(Table::Logs, rows);
        let ids: Vec<_> = (0..6).map(|row| text(&filled, "correlation_id", row)).collect();
        let masked = Some("cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2");
        assert_eq!(ids, [Some("kept"), Some("2222"), Some("big-one"), masked, Some("77"), None]);
        let requests = batch(Table::Requests, vec![("url_path", texts(&["/order/4444"]))]);
        assert_eq!(text(&correlator.apply(Table::Requests, requests), "correlation_id", 0), Some("4444"));
        let quiet = batch(Table::Logs, vec![("body", texts(&["nothing", &"order ".repeat(1 << 18)]))]);
        assert_eq!(correlator.apply(Table::Logs, quiet.clone()), quiet);
        let metrics = batch(Table::Metrics, vec![("name", texts(&["order 5555"]))]);
        assert_eq!(correlator.apply(Table::Metrics, metrics.clone()), metrics);
    }

    #[test]
    fn broken_patterns_are_named() {
        for (broken, says) in [
            (pattern("a-b", &["body"], "("), "a-b"),
            (pattern("a-b", &["body"], "order ([0-9]+)"), "named group"),
            (pattern("a-b", &["bodies"], "(?<id>.)"), "`bodies`"),
            (pattern("a-b", &["trace_id"], "(?<id>.)"), "`trace_id`"),
            (pattern("a-b", &[], "(?<id>.)"), "no column"),
        ] {
            let error = Correlator::new(&[], &[broken]).unwrap_err().to_string();
            assert!(error.contains("`a-b`") && error.contains(says), "{error}");
        }
    }
}
