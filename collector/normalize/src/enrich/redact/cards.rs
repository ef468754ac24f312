//! Numbers of payment cards.
//!
//! A number has 14 to 16 digits, begins as one of the issuers' does and has the right check digit. It stands alone, or in
//! the groups that are printed on cards. Longer numbers (the issuers have some of 19 digits) are left alone: epoch times
//! in nanoseconds and decimal trace ids are as long.

use std::ops::Range;

const MIN_DIGITS: usize = 14;

/// Where the first run of digits, blanks and dashes begins that may hold a card's number. Every 14th byte is looked at,
/// and of a run no more than is needed: runs of a column's neighbouring values may be as long as the column.
pub(super) fn suspect(bytes: &[u8]) -> Option<usize> {
    let mut at = MIN_DIGITS - 1;
    while let Some(byte) = bytes.get(at) {
        if !is_part(*byte) {
            at += MIN_DIGITS;
            continue;
        }
        let start = bytes[..at].iter().rposition(|byte| !is_part(*byte)).map_or(0, |before| before + 1);
        let (mut end, mut first_digit, mut digits) = (start, None, 0);
        while let Some(byte) = bytes.get(end).filter(|byte| is_part(**byte)) {
            if byte.is_ascii_digit() {
                first_digit.get_or_insert(end);
                digits += 1;
            }
            if digits == MIN_DIGITS {
                return first_digit;
            }
            end += 1;
        }
        at = end + MIN_DIGITS;
    }
    None
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b' ' | b'-')
}

/// Where cards' numbers are in a text.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let groups = groups(bytes);
    let mut at = 0;
    while at < groups.len() {
        match number_at(bytes, &groups[at..]) {
            Some(taken) => {
                found.push(groups[at].start..groups[at + taken - 1].end);
                at += taken;
            }
            None => at += 1,
        }
    }
    found
}

/// The runs of digits.
fn groups(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let mut at = 0;
    while let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|digit| at + digit) {
        let end = bytes[start..].iter().position(|byte| !byte.is_ascii_digit()).map_or(bytes.len(), |len| start + len);
        groups.push(start..end);
        at = end;
    }
    groups
}

/// How many groups make up the card's number that the first of them begins.
fn number_at(bytes: &[u8], groups: &[Range<usize>]) -> Option<usize> {
    const SHAPES: [&[usize]; 6] = [&[14], &[15], &[16], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];
    SHAPES.iter().find_map(|shape| {
        let taken = groups.get(..shape.len())?;
        let has_lengths = taken.iter().zip(*shape).all(|(group, len)| group.len() == *len);
        let separator = bytes.get(taken[0].end).copied();
        let is_joined = taken.windows(2).all(|pair| {
            pair[1].start == pair[0].end + 1
                && matches!(separator, Some(b' ' | b'-'))
                && bytes.get(pair[0].end).copied() == separator
        });
        if !has_lengths || !is_joined || !stands_alone(bytes, taken[0].start..taken[taken.len() - 1].end) {
            return None;
        }
        let mut digits = [0; 16];
        let mut len = 0;
        for byte in taken.iter().flat_map(|group| &bytes[group.clone()]) {
            digits[len] = byte - b'0';
            len += 1;
        }
        (is_issued(&digits[..len]) && has_check_digit(&digits[..len])).then_some(taken.len())
    })
}

/// Whether a number is not a part of a longer word, id or fraction.
fn stands_alone(bytes: &[u8], number: Range<usize>) -> bool {
    let (before, after) = (&bytes[..number.start], &bytes[number.end..]);
    let starts = match before {
        [.., digit, b'.' | b'-'] if digit.is_ascii_alphanumeric() => false,
        [.., last] => !last.is_ascii_alphanumeric() && *last != b'_',
        [] => true,
    };
    let ends = match after {
        [b'.' | b'-', digit, ..] if digit.is_ascii_alphanumeric() => *digit > b'9' && after[0] == b'.',
        [first, ..] => !first.is_ascii_alphanumeric() && *first != b'_',
        [] => true,
    };
    starts && ends
}

fn is_issued(digits: &[u8]) -> bool {
    let first = digits[..4].iter().fold(0u16, |number, digit| number * 10 + u16::from(*digit));
    match digits.len() {
        // Diners Club.
        14 => matches!(first, 3000..=3059 | 3600..=3699 | 3800..=3999),
        // American Express.
        15 => matches!(first, 3400..=3499 | 3700..=3799),
        // Visa, Mastercard, Discover, JCB, UnionPay.
        16 => matches!(first, 4000..=4999 | 5100..=5599 | 2221..=2720 | 6011 | 6440..=6599 | 3528..=3589 | 6200..=6299),
        _ => false,
    }
}

/// Luhn's check.
fn has_check_digit(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit) * 2) {
            (0, _) => u32::from(*digit),
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    sum.is_multiple_of(10)
}
