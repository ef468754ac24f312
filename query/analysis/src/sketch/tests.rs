use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};
use proptest::prelude::*;

use super::*;

fn sketch_of(values: &[u64]) -> Sketch {
    let mut sketch = Sketch::default();
    for value in values {
        sketch.record(*value, 1);
    }
    sketch
}

fn nearest_rank(values: &[u64], q: f64) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = ((q * sorted.len() as f64) * (1.0 - 1e-12)).ceil().max(1.0) as usize;
    sorted[rank - 1]
}

#[test]
fn nothing_has_no_quantile() {
    assert_eq!(Sketch::default().quantile(0.5), None);
    assert_eq!(Sketch::from_bytes(&Sketch::default().to_bytes()).unwrap().count(), 0);
}

#[test]
fn small_groups_are_exact() {
    let values: Vec<u64> = (1..=100).map(|value| value * 1_000_001).collect();
    let sketch = sketch_of(&values);
    assert_eq!(sketch.quantile(0.07), Some(7 * 1_000_001));
    assert_eq!(sketch.quantile(0.99), Some(99 * 1_000_001));
    assert_eq!(sketch.quantile(0.0), Some(1_000_001));
    assert_eq!(sketch.quantile(1.0), Some(100 * 1_000_001));
}

#[test]
fn the_129th_value_makes_a_histogram_that_any_library_reads() {
    let values: Vec<u64> = (1..=129).map(|value| value * 1_000_000).collect();
    assert_eq!(&sketch_of(&values[..128]).to_bytes()[..4], b"SPX1");
    let sketch = sketch_of(&values);
    let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut &sketch.to_bytes()[..]).unwrap();
    assert_eq!(histogram.len(), 129);
    for q in [0.1, 0.5, 0.9, 0.99, 1.0] {
        assert_eq!(sketch.quantile(q), Some(histogram.value_at_quantile(q)), "{q}");
    }
}

#[test]
fn hostile_bytes_are_errors() {
    let bytes = sketch_of(&(1..=500).map(|value| value * 12_345).collect::<Vec<_>>()).to_bytes();
    for cut in 0..bytes.len() {
        assert!(Sketch::from_bytes(&bytes[..cut]).is_err(), "{cut}");
    }
    let mut wide = bytes.clone();
    wide[24..32].fill(0xff);
    assert_eq!(Sketch::from_bytes(&wide), Err(SketchError::Precision));
    let mut precise = bytes;
    precise[15] = 5;
    assert_eq!(Sketch::from_bytes(&precise), Err(SketchError::Precision));
    assert_eq!(Sketch::from_bytes(b"anything"), Err(SketchError::Unknown));
    assert_eq!(Sketch::from_bytes(b"SPX1\xff\xff"), Err(SketchError::Damaged));
}

#[test]
fn what_cannot_be_read_is_not_merged() {
    let whole = sketch_of(&[1, 5, 70_000]);
    let mut bytes = sketch_of(&(1..=500).collect::<Vec<_>>()).to_bytes();
    bytes.extend([0x80; 4]);
    let payload_len = u32::try_from(bytes.len() - 40).unwrap();
    bytes[4..8].copy_from_slice(&payload_len.to_be_bytes());
    let mut sketch = whole.clone();
    assert_eq!(sketch.merge_bytes(&bytes), Err(SketchError::Damaged));
    assert_eq!(sketch, whole);
}

#[test]
fn extreme_durations_are_kept() {
    let values: Vec<u64> = (0..200).map(|value| if value % 2 == 0 { 0 } else { i64::MAX as u64 }).collect();
    let sketch = Sketch::from_bytes(&sketch_of(&values).to_bytes()).unwrap();
    assert_eq!(sketch.quantile(0.5), Some(0));
    let largest = sketch.quantile(1.0).unwrap() as f64;
    assert!((largest / i64::MAX as f64 - 1.0).abs() < 0.01);
}

