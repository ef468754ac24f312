//! How sure a measured share or mean is.

/// Standard deviations that hold 95 % of a normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The range that a share lies in with 95 %, by Wilson's score, if `successes` of `samples` were seen. Both may be
/// fractions, as effective sample sizes are. Without samples it may be anything.
pub fn wilson(successes: f64, samples: f64) -> (f64, f64) {
    if samples.is_nan() || samples <= 0.0 {
        return (0.0, 1.0);
    }
    let share = (successes / samples).clamp(0.0, 1.0);
    let square = Z * Z;
    let denominator = 1.0 + square / samples;
    let centre = share + square / (2.0 * samples);
    let half = Z * (share * (1.0 - share) / samples + square / (4.0 * samples * samples)).sqrt();
    (((centre - half) / denominator).max(0.0), ((centre + half) / denominator).min(1.0))
}

/// Whether two ranges have nothing in common.
pub fn are_apart(a: (f64, f64), b: (f64, f64)) -> bool {
    a.1 < b.0 || b.1 < a.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_is_that_of_the_textbook() {
        for (successes, samples, expected) in [
            (5.0, 10.0, (0.236_59, 0.763_41)),
            (50.0, 100.0, (0.403_83, 0.596_17)),
            (0.0, 10.0, (0.0, 0.277_53)),
            (10.0, 10.0, (0.722_47, 1.0)),
            (0.0, 0.0, (0.0, 1.0)),
            (1.0, f64::NAN, (0.0, 1.0)),
        ] {
            let (low, high) = wilson(successes, samples);
            assert!(
                (low - expected.0).abs() < 1e-5 && (high - expected.1).abs() < 1e-5,
                "{successes}/{samples}: {low} {high}"
            );
        }
    }

    #[test]
    fn ranges_that_touch_are_not_apart() {
        assert!(are_apart((0.0, 0.1), (0.2, 0.3)) && are_apart((0.2, 0.3), (0.0, 0.1)));
        assert!(!are_apart((0.0, 0.2), (0.2, 0.3)));
    }
}
