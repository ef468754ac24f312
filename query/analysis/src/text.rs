//! Texts by number: every text that spans have in common is kept once.

use std::sync::Arc;

use crate::{hash::FastMap, words::Words};

/// A text of a [`Texts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Text(u32);

impl Text {
    /// No text, which is also the empty one.
    pub const NONE: Text = Text(0);
    /// What stands for a text that no longer fitted.
    pub const OTHER: Text = Text(1);

    pub(crate) fn number(self) -> u32 {
        self.0
    }

    pub fn is_none(self) -> bool {
        self == Text::NONE
    }

    /// This text, or `other` if there is none.
    pub fn or(self, other: Text) -> Text {
        if self.is_none() { other } else { self }
    }
}

/// Texts and their numbers, up to a number of bytes. Beyond it, texts that were not seen before become `_other`.
#[derive(Debug, Clone)]
pub struct Texts {
    numbers: FastMap<Arc<str>, Text>,
    texts: Vec<Arc<str>>,
    words: Vec<Words>,
    bytes: usize,
    max_bytes: usize,
    overflowed: u64,
}

/// Bytes of a text beyond its own: two counted pointers, a map entry, the counts.
const OVERHEAD: usize = 72;

impl Texts {
    pub fn new(max_bytes: usize) -> Self {
        let mut texts = Self {
            numbers: FastMap::default(),
            texts: Vec::new(),
            words: Vec::new(),
            bytes: 0,
            max_bytes,
            overflowed: 0,
        };
        texts.add("");
        texts.add("_other");
        texts
    }

    pub fn intern(&mut self, text: &str) -> Text {
        if text.is_empty() {
            return Text::NONE;
        }
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        if self.bytes + text.len() + OVERHEAD > self.max_bytes || u32::try_from(self.texts.len()).is_err() {
            self.overflowed += 1;
            return Text::OTHER;
        }
        self.add(text)
    }

    /// The number of a text that was seen before.
    pub fn find(&self, text: &str) -> Option<Text> {
        self.numbers.get(text).copied()
    }

    pub fn get(&self, text: Text) -> &str {
        &self.texts[text.0 as usize]
    }

    /// What the words of a text say.
    pub fn words(&self, text: Text) -> Words {
        self.words[text.0 as usize]
    }

    /// Texts that did not fit.
    pub fn overflowed(&self) -> u64 {
        self.overflowed
    }

    /// Bytes of memory held.
    pub fn size(&self) -> usize {
        self.bytes
    }

    fn add(&mut self, text: &str) -> Text {
        let number = Text(self.texts.len() as u32);
        let text: Arc<str> = Arc::from(text);
        self.bytes += text.len() + OVERHEAD;
        self.words.push(Words::of(&text));
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_and_the_bound_holds() {
        let mut texts = Texts::new(1000);
        let cart = texts.intern("cart");
        assert_eq!((texts.intern("cart"), texts.intern("")), (cart, Text::NONE));
        assert_eq!(texts.get(cart), "cart");
        for number in 0..1000 {
            texts.intern(&format!("service-{number}"));
        }
        assert!(texts.size() <= 1000 && texts.overflowed() > 900, "{texts:?}");
        assert_eq!(texts.intern("unseen"), Text::OTHER);
        assert_eq!(texts.get(Text::OTHER), "_other");
        assert_eq!(texts.intern("cart"), cart);
    }
}
