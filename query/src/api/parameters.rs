//! The parameters of a request's query string.

use std::str::FromStr;

use url::form_urlencoded;

use super::error::ApiError;
use crate::{
    suggest::Suggestion,
    time::{parse_duration, parse_time},
};

/// Reads each parameter once, then refuses those that nobody asked for.
#[derive(Debug)]
pub(super) struct Parameters {
    given: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl Parameters {
    pub(super) fn new(query: Option<&str>) -> Self {
        let given = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        Self { given, known: Vec::new() }
    }

    /// The last value of `name`. Empty counts as absent.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.all(name).pop().filter(|value| !value.is_empty())
    }

    /// Every value of `name`.
    pub(super) fn all(&mut self, name: &'static str) -> Vec<String> {
        self.known.push(name);
        self.given.iter().filter(|(given, _)| given == name).map(|(_, value)| value.clone()).collect()
    }

    /// Nanoseconds since the epoch.
    pub(super) fn time(&mut self, name: &'static str, default: &str, now_ns: i64) -> Result<i64, ApiError> {
        let text = self.text(name);
        parse_time(text.as_deref().unwrap_or(default), now_ns).map_err(|error| ApiError::time(name, &error))
    }

    /// Nanoseconds.
    pub(super) fn duration(&mut self, name: &'static str) -> Result<Option<i64>, ApiError> {
        let text = self.text(name);
        text.map(|text| parse_duration(&text).map_err(|error| ApiError::time(name, &error))).transpose()
    }

    /// A number or a word, described by `wanted`.
    pub(super) fn parsed<T: FromStr>(&mut self, name: &'static str, wanted: &str) -> Result<Option<T>, ApiError> {
        let text = self.text(name);
        text.map(|text| {
            let wrong = |_| ApiError::parameter(name, format!("{name}: '{text}' is not {wanted}"));
            text.parse().map_err(wrong)
        })
        .transpose()
    }

    /// Refuses parameters that were not read.
    pub(super) fn finish(self) -> Result<(), ApiError> {
        match self.given.iter().find(|(name, _)| !self.known.contains(&name.as_str())) {
            Some((name, _)) => {
                let suggestion = Suggestion::nearest(name, self.known.iter().copied());
                Err(ApiError::parameter(name, format!("there is no parameter '{name}'{suggestion}")))
            }
            None => Ok(()),
        }
    }
}

/// A half-open range of time.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeRange {
    pub(super) from_ns: i64,
    pub(super) to_ns: i64,
}

impl TimeRange {
    /// `from` and `to`, by default the last hour.
    pub(super) fn read(parameters: &mut Parameters, now_ns: i64) -> Result<Self, ApiError> {
        let from_ns = parameters.time("from", "now-1h", now_ns)?;
        let to_ns = parameters.time("to", "now", now_ns)?;
        if from_ns >= to_ns {
            return Err(ApiError::parameter("to", "the range ends before it begins: `to` must be later than `from`"));
        }
        Ok(Self { from_ns, to_ns })
    }

    /// As a condition on the column `start_time`.
    pub(super) fn condition(self) -> String {
        format!(
            "start_time >= to_timestamp_nanos({}) AND start_time < to_timestamp_nanos({})",
            self.from_ns, self.to_ns
        )
    }

    pub(super) fn seconds(self) -> f64 {
        (i128::from(self.to_ns) - i128::from(self.from_ns)) as f64 / 1e9
    }
}

/// `text` as a literal of SQL.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
