//! Groups URL paths that differ only in identifiers, for servers that do not report the route they matched.

use std::borrow::Cow;

/// What stands for an identifier in a templated path.
const PLACEHOLDER: &str = "{id}";
const LONGEST_WORD: usize = 40;
const SHORTEST_HEX: usize = 8;
const SHORTEST_TOKEN: usize = 16;
const TOKEN_DIGITS: usize = 4;
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
const UUID_LENGTH: usize = 36;

/// `path` with each segment that looks like an identifier replaced by `{id}`: integers, UUIDs, hexadecimal of 8 digits
/// or more, base64-like tokens of 16 characters or more, dates, e-mail addresses, and anything over 40 characters.
/// A query string or fragment is cut off.
pub fn path_template(path: &str) -> Cow<'_, str> {
    let end = path.bytes().position(|byte| matches!(byte, b'?' | b'#'));
    let path = &path[..end.unwrap_or(path.len())];
    if !path.split('/').any(is_identifier) {
        return Cow::Borrowed(path);
    }
    let segments: Vec<&str> =
        path.split('/').map(|segment| if is_identifier(segment) { PLACEHOLDER } else { segment }).collect();
    Cow::Owned(segments.join("/"))
}

fn is_identifier(segment: &str) -> bool {
    // What all but the longest identifiers have, and UUIDs, which may be of letters only.
    let may_be = segment.len() > LONGEST_WORD
        || segment.len() == UUID_LENGTH
        || segment.bytes().any(|byte| byte.is_ascii_digit() || byte == b'@');
    may_be && is_known_identifier(segment)
}

fn is_known_identifier(segment: &str) -> bool {
    segment.len() > LONGEST_WORD
        || segment.bytes().all(|byte| byte.is_ascii_digit())
        || is_uuid(segment)
        || is_hex(segment)
        || is_date(segment)
        || is_email(segment)
        || is_token(segment)
}

fn is_uuid(segment: &str) -> bool {
    let mut groups = segment.split('-');
    UUID_GROUPS.iter().all(|length| {
        groups.next().is_some_and(|group| group.len() == *length && group.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }) && groups.next().is_none()
}

/// Words such as `facade` are hexadecimal too, hence the digit.
fn is_hex(segment: &str) -> bool {
    let digits = segment.strip_prefix("0x").unwrap_or(segment);
    digits.len() >= SHORTEST_HEX
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        && digits.bytes().any(|byte| byte.is_ascii_digit())
}

/// `2026-11-20`, alone or with a time after it.
fn is_date(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    bytes.len() >= 10
        && bytes[..10].iter().enumerate().all(|(position, byte)| match position {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
        && (bytes.len() == 10 || bytes[10] == b'T')
}

fn is_email(segment: &str) -> bool {
    segment
        .split_once('@')
        .or_else(|| segment.split_once("%40"))
        .is_some_and(|(user, host)| !user.is_empty() && host.contains('.'))
}

/// Long words of a path (`customer-preferences`) have neither mixed case with digits nor many digits.
fn is_token(segment: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'=' | b'.' | b'~');
    if segment.len() < SHORTEST_TOKEN || !segment.bytes().all(allowed) {
        return false;
    }
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let mixed_case =
        segment.bytes().any(|byte| byte.is_ascii_lowercase()) && segment.bytes().any(|byte| byte.is_ascii_uppercase());
    digits >= TOKEN_DIGITS || (digits > 0 && mixed_case)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_become_placeholders_and_words_stay() {
        for (path, expected) in [
            ("/", "/"),
            ("", ""),
            ("/users/42/orders", "/users/{id}/orders"),
            ("/users/42/orders/", "/users/{id}/orders/"),
            ("/carts/5b8efff7-9803-8103-d269-b633813fc60c", "/carts/{id}"),
            ("/carts/abcdefab-abcd-abcd-abcd-abcdefabcdef", "/carts/{id}"),
            ("/carts/#", "/carts/"),
            ("/blobs/deadbeef01", "/blobs/{id}"),
            ("/blobs/0xDEADBEEF01", "/blobs/{id}"),
            ("/architecture/facade", "/architecture/facade"),
            ("/reports/2026-11-20", "/reports/{id}"),
            ("/reports/2026-11-20T10:00:00Z", "/reports/{id}"),
            ("/people/a.b@example.com", "/people/{id}"),
            ("/people/a.b%40example.com/mail", "/people/{id}/mail"),
            ("/s/dGhpcyBpcyBhIHRlc3Q1", "/s/{id}"),
            ("/s/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/s/{id}"),
            ("/api/v2/customer-preferences", "/api/v2/customer-preferences"),
            ("/api/recommendations-v2", "/api/recommendations-v2"),
            ("/internationalization", "/internationalization"),
            ("/search?q=42", "/search"),
            ("/a/very-long-segment-of-words-that-nobody-would-route-on", "/a/{id}"),
        ] {
            assert_eq!(path_template(path), expected, "{path}");
        }
    }
}
