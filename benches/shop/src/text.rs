//! Small text forms.

/// Random bits as the text of a version 4 UUID.
pub(crate) fn uuid_text(high: u64, low: u64) -> String {
    let time_high = 0x4000 | high & 0x0fff;
    let variant = 0x8000 | low >> 48 & 0x3fff;
    format!(
        "{:08x}-{:04x}-{time_high:04x}-{variant:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_have_version_and_variant() {
        let text = uuid_text(0x0123_4567_89ab_cdef, 0xffff_4567_89ab_cdef);
        assert_eq!(text, "01234567-89ab-4def-bfff-456789abcdef");
    }
}
