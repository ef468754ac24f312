//! The id that a flow is asked for by.

use spandrel_proto::model::{correlation_key, id::parse_trace_id};

/// Shorter ids are counters that restart.
const MIN_LEN: usize = 8;

/// An id in the forms by which records join. What can be a trace id can be a correlation id as well: nginx's request ids
/// have 32 hex digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowId {
    pub trace_id: Option<u128>,
    pub correlation_id: String,
}

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no id to join by: it has fewer than 8 characters, or stands for none")]
pub struct FlowIdError(String);

impl FlowId {
    /// From a trace id (32 hex digits, or 16 of an id of 64 bits), a `traceparent`, X-Ray's form of a trace id, or any
    /// correlation id of at least 8 characters.
    pub fn parse(text: &str) -> Result<FlowId, FlowIdError> {
        let text = text.trim();
        if !identifies(text) {
            return Err(FlowIdError(text.chars().take(64).collect()));
        }
        Ok(FlowId { trace_id: trace_id(text), correlation_id: correlation_key(text).into_owned() })
    }

    /// The id as it is shown.
    pub fn text(&self) -> String {
        self.trace_id.map_or_else(|| self.correlation_id.clone(), |id| format!("{id:032x}"))
    }
}

/// The forms in which a correlation id may have been written that joins as `id`: Envoy changes one digit of a UUID.
pub fn as_written(id: &str) -> Vec<String> {
    let forms = ["4", "9", "a", "b", "A", "B"].into_iter().filter_map(|digit| {
        let form = format!("{}{digit}{}", id.get(..14)?, id.get(15..)?);
        (correlation_key(&form) == id).then_some(form)
    });
    let mut forms: Vec<String> = forms.chain([id.to_owned()]).collect();
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// Whether records can be joined by a correlation id.
pub(super) fn identifies(id: &str) -> bool {
    id.chars().count() >= MIN_LEN && !id.chars().all(|character| matches!(character, '0' | '-' | ' '))
}

/// The trace id that a correlation id is as well: of several trace ids of a record, all but the first are kept as such.
pub(super) fn trace_form(id: &str) -> Option<u128> {
    parse_trace_id(id).map(u128::from_be_bytes)
}

fn trace_id(text: &str) -> Option<u128> {
    let parts: Vec<&str> = text.split('-').collect();
    let joined;
    let digits = match parts[..] {
        // X-Ray: version, seconds, the rest.
        ["1", seconds, rest] | ["Root=1", seconds, rest] if seconds.len() == 8 && rest.len() == 24 => {
            joined = format!("{seconds}{rest}");
            joined.as_str()
        }
        // W3C: version, trace id, parent id, flags.
        [version, trace_id, parent, flags, ..] if [version.len(), parent.len(), flags.len()] == [2, 16, 2] => trace_id,
        _ => text,
    };
    trace_form(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_in_their_usual_forms() {
        const TRACE: u128 = 0x5b8e_fff7_9803_8103_d269_b633_813f_c60c;
        for (text, trace_id, correlation_id) in [
            (" 5B8EFFF798038103D269B633813FC60C ", Some(TRACE), "5B8EFFF798038103D269B633813FC60C"),
            ("d269b633813fc60c", Some(TRACE & u128::from(u64::MAX)), "d269b633813fc60c"),
            (
                "00-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174-01",
                Some(TRACE),
                "00-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174-01",
            ),
            ("1-5b8efff7-98038103d269b633813fc60c", Some(TRACE), "1-5b8efff7-98038103d269b633813fc60c"),
            ("a0ba4d42-c0a8-9f4e-b2f5-3c5a3a1c8f2a", None, "a0ba4d42-c0a8-4f4e-b2f5-3c5a3a1c8f2a"),
            ("order-4711", None, "order-4711"),
        ] {
            let correlation_id = correlation_id.to_owned();
            assert_eq!(FlowId::parse(text), Ok(FlowId { trace_id, correlation_id }), "{text}");
        }
    }

    #[test]
    fn ids_are_looked_for_as_gateways_write_them() {
        assert_eq!(as_written("order-4711"), ["order-4711"]);
        let forms = as_written("a0ba4d42-c0a8-4f4e-b2f5-3c5a3a1c8f2a");
        assert_eq!(forms.len(), 6);
        assert!(forms.contains(&"a0ba4d42-c0a8-bf4e-b2f5-3c5a3a1c8f2a".to_owned()));
    }

    #[test]
    fn what_identifies_nothing_is_refused() {
        for text in
            ["", "-", "  ", "1234567", "00000000000000000000000000000000", "00000000-0000-0000-0000-000000000000"]
        {
            assert!(FlowId::parse(text).is_err(), "{text}");
        }
        assert!(FlowId::parse(&"0".repeat(1000)).unwrap_err().to_string().len() < 200);
    }
}
