//! A condition that holds at the end of a minute.

use super::{FindingKind, Severity};

/// How it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Something said so: a breaker's event, a status, a deadline.
    Explicit,
    /// It was counted or measured.
    Measured,
    /// It was concluded from what something else would look like.
    Inferred,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Explicit => "explicit",
            Method::Measured => "measured",
            Method::Inferred => "inferred",
        }
    }

    /// What it does to a score.
    pub fn confidence(self) -> f64 {
        match self {
            Method::Explicit => 1.0,
            Method::Measured => 0.95,
            Method::Inferred => 0.75,
        }
    }
}

/// What a finding is about. The canonical text, with the kind and the environment, is its identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Subject {
    /// `checkout -> payment`, `cart GET /cart/{id}`, `a -> b -> c`: the same for the same thing, whatever the time.
    pub text: String,
    /// The service that would have to change.
    pub service: String,
    pub operation: Option<String>,
    /// The other end, where the subject is an edge.
    pub target: Option<String>,
    pub environment: Option<String>,
}

/// A value of a piece of evidence.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Number(f64),
    Count(u64),
    Nanos(i64),
    Time(i64),
    Text(String),
    Texts(Vec<String>),
    /// Rows of named values: hops of a chain, a matrix of services and collections.
    Rows(Vec<Vec<(&'static str, Value)>>),
}

/// What shows that a finding is right.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evidence {
    /// The rule's main measure, with its threshold, and the range that its true value lies in with 95 %.
    pub measure: f64,
    pub threshold: f64,
    pub interval: Option<(f64, f64)>,
    pub baseline: Option<f64>,
    /// Requests, calls or traces it was measured on.
    pub samples: u64,
    pub details: Vec<(&'static str, Value)>,
    /// What should be known before trusting it: sampling, coverage, skew.
    pub caveats: Vec<String>,
    /// Trace ids: slow ones, failed ones, any.
    pub examples: Vec<u128>,
}

/// A condition that holds at the end of a minute.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub kind: FindingKind,
    /// A variety of the kind: `overflow`, `reentrant`, `hot_spot`, ...
    pub subkind: Option<&'static str>,
    pub subject: Subject,
    pub method: Method,
    /// Share of entry requests (or of their time) that is affected, 0 to 1, criticality included.
    pub impact: f64,
    /// How far the main measure is from its threshold, 0 to 1 ([`magnitude`]).
    pub magnitude: f64,
    /// Share of what should be there that is there: 1 less orphans and missing peers.
    pub completeness: f64,
    /// No finding of this candidate is worse than this.
    pub at_most: Severity,
    /// Whether the rule holds; `false` if only its closing threshold (0.8 of it) does.
    pub fires: bool,
    /// From when to when it held, as exactly as the detector can say; within the minutes it looked at.
    pub since: i64,
    pub until: i64,
    pub evidence: Evidence,
    /// SQL that shows the rows behind it.
    pub sql: String,
    /// What to do about it, in a sentence.
    pub remedy: String,
}

impl Candidate {
    /// 0 to 100. Only what affects nobody at all has 0.
    pub fn score(&self) -> u32 {
        let samples = (self.evidence.samples as f64 / 100.0).min(1.0);
        let confidence = self.method.confidence() * self.completeness.clamp(0.0, 1.0) * samples;
        let weight = 0.6 * self.impact.clamp(0.0, 1.0) + 0.4 * self.magnitude.clamp(0.0, 1.0);
        let score = 100.0 * confidence * weight;
        if score > 0.0 { (score.round() as u32).max(1) } else { 0 }
    }

    pub fn severity(&self) -> Severity {
        Severity::of(self.score()).min(self.at_most)
    }
}

/// How far `value` is on the way from `threshold` to `critical`, on a logarithmic scale.
pub fn magnitude(value: f64, threshold: f64, critical: f64) -> f64 {
    let (way, whole) = ((value / threshold).log2(), (critical / threshold).log2());
    if way.is_nan() || whole == 0.0 { 0.0 } else { (way / whole).clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magnitude_is_logarithmic() {
        assert_eq!(magnitude(4.0, 4.0, 8.0), 0.0);
        assert_eq!(magnitude(8.0, 4.0, 8.0), 1.0);
        assert!((magnitude(5.657, 4.0, 8.0) - 0.5).abs() < 1e-3);
        assert_eq!(magnitude(0.0, 4.0, 8.0), 0.0);
        assert_eq!(magnitude(f64::NAN, 4.0, 8.0), 0.0);
    }
}
