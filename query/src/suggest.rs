//! The name that a user probably meant.

use std::fmt;

/// A name close to one that does not exist. Displays as `, did you mean '...'?`, or as nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suggestion(Option<String>);

impl Suggestion {
    /// The candidate nearest to `name`, if one is near enough.
    pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Suggestion {
        let wanted = name.to_lowercase();
        let allowed = (wanted.chars().count() / 3).max(1);
        let nearest = candidates
            .into_iter()
            .map(|candidate| (distance(&wanted, &candidate.to_lowercase()), candidate))
            .filter(|(distance, _)| *distance <= allowed)
            .min();
        Suggestion(nearest.map(|(_, candidate)| candidate.to_owned()))
    }

    pub fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl fmt::Display for Suggestion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(name) => write!(formatter, ", did you mean '{name}'?"),
            None => Ok(()),
        }
    }
}

/// Characters to insert, delete, replace or swap with their neighbour to make one text of the other (optimal string
/// alignment).
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let replaced = last[j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut least = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                least = least.min(before_last[j - 2] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_if_it_is_near() {
        let tables = ["spans", "logs", "metrics"];
        assert_eq!(Suggestion::nearest("span", tables).name(), Some("spans"));
        assert_eq!(Suggestion::nearest("METRIC", tables).name(), Some("metrics"));
        assert_eq!(Suggestion::nearest("customers", tables).name(), None);
        assert_eq!(Suggestion::nearest("", tables).name(), None);
    }

    #[test]
    fn distances_count_single_edits() {
        for (from, to, expected) in
            [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("spans", "spasn", 1), ("form", "from", 1)]
        {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }
}
