//! Which nodes of a graph have more edges than chance gives them.

use std::collections::{BTreeMap, BTreeSet};

/// The nodes that a description of the graph is shorter with if they are named as hubs (Kirkley, "Identifying hubs in
/// directed networks", Erdős–Rényi encoding): the edges at the hubs and all others are each as if drawn at random. By
/// node, the number of its edges in one direction.
pub(super) fn hubs<N: Ord + Copy>(degrees: &BTreeMap<N, usize>) -> BTreeSet<N> {
    let mut nodes: Vec<(usize, N)> = degrees.iter().map(|(node, degree)| (*degree, *node)).collect();
    nodes.sort_by_key(|(degree, _)| std::cmp::Reverse(*degree));
    let count = nodes.len() as f64;
    let edges: f64 = nodes.iter().map(|(degree, _)| *degree as f64).sum();
    let length = |hubs: f64, at_hubs: f64| {
        log_binomial(count, hubs)
            + log_binomial(hubs * (count - 1.0), at_hubs)
            + log_binomial((count - hubs) * (count - 1.0), edges - at_hubs)
    };
    // How many hubs there are and how many edges they have must be said as well, which having none saves.
    let naming = count.max(1.0).ln() + (edges + 1.0).ln();
    let (mut best, mut shortest, mut at_hubs) = (0, length(0.0, 0.0), 0.0);
    for (index, (degree, _)) in nodes.iter().enumerate() {
        at_hubs += *degree as f64;
        let is_last_of_degree = nodes.get(index + 1).is_none_or(|(next, _)| next != degree);
        let found = naming + length((index + 1) as f64, at_hubs);
        // Nodes of one degree are hubs together or not at all; and a hub has more than the average.
        if is_last_of_degree && *degree as f64 * count > edges && found < shortest {
            (best, shortest) = (index + 1, found);
        }
    }
    nodes.into_iter().take(best).map(|(_, node)| node).collect()
}

/// Logarithm of the number of ways to choose `some` of `all`.
fn log_binomial(all: f64, some: f64) -> f64 {
    if some <= 0.0 || some >= all { 0.0 } else { log_factorial(all) - log_factorial(some) - log_factorial(all - some) }
}

/// Ramanujan's approximation, better than one part in a thousand from 1 on.
fn log_factorial(number: f64) -> f64 {
    if number <= 1.0 {
        return 0.0;
    }
    let correction = (number * (1.0 + 4.0 * number * (1.0 + 2.0 * number))).ln() / 6.0;
    number * number.ln() - number + correction + std::f64::consts::PI.ln() / 2.0
}

/// The median plus three times the median absolute deviation: what is above is unusual.
pub(super) fn outlier(values: impl Iterator<Item = usize>) -> f64 {
    let mut values: Vec<f64> = values.map(|value| value as f64).collect();
    let middle = median(&mut values);
    let mut deviations: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    middle + 3.0 * median(&mut deviations)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(degrees: &[usize]) -> Vec<usize> {
        hubs(&degrees.iter().copied().enumerate().collect()).into_iter().collect()
    }

    #[test]
    fn a_star_has_a_hub_and_a_ring_has_none() {
        assert_eq!(found(&[11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), [0]);
        assert_eq!(found(&[1; 12]), Vec::<usize>::new());
        assert_eq!(found(&[3, 2, 2, 1, 1, 1, 1, 1, 0, 0]), Vec::<usize>::new());
        assert_eq!(found(&[9, 1, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0]), [0, 2]);
        assert_eq!(found(&[]), Vec::<usize>::new());
    }

    #[test]
    fn logarithms_of_factorials_and_outliers() {
        for (number, factorial) in [(1.0, 1.0_f64), (2.0, 2.0), (5.0, 120.0), (10.0, 3_628_800.0)] {
            assert!((log_factorial(number) - factorial.ln()).abs() < 1e-3, "{number}");
        }
        assert_eq!(outlier([1, 1, 2, 3, 20].into_iter()), 5.0);
        assert_eq!(outlier(std::iter::empty()), 0.0);
    }
}
