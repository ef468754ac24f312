//! How differently the values of attributes are distributed on two sides. Pure.

use std::collections::{BTreeMap, HashMap};

use spandrel_analysis::statistics::wilson;

/// Attributes that are compared; those that come later are not.
const MAX_ATTRIBUTES: usize = 300;
/// An attribute with more values is left out.
const MAX_VALUES: usize = 1000;
const VALUES_SHOWN: usize = 10;
const VALUE_BYTES: usize = 256;
/// An attribute that so many spans have, and that has more values than half of them, identifies.
const LEAST_TO_IDENTIFY: u64 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Selection,
    Rest,
}

/// Where an attribute is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    Span,
    Resource,
    Gateway,
}

impl Origin {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Origin::Span => "span",
            Origin::Resource => "resource",
            Origin::Gateway => "gateway",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) origin: Origin,
    pub(super) name: String,
}

/// Spans of each side, and how often attributes have which value there.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    spans: Counts,
    attributes: BTreeMap<Origin, HashMap<String, Attribute>>,
    names: usize,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    selection: u64,
    rest: u64,
}

#[derive(Debug, Default)]
struct Attribute {
    present: Counts,
    values: HashMap<String, Counts>,
    /// There are more values than are kept.
    is_cut: bool,
}

/// An attribute whose values are distributed differently.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) key: Key,
    pub(super) score: f64,
    pub(super) distinct: u64,
    pub(super) values: Vec<ComparedValue>,
}

#[derive(Debug)]
pub(super) struct ComparedValue {
    /// None for spans without the attribute.
    pub(super) value: Option<String>,
    pub(super) selection: u64,
    pub(super) rest: u64,
    pub(super) shares: (f64, f64),
    /// Of the difference of the shares, with 95 %.
    pub(super) interval: (f64, f64),
}

impl Counts {
    fn add(&mut self, side: Side) {
        match side {
            Side::Selection => self.selection += 1,
            Side::Rest => self.rest += 1,
        }
    }

    fn sum(self) -> u64 {
        self.selection + self.rest
    }
}

impl Comparison {
    pub(super) fn add_span(&mut self, side: Side) {
        self.spans.add(side);
    }

    /// A span of `side` has this value. Each span has one value of an attribute at most.
    pub(super) fn add_value(&mut self, side: Side, origin: Origin, name: &str, value: &str) {
        let of_origin = self.attributes.entry(origin).or_default();
        if !of_origin.contains_key(name) {
            if self.names >= MAX_ATTRIBUTES {
                return;
            }
            self.names += 1;
            of_origin.insert(name.to_owned(), Attribute::default());
        }
        let attribute = of_origin.get_mut(name).expect("it was put there");
        attribute.present.add(side);
        let value = &value[..value.floor_char_boundary(VALUE_BYTES)];
        if let Some(counts) = attribute.values.get_mut(value) {
            counts.add(side);
        } else if attribute.values.len() < MAX_VALUES {
            attribute.values.entry(value.to_owned()).or_default().add(side);
        } else {
            attribute.is_cut = true;
        }
    }

    /// The attributes that differ, the most different first, and those that were left out, with how many values they
    /// have at least.
    pub(super) fn finish(self) -> (Vec<Compared>, Vec<(Key, u64)>) {
        let (mut different, mut left_out) = (Vec::new(), Vec::new());
        for (origin, attributes) in self.attributes {
            for (name, attribute) in attributes {
                let key = Key { origin, name };
                if attribute.identifies() {
                    left_out.push((key, attribute.values.len() as u64));
                } else {
                    different.extend(attribute.compare(key, self.spans));
                }
            }
        }
        different.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.key.cmp(&b.key)));
        left_out.sort();
        (different, left_out)
    }
}

impl Attribute {
    fn identifies(&self) -> bool {
        let present = self.present.sum();
        self.is_cut || (present >= LEAST_TO_IDENTIFY && self.values.len() as u64 * 2 > present)
    }

    /// `None` where the sides may be alike.
    fn compare(self, key: Key, spans: Counts) -> Option<Compared> {
        let absent = Counts {
            selection: spans.selection.saturating_sub(self.present.selection),
            rest: spans.rest.saturating_sub(self.present.rest),
        };
        let counted = self.values.into_iter().map(|(value, counts)| (Some(value), counts));
        let mut values: Vec<ComparedValue> = counted
            .chain((absent.sum() > 0).then_some((None, absent)))
            .map(|(value, counts)| ComparedValue::new(value, counts, spans))
            .collect();
        let distinct = values.len() as u64;
        values.sort_by(|a, b| {
            let order = b.certain().total_cmp(&a.certain());
            order
                .then_with(|| b.difference().abs().total_cmp(&a.difference().abs()))
                .then_with(|| a.value.cmp(&b.value))
        });
        values.truncate(VALUES_SHOWN);
        let score = values.first().map_or(0.0, ComparedValue::certain);
        (score > 0.0).then_some(Compared { key, score, distinct, values })
    }
}

