//! Where failures began.

use std::collections::BTreeMap;

use super::Ratio;
use crate::observed::EntryKey;

type Origins = BTreeMap<EntryKey, String>;

/// Share of failed entries whose failure is said to have begun where it did.
pub fn top_one(truth: &Origins, seen: &Origins) -> Ratio {
    let mut ratio = Ratio::default();
    for (entry, origin) in truth {
        let found = seen.get(entry);
        ratio.count(found == Some(origin), || format!("{:016x} of {}: {found:?}, began in {origin}", entry.0, entry.1));
    }
    ratio
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_is_right_or_not() {
        let origins = |nodes: &[(u64, &str)]| -> Origins {
            nodes.iter().map(|(trace, node)| ((*trace, "shop".to_owned()), (*node).to_owned())).collect()
        };
        let truth = origins(&[(1, "payment"), (2, "payment")]);
        assert_eq!(top_one(&truth, &origins(&[(1, "payment"), (2, "cart")])).value(), Some(0.5));
        assert_eq!(top_one(&truth, &Origins::new()).value(), Some(0.0));
    }
}
