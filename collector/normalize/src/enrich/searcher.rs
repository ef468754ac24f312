//! Looks for a few texts in many at once, at the speed of a scan.

use aho_corasick::{AhoCorasick, Input, Match, MatchKind, packed};

/// Finds the first of several texts. Of texts that begin at the same place the one given first counts.
#[derive(Debug)]
pub(crate) struct Searcher {
    /// Compares many bytes at once, where the processor can and the texts are few enough.
    packed: Option<packed::Searcher>,
    automaton: AhoCorasick,
}

impl Searcher {
    /// The texts are ours: short and few.
    pub(crate) fn new(texts: &[&str]) -> Self {
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostFirst)
            .prefilter(false)
            .build(texts)
            .expect("the texts are short and few");
        Self { packed: packed::Searcher::new(texts), automaton }
    }

    /// The first find in `bytes[start..end]`.
    #[inline]
    pub(crate) fn find(&self, bytes: &[u8], start: usize, end: usize) -> Option<Match> {
        match &self.packed {
            Some(packed) if end - start >= packed.minimum_len() => packed.find_in(bytes, (start..end).into()),
            _ => self.automaton.find(Input::new(bytes).span(start..end)),
        }
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.find(text.as_bytes(), 0, text.len()).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_find_the_same() {
        let texts = ["earer ", "eyJ", "%40"];
        let searcher = Searcher::new(&texts);
        let slow = Searcher { packed: None, automaton: searcher.automaton.clone() };
        let long = format!("{}bearer {}", "x".repeat(100), "y".repeat(100));
        for text in ["", "eyJ", "a eyJ and earer ", "%4", "a%40b", &long] {
            for start in 0..text.len() {
                let found = |searcher: &Searcher| searcher.find(text.as_bytes(), start, text.len()).map(|m| m.range());
                assert_eq!(found(&searcher), found(&slow), "{text} from {start}");
            }
        }
        assert!(searcher.is_match(&long) && !searcher.is_match("none of them"));
    }
}