proptest! {
    #[test]
    fn quantiles_are_at_most_1_1_percent_wrong(
        values in prop::collection::vec(1_u64..3_600_000_000_000, 1..2000),
        q in 0.0_f64..=1.0,
    ) {
        let exact = nearest_rank(&values, q) as f64;
        let sketched = sketch_of(&values).quantile(q).unwrap() as f64;
        prop_assert!((sketched / exact - 1.0).abs() <= 0.011, "{sketched} for {exact}");
        if values.len() <= EXACT_VALUES {
            prop_assert_eq!(sketched, exact);
        }
    }

    #[test]
    fn merging_is_independent_of_order_and_split(
        values in prop::collection::vec(0_u64..10_000_000_000, 0..400),
        split in 0.0_f64..1.0,
    ) {
        let whole = sketch_of(&values).to_bytes();
        let (left, right) = values.split_at((values.len() as f64 * split) as usize);
        let mut merged = sketch_of(right);
        merged.merge(&Sketch::from_bytes(&sketch_of(left).to_bytes()).unwrap());
        prop_assert_eq!(merged.to_bytes(), whole);
    }

    #[test]
    fn what_is_taken_away_leaves_no_trace(
        kept in prop::collection::vec(0_u64..10_000_000_000, 0..300),
        taken in prop::collection::vec(0_u64..10_000_000_000, 0..128),
    ) {
        let mut sketch = sketch_of(&taken);
        sketch.merge(&sketch_of(&kept));
        for value in &taken {
            sketch.remove(*value, 1);
        }
        let is_exact = kept.len() + taken.len() <= KEPT_VALUES || kept.len() > EXACT_VALUES || kept.is_empty();
        if is_exact {
            prop_assert_eq!(sketch.to_bytes(), sketch_of(&kept).to_bytes());
        }
        prop_assert_eq!(sketch.count(), kept.len() as u64);
    }

    #[test]
    fn what_the_library_writes_is_read(values in prop::collection::vec((any::<u64>(), 0_u32..63, 1_u64..1 << 50), 1..300)) {
        let mut histogram = Histogram::<u64>::new_with_max(MAX_DURATION, SIGNIFICANT_DIGITS).unwrap();
        for (value, shift, count) in values {
            histogram.saturating_record_n(value >> shift, count >> shift);
        }
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(&histogram, &mut bytes).unwrap();
        let recorded = histogram.iter_recorded();
        let expected: Buckets = recorded
            .map(|step| (histogram.lowest_equivalent(step.value_iterated_to()), step.count_at_value()))
            .collect();
        prop_assert_eq!(Sketch::from_bytes(&bytes), Ok(Sketch { state: State::Buckets(expected) }));
    }

    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), cookie in any::<bool>()) {
        if cookie && bytes.len() >= 40 {
            bytes[..4].copy_from_slice(&[0x1c, 0x84, 0x93, 0x13]);
            let payload_len = u32::try_from(bytes.len() - 40).unwrap();
            bytes[4..8].copy_from_slice(&payload_len.to_be_bytes());
            bytes[8..16].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 2]);
            bytes[16..24].copy_from_slice(&1_u64.to_be_bytes());
            bytes[24..32].copy_from_slice(&100_000_u64.to_be_bytes());
            bytes[32..40].copy_from_slice(&1.0_f64.to_be_bytes());
        }
        let _ = Sketch::from_bytes(&bytes);
    }
}

#[test]
fn durations_below_a_limit_are_counted() {
    let mut sketch = Sketch::default();
    for millis in 1..=100_u64 {
        sketch.record(millis * 1_000_000, 2);
    }
    assert_eq!((sketch.count_below(0), sketch.count_below(50_000_000), sketch.count_below(u64::MAX)), (0, 100, 200));
    for millis in 101..=1000_u64 {
        sketch.record(millis * 1_000_000, 1);
    }
    let counted = sketch.count_below(500_000_000) as f64;
    assert!((counted - 600.0).abs() <= 6.0, "{counted}");
    assert_eq!(sketch.count_below(u64::MAX), 1100);
}
