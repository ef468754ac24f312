//! The sampling weight of a span: how many spans it stands for.
//!
//! From the `ot` member of the W3C `tracestate`: sub-key `th` is the rejection threshold T of consistent probability
//! sampling (1 to 14 hex digits, padded on the right to 14), weight = 2^56 / (2^56 - T)
//! (<https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/>); the older sub-key `p` is the
//! exponent of a power of two, 63 meaning zero. Weights are multiples of 2^-16, so that sums of them are exact in any
//! order.

const FIXED_POINT: f64 = 65536.0;
const THRESHOLD_DIGITS: usize = 14;

/// The weight that `trace_state` gives, 1 where it says nothing or nothing valid.
pub fn weight(trace_state: &[u8]) -> f64 {
    let Some(member) =
        trace_state.split(|byte| *byte == b',').find_map(|member| member.trim_ascii().strip_prefix(b"ot="))
    else {
        return 1.0;
    };
    let sub_key = |name: &[u8]| member.split(|byte| *byte == b';').find_map(|pair| pair.strip_prefix(name));
    if let Some(threshold) = sub_key(b"th:") {
        return threshold_weight(threshold).unwrap_or(1.0);
    }
    sub_key(b"p:").and_then(exponent_weight).unwrap_or(1.0)
}

fn threshold_weight(digits: &[u8]) -> Option<f64> {
    if digits.is_empty() || digits.len() > THRESHOLD_DIGITS {
        return None;
    }
    let digits =
        std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    let threshold = u64::from_str_radix(digits, 16).ok()? << (4 * (THRESHOLD_DIGITS - digits.len()));
    let population = (1_u64 << 56) as f64;
    let sampled = ((1_u64 << 56) - threshold) as f64;
    Some((population / sampled * FIXED_POINT).round() / FIXED_POINT)
}

fn exponent_weight(digits: &[u8]) -> Option<f64> {
    match std::str::from_utf8(digits).ok()?.parse::<u32>().ok()? {
        63 => Some(0.0),
        exponent @ 0..63 => Some((1_u64 << exponent) as f64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_give_the_weights_of_the_specification() {
        for (trace_state, expected) in [
            (&b""[..], 1.0),
            (b"ot=th:0", 1.0),
            (b"ot=th:8", 2.0),
            (b"congo=t61rcWkgMzE,ot=rv:abcdef01234567;th:c", 4.0),
            (b"ot=th:ff8", 512.0),
            (b"ot=p:3;r:10", 8.0),
            (b"ot=p:63", 0.0),
            (b"ot=th:xyz", 1.0),
            (b"ot=th:+8", 1.0),
            (b"ot=th:123456789012345", 1.0),
        ] {
            assert_eq!(weight(trace_state), expected, "{}", String::from_utf8_lossy(trace_state));
        }
        assert!((weight(b"ot=th:fd70a4") - 100.0001).abs() < 0.001);
        assert!((weight(b"ot=th:1") - 1.0667).abs() < 0.001);
    }
}
