//! What a measure usually is.

/// Fewer points than this are no baseline.
const MIN_POINTS: usize = 8;
/// Makes the median absolute deviation of normally distributed values their standard deviation.
const NORMAL: f64 = 1.4826;

/// Median and median absolute deviation of the values of earlier windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Baseline {
    pub(crate) median: f64,
    pub(crate) mad: f64,
}

impl Baseline {
    /// `None` for fewer than 8 values.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Baseline> {
        let values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        if values.len() < MIN_POINTS {
            return None;
        }
        let middle = median(values.clone());
        let mad = median(values.iter().map(|value| (value - middle).abs()).collect());
        Some(Baseline { median: middle, mad })
    }

    /// `value` as a multiple of what is usual; infinite if nothing is usual.
    pub(crate) fn ratio(&self, value: f64) -> f64 {
        if self.median > 0.0 {
            value / self.median
        } else if value > 0.0 {
            f64::INFINITY
        } else {
            1.0
        }
    }

    /// How many standard deviations `value` lies above what is usual. A twentieth of the median counts as spread, so
    /// that a measure that never changed does not make every change an extreme one.
    pub(crate) fn deviation(&self, value: f64) -> f64 {
        let spread = NORMAL * self.mad + 0.05 * self.median;
        if spread > 0.0 {
            (value - self.median) / spread
        } else if value > self.median {
            f64::INFINITY
        } else {
            0.0
        }
    }
}

/// The middle one, or what is between the two in the middle. There must be one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_baseline_needs_eight_points_and_outliers_do_not_move_it() {
        assert_eq!(Baseline::of([1.0; 7]), None);
        let baseline = Baseline::of([10.0, 10.0, 11.0, 9.0, 10.0, 12.0, 8.0, 10.0, 900.0]).expect("nine points");
        assert_eq!((baseline.median, baseline.mad), (10.0, 1.0));
        assert_eq!(baseline.ratio(15.0), 1.5);
        assert!((baseline.deviation(20.0) - 10.0 / 1.9826).abs() < 1e-9);
    }

    #[test]
    fn nothing_is_usual_where_there_was_nothing() {
        let baseline = Baseline::of([0.0; 8]).expect("eight points");
        assert_eq!((baseline.ratio(0.0), baseline.deviation(0.0)), (1.0, 0.0));
        assert_eq!((baseline.ratio(0.1), baseline.deviation(0.1)), (f64::INFINITY, f64::INFINITY));
    }
}
