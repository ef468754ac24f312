//! What is known of names that are known before.

/// The size of the table: several times the names there are, which keeps searches short.
const SLOTS: usize = 1024;
const EMPTY: u8 = u8::MAX;

/// Values by name, for fewer than 255 names that are looked for again and again in texts that mostly are none of them.
#[derive(Debug)]
pub struct KeyTable<T> {
    slots: [u8; SLOTS],
    names: Vec<(&'static str, T)>,
}

impl<T> Default for KeyTable<T> {
    fn default() -> Self {
        Self { slots: [EMPTY; SLOTS], names: Vec::new() }
    }
}

impl<T> KeyTable<T> {
    #[inline]
    pub fn get(&self, key: &[u8]) -> Option<&T> {
        let mut slot = hash(key);
        loop {
            let (name, value) = self.names.get(usize::from(self.slots[slot]))?;
            if name.as_bytes() == key {
                return Some(value);
            }
            slot = (slot + 1) % SLOTS;
        }
    }

    /// The value of a name, put there if there is none.
    ///
    /// # Panics
    /// When there are too many names.
    pub fn get_or_insert_with(&mut self, name: &'static str, value: impl FnOnce() -> T) -> &mut T {
        let mut slot = hash(name.as_bytes());
        let number = loop {
            let number = usize::from(self.slots[slot]);
            match self.names.get(number) {
                Some((known, _)) if *known == name => break number,
                Some(_) => slot = (slot + 1) % SLOTS,
                None => {
                    let number = u8::try_from(self.names.len()).ok().filter(|number| *number != EMPTY);
                    self.slots[slot] = number.expect("there are fewer than 255 names");
                    self.names.push((name, value()));
                    break self.names.len() - 1;
                }
            }
        };
        &mut self.names[number].1
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &T)> {
        self.names.iter().map(|(name, value)| (*name, value))
    }
}

/// The first slot to look at for `key`. Cheap rather than good: a collision costs one comparison.
#[inline]
fn hash(key: &[u8]) -> usize {
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let (head, tail) = (word(key.first_chunk()), word(key.last_chunk()));
    let mixed = (head ^ tail.rotate_left(21) ^ key.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_nothing_else_is() {
        let mut table = KeyTable::default();
        // Names of less than eight bytes share a slot if they are of one length.
        for (number, name) in ["", "ab", "cd", "ef", "http.route", "http.target"].into_iter().enumerate() {
            table.get_or_insert_with(name, || number);
        }
        *table.get_or_insert_with("cd", || 9) += 10;
        for (name, number) in [("", 0), ("ab", 1), ("cd", 12), ("http.target", 5)] {
            assert_eq!(table.get(name.as_bytes()), Some(&number), "{name}");
        }
        assert_eq!(["gh", "http.rout", "http.routes"].map(|name| table.get(name.as_bytes())), [None; 3]);
        assert_eq!(table.iter().count(), 6);
    }
}
