//! What the names of a row's attributes mean. Most rows have the same names in the same order as some row before.

use std::ops::Range;

use super::{
    attributes::{Attribute, Meaning, meaning},
    columns::Maps,
};

/// How many rows' names are kept. Others take their places.
const KEPT: usize = 256;
/// Of rows whose names and their ends take more, only those of the last are kept.
const MAX_BYTES: usize = 2048;

/// Which of a row's attributes are read.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// All names one after the other, and where each ends.
    names: Box<[u8]>,
    ends: Box<[i32]>,
    /// By their places in the row, in order.
    pub(super) read: Box<[(u32, Attribute)]>,
    /// Older names of attributes are among them.
    pub(super) is_older_of_server: bool,
    pub(super) is_older_of_client: bool,
}

impl Layout {
    fn of(maps: &Maps<'_>, entries: &Range<usize>, names: &[u8], offsets: &[i32]) -> Self {
        let mut layout = Layout {
            names: names.into(),
            ends: offsets[1..].iter().map(|end| end - offsets[0]).collect(),
            ..Layout::default()
        };
        let mut read = Vec::new();
        for (place, entry) in (0..).zip(entries.clone()) {
            match meaning(maps.keys.value(entry)) {
                Some(Meaning::Read(attribute)) => read.push((place, *attribute)),
                Some(Meaning::Older { of_server, of_client }) => {
                    layout.is_older_of_server |= of_server;
                    layout.is_older_of_client |= of_client;
                }
                None => {}
            }
        }
        layout.read = read.into();
        layout
    }

    #[inline]
    fn is_of(&self, names: &[u8], offsets: &[i32]) -> bool {
        let (first, ends) = (offsets[0], &offsets[1..]);
        *self.names == *names
            && self.ends.len() == ends.len()
            && self.ends.iter().zip(ends).all(|(known, end)| *known == end - first)
    }
}

/// Layouts by where the hash of the names puts them.
#[derive(Debug)]
pub(super) struct Layouts {
    kept: Vec<Layout>,
}

impl Default for Layouts {
    fn default() -> Self {
        let kept = std::iter::repeat_with(Layout::default).take(KEPT + 1).collect();
        Self { kept }
    }
}

impl Layouts {
    /// The layout of some entries.
    #[inline]
    pub(super) fn of(&mut self, maps: &Maps<'_>, entries: &Range<usize>) -> &Layout {
        let offsets = &maps.keys.value_offsets()[entries.start..=entries.end];
        let names = &maps.keys.value_data()[offsets[0] as usize..offsets[offsets.len() - 1] as usize];
        let is_large = names.len() + size_of_val(offsets) > MAX_BYTES;
        let layout = &mut self.kept[if is_large { KEPT } else { place(names, offsets.len()) }];
        if !layout.is_of(names, offsets) {
            *layout = Layout::of(maps, entries, names, offsets);
        }
        layout
    }
}

/// Where names are kept. Cheap rather than good: what shares a place is looked up again.
#[inline]
fn place(names: &[u8], count: usize) -> usize {
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let (head, middle, tail) =
        (word(names.first_chunk()), word(names[names.len() / 2..].first_chunk()), word(names.last_chunk()));
    let sizes = (names.len() << 16 | count) as u64;
    let mixed = (head ^ middle.rotate_left(17) ^ tail.rotate_left(41) ^ sizes).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 48) as usize % KEPT
}

#[cfg(test)]
mod tests {
    use arrow::array::{MapBuilder, StringBuilder};
    use proptest::prelude::*;

    use super::{
        super::{attributes::Attributes, columns::map_columns},
        *,
    };

    /// Names that are read, older ones, others, and some that are the same one after the other.
    const NAMES: [&str; 10] = [
        "url.full",
        "url.query",
        "user_agent.original",
        "http.user_agent",
        "http.method",
        "db.statement",
        "url.",
        "full",
        "full.url",
        "a name that is long enough for a few of them to be beyond what is kept of names of rows before, in bytes, several \
         times over if it is said often enough in one row",
    ];

    proptest! {
        /// What rows before were like makes no difference.
        #[test]
        fn rows_are_read_as_if_each_was_the_first(
            rows in prop::collection::vec((prop::collection::vec(0..NAMES.len(), 0..20), any::<bool>()), 1..40)
        ) {
            let mut builder = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
            for (number, (names, _)) in rows.iter().enumerate() {
                for name in names {
                    builder.keys().append_value(NAMES[*name]);
                    builder.values().append_value(format!("{name} {number}"));
                }
                builder.append(true).unwrap();
            }
            let map = builder.finish();
            let maps = map_columns(&map).unwrap();
            let mut layouts = Layouts::default();
            let (mut attributes, mut alone) = (Attributes::default(), Attributes::default());
            for (row, (_, serves)) in rows.iter().enumerate() {
                attributes.read(maps, row, *serves, &mut layouts);
                alone.read(maps, row, *serves, &mut Layouts::default());
                let said = |attributes: &Attributes<'_>| {
                    let texts = [Attribute::UrlFull, Attribute::UrlQuery, Attribute::UserAgent];
                    (texts.map(|attribute| attributes.text(attribute).to_owned()), attributes.conflict)
                };
                prop_assert_eq!(said(&attributes), said(&alone));
                let (names, _) = &rows[row];
                let full = names.iter().position(|name| *name == 0).map(|_| format!("0 {row}")).unwrap_or_default();
                prop_assert_eq!(attributes.text(Attribute::UrlFull), full);
            }
        }
    }
}
