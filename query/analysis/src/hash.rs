//! A hash for tables of numbers and short keys, several times as fast as the default one.
//!
//! What is hashed may be chosen by whoever sends telemetry. The products are keyed with a secret of the process, as the
//! default hash is, so that nobody can choose keys that share a slot; it is no cryptographic hash, but all tables that it
//! is used for have a bound. Nothing may depend on the order of a table.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, Hasher, RandomState},
    sync::LazyLock,
};

/// A [`HashMap`] with the hash of this module.
pub type FastMap<K, V> = HashMap<K, V, Keyed>;
/// A [`HashSet`] with the hash of this module.
pub(crate) type FastSet<K> = HashSet<K, Keyed>;

/// Bytes that a table with room for `capacity` entries takes.
pub(crate) fn table_size<T>(capacity: usize) -> usize {
    // An eighth of the slots stays empty, and each has a byte beside it.
    capacity * 8 / 7 * (size_of::<T>() + 1)
}

static SECRET: LazyLock<[u64; 2]> = LazyLock::new(|| {
    let random = RandomState::new();
    [random.hash_one(0), random.hash_one(1) | 1]
});

/// Makes hashers that are keyed with the secret of the process.
#[derive(Debug, Clone, Copy)]
pub struct Keyed([u64; 2]);

impl Default for Keyed {
    fn default() -> Self {
        Self(*SECRET)
    }
}

impl BuildHasher for Keyed {
    type Hasher = FoldHasher;

    #[inline]
    fn build_hasher(&self) -> FoldHasher {
        FoldHasher { state: self.0[0], factor: self.0[1] }
    }
}

/// Multiplies, and folds the upper half of the product into the lower one.
#[derive(Debug, Clone, Copy)]
pub struct FoldHasher {
    state: u64,
    factor: u64,
}

/// Odd, and without a pattern.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

#[inline]
fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    (product as u64) ^ (product >> 64) as u64
}

impl FoldHasher {
    #[inline]
    fn add(&mut self, one: u64, other: u64) {
        self.state = fold(self.state ^ one, self.factor ^ other);
    }
}

/// A hash that is the same in every process, for where it decides what is alike and not where it is stored.
pub(crate) fn stable_hash(texts: &[&str]) -> u64 {
    let mut hasher = FoldHasher { state: FACTOR.rotate_left(32), factor: FACTOR };
    texts.iter().for_each(|text| hasher.write(text.as_bytes()));
    hasher.finish()
}

impl Hasher for FoldHasher {
    #[inline]
    fn finish(&self) -> u64 {
        fold(self.state, FACTOR)
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (chunks, rest) = bytes.as_chunks::<16>();
        let mut last = [0; 16];
        last[..rest.len()].copy_from_slice(rest);
        for chunk in chunks.iter().chain([&last]) {
            let chunk = u128::from_le_bytes(*chunk);
            self.add(chunk as u64, (chunk >> 64) as u64);
        }
        self.add(bytes.len() as u64, 0);
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    #[inline]
    fn write_u16(&mut self, number: u16) {
        self.write_u64(number.into());
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.add(number, 0);
    }

    #[inline]
    fn write_u128(&mut self, number: u128) {
        self.add(number as u64, (number >> 64) as u64);
        self.add(0, 0);
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Keys in sequence, sparse keys and texts fill both ends of the hash about as evenly as chance would.
    #[test]
    fn hashes_are_spread_at_both_ends() {
        const KEYS: u64 = 4096;
        let keyed = Keyed::default();
        let kinds: [(&str, &dyn Fn(u64) -> u64); 5] = [
            ("sequence", &|key| keyed.hash_one(key as u32)),
            ("high bits", &|key| keyed.hash_one(key << 48)),
            ("pairs", &|key| keyed.hash_one((key as u32 % 64, key as u32 / 64))),
            ("ids", &|key| keyed.hash_one(u128::from(key) << 64)),
            ("texts", &|key| keyed.hash_one(format!("operation {key}"))),
        ];
        for (name, hash) in kinds {
            for (end, shift) in [("low", 0), ("high", 52)] {
                let slots: HashSet<u64> = (0..KEYS).map(|key| hash(key) >> shift & (KEYS - 1)).collect();
                assert!(slots.len() > 2200, "{name}: {} of {KEYS} slots at the {end} end", slots.len());
            }
        }
    }

    #[test]
    fn where_a_text_ends_matters() {
        let keyed = Keyed::default();
        let hashes: HashSet<u64> =
            [&b""[..], b"\0", b"\0\0", b"a", b"a\0", &[0; 16], &[0; 17]].map(|bytes| keyed.hash_one(bytes)).into();
        assert_eq!(hashes.len(), 7);
        assert_eq!(keyed.hash_one("abc"), Keyed::default().hash_one("abc"));
    }
}