impl ComparedValue {
    /// The interval is Newcombe's (1998, method 10): of two Wilson intervals.
    fn new(value: Option<String>, counts: Counts, spans: Counts) -> Self {
        let share = |count: u64, of: u64| if of == 0 { 0.0 } else { count as f64 / of as f64 };
        let shares = (share(counts.selection, spans.selection), share(counts.rest, spans.rest));
        let selection = wilson(counts.selection as f64, spans.selection as f64);
        let rest = wilson(counts.rest as f64, spans.rest as f64);
        let difference = shares.0 - shares.1;
        let low = difference - (shares.0 - selection.0).hypot(rest.1 - shares.1);
        let high = difference + (selection.1 - shares.0).hypot(shares.1 - rest.0);
        ComparedValue {
            value,
            selection: counts.selection,
            rest: counts.rest,
            shares,
            interval: (low.max(-1.0), high.min(1.0)),
        }
    }

    fn difference(&self) -> f64 {
        self.shares.0 - self.shares.1
    }

    /// What is certain of the difference: 0 where there may be none.
    fn certain(&self) -> f64 {
        self.interval.0.max(-self.interval.1).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many of so many spans of the selection, and of the rest, have each value.
    fn compared(spans: (u64, u64), values: &[(&str, u64, u64)]) -> (Vec<Compared>, Vec<(Key, u64)>) {
        let mut comparison = Comparison::default();
        (0..spans.0).for_each(|_| comparison.add_span(Side::Selection));
        (0..spans.1).for_each(|_| comparison.add_span(Side::Rest));
        for (value, selection, rest) in values {
            let (name, value) = value.split_once('=').unwrap();
            (0..*selection).for_each(|_| comparison.add_value(Side::Selection, Origin::Span, name, value));
            (0..*rest).for_each(|_| comparison.add_value(Side::Rest, Origin::Span, name, value));
        }
        comparison.finish()
    }

    #[test]
    fn the_interval_is_that_of_newcombes_paper() {
        for (counts, spans, expected) in [
            ((56, 48), (70, 80), (0.0524, 0.3339)),
            ((9, 3), (10, 10), (0.1705, 0.8090)),
            ((10, 0), (10, 20), (0.6791, 1.0)),
        ] {
            let counts = Counts { selection: counts.0, rest: counts.1 };
            let value = ComparedValue::new(None, counts, Counts { selection: spans.0, rest: spans.1 });
            let (low, high) = value.interval;
            assert!((low - expected.0).abs() < 1e-4 && (high - expected.1).abs() < 1e-4, "{low} {high}");
        }
    }

    #[test]
    fn three_of_three_is_less_certain_than_most_of_many() {
        let (different, _) = compared((310, 4000), &[("few=yes", 3, 0), ("many=yes", 300, 40)]);
        assert_eq!(different[0].key.name, "many");
        assert!(different.iter().all(|attribute| attribute.key.name != "few" || attribute.score < 0.01));
        let (few, _) = compared((3, 4000), &[("few=yes", 3, 40)]);
        assert!(few[0].score < different[0].score && few[0].score > 0.4, "{}", few[0].score);
    }

    #[test]
    fn what_may_be_alike_is_not_shown_and_absence_is_a_value() {
        let (different, _) = compared((100, 1000), &[("zone=a", 50, 510), ("zone=b", 50, 490), ("flag=on", 90, 0)]);
        assert_eq!(different.len(), 1);
        assert_eq!(different[0].key.name, "flag");
        let values: Vec<_> = different[0].values.iter().map(|value| (value.value.as_deref(), value.rest)).collect();
        assert_eq!(values, [(None, 1000), (Some("on"), 0)]);
    }

    #[test]
    fn identifiers_are_left_out() {
        let ids: Vec<String> = (0..60).map(|id| format!("id={id}")).collect();
        let mut values: Vec<(&str, u64, u64)> = ids.iter().map(|id| (id.as_str(), 1, 0)).collect();
        values.push(("kind=a", 60, 0));
        let (different, left_out) = compared((60, 60), &values);
        assert_eq!(different.iter().map(|attribute| attribute.key.name.as_str()).collect::<Vec<_>>(), ["kind"]);
        assert_eq!(left_out, [(Key { origin: Origin::Span, name: "id".to_owned() }, 60)]);
    }
}
