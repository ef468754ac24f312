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

/// What a request from outside loses that fails, in nanoseconds: after so long users give up.
pub const FAILURE: i64 = 10_000_000_000;
/// What one loses whose answer lacks something, nanoseconds: as much as users begin to notice.
pub const DEGRADED: i64 = 100_000_000;
/// Nanoseconds that each request loses, on average, from which on that has a score, and from which on it is the greatest.
const LEAST_LOST: f64 = 1e6;
const MOST_LOST: f64 = FAILURE as f64;
/// What may come is at most as bad as a loss half way between the two.
const RISK: f64 = 0.5;
/// A condition was seen in as many requests, or calls, as make half of its harm believed.
const DOUBTED: f64 = 10.0;

/// What a condition does to requests from outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Harm {
    /// What each of them loses, on average: nanoseconds. One that fails loses [`FAILURE`], and one counts by the
    /// criticality of the service that it enters.
    Lost(f64),
    /// Nothing as yet. The share of them that it may concern, criticality included, and how far the main measure is from
    /// its threshold ([`magnitude`]), both 0 to 1.
    Risk { share: f64, magnitude: f64 },
}

impl Harm {
    /// How evidence tells it.
    pub fn detail(self) -> (&'static str, Value) {
        match self {
            Harm::Lost(nanos) => ("lost_per_request_ms", Value::Number(nanos / 1e6)),
            Harm::Risk { share, .. } => ("requests_at_risk", Value::Number(share)),
        }
    }

    /// 0 to 1. What is lost counts by its order of magnitude, so that failing requests and slow ones have one scale.
    fn level(self, samples: f64) -> f64 {
        let belief = samples / (samples + DOUBTED);
        let level = match self {
            Harm::Lost(nanos) => magnitude(nanos * belief, LEAST_LOST, MOST_LOST),
            Harm::Risk { share, magnitude } => {
                RISK * belief * (0.6 * share.clamp(0.0, 1.0) + 0.4 * magnitude.clamp(0.0, 1.0))
            }
        };
        level.clamp(0.0, 1.0)
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
    pub harm: Harm,
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
    /// 0 to 100. Only that of which nothing is known has 0.
    pub fn score(&self) -> u32 {
        let confidence = self.method.confidence() * self.completeness.clamp(0.0, 1.0);
        if confidence == 0.0 || self.evidence.samples == 0 {
            return 0;
        }
        let score = 100.0 * confidence * self.harm.level(self.evidence.samples as f64);
        (score.round() as u32).max(1)
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
impl Candidate {
    /// What each request loses, milliseconds, to the tenth.
    pub(crate) fn lost_ms(&self) -> f64 {
        match self.harm {
            Harm::Lost(nanos) => (nanos / 1e5).round() / 10.0,
            Harm::Risk { .. } => panic!("a risk: {self:?}"),
        }
    }

    /// The share of the requests at risk and the magnitude, to the hundredth.
    pub(crate) fn risk(&self) -> (f64, f64) {
        let rounded = |value: f64| (value * 100.0).round() / 100.0;
        match self.harm {
            Harm::Risk { share, magnitude } => (rounded(share), rounded(magnitude)),
            Harm::Lost(_) => panic!("a loss: {self:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(harm: Harm, samples: f64) -> f64 {
        (harm.level(samples) * 1000.0).round() / 1000.0
    }

    #[test]
    fn losses_count_by_their_order_of_magnitude_and_risks_for_half() {
        let failing = |share: f64| Harm::Lost(share * FAILURE as f64);
        for (harm, expected) in [
            (failing(1.0), 1.0),
            (failing(0.1), 0.75),
            (failing(0.01), 0.5),
            (Harm::Lost(DEGRADED as f64), 0.5),
            (Harm::Lost(10e6), 0.25),
            (Harm::Lost(1e6), 0.0),
            (Harm::Lost(1.0), 0.0),
            (Harm::Lost(0.0), 0.0),
            (Harm::Lost(-1e6), 0.0),
            (Harm::Lost(1e12), 1.0),
            (Harm::Risk { share: 1.0, magnitude: 1.0 }, 0.5),
            (Harm::Risk { share: 0.5, magnitude: 0.25 }, 0.2),
            (Harm::Risk { share: 7.0, magnitude: -1.0 }, 0.3),
        ] {
            assert_eq!(level(harm, 1e9), expected, "{harm:?}");
        }
    }

    #[test]
    fn few_samples_take_little_from_what_all_of_them_show() {
        assert_eq!(level(Harm::Lost(FAILURE as f64), 30.0), 0.969);
        assert_eq!(level(Harm::Lost(FAILURE as f64), 10.0), 0.925);
        assert_eq!(level(Harm::Risk { share: 1.0, magnitude: 1.0 }, 30.0), 0.375);
    }

    #[test]
    fn magnitude_is_logarithmic() {
        assert_eq!(magnitude(4.0, 4.0, 8.0), 0.0);
        assert_eq!(magnitude(8.0, 4.0, 8.0), 1.0);
        assert!((magnitude(5.657, 4.0, 8.0) - 0.5).abs() < 1e-3);
        assert_eq!(magnitude(0.0, 4.0, 8.0), 0.0);
        assert_eq!(magnitude(f64::NAN, 4.0, 8.0), 0.0);
    }
}
