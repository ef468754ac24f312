//! Evidence as JSON text.

use std::fmt::Write as _;

use crate::findings::{Evidence, Value, shared::sql::rfc3339};

/// Evidence as one JSON object. Names of details are keys beside those of every evidence; times are RFC 3339 text.
pub(super) fn evidence(evidence: &Evidence) -> String {
    let mut json = String::from("{\"measure\":");
    number(&mut json, evidence.measure);
    json.push_str(",\"threshold\":");
    number(&mut json, evidence.threshold);
    if let Some((low, high)) = evidence.interval {
        json.push_str(",\"interval\":[");
        number(&mut json, low);
        json.push(',');
        number(&mut json, high);
        json.push(']');
    }
    if let Some(baseline) = evidence.baseline {
        json.push_str(",\"baseline\":");
        number(&mut json, baseline);
    }
    write(&mut json, format_args!(",\"samples\":{}", evidence.samples));
    if !evidence.details.is_empty() {
        json.push_str(",\"details\":");
        object(&mut json, &evidence.details);
    }
    if !evidence.caveats.is_empty() {
        json.push_str(",\"caveats\":");
        list(&mut json, &evidence.caveats, |json, caveat| text(json, caveat));
    }
    json.push('}');
    json
}

/// An object of values. Rows hold values and values hold rows: a stack of open lists takes the place of recursion.
fn object(json: &mut String, members: &[(&'static str, Value)]) {
    enum Step<'v> {
        Member(&'v (&'static str, Value), bool),
        Row(&'v [(&'static str, Value)], bool),
        Close(&'static str),
    }
    fn members_of<'v>(steps: &mut Vec<Step<'v>>, members: &'v [(&'static str, Value)]) {
        steps.push(Step::Close("}"));
        let in_order = members.iter().enumerate().rev();
        steps.extend(in_order.map(|(index, member)| Step::Member(member, index == 0)));
    }
    let mut steps = Vec::new();
    json.push('{');
    members_of(&mut steps, members);
    while let Some(step) = steps.pop() {
        match step {
            Step::Close(bracket) => json.push_str(bracket),
            Step::Row(row, is_first) => {
                json.push_str(if is_first { "{" } else { ",{" });
                members_of(&mut steps, row);
            }
            Step::Member((name, value), is_first) => {
                if !is_first {
                    json.push(',');
                }
                text(json, name);
                json.push(':');
                match value {
                    Value::Rows(rows) => {
                        json.push('[');
                        steps.push(Step::Close("]"));
                        let in_order = rows.iter().enumerate().rev();
                        steps.extend(in_order.map(|(index, row)| Step::Row(row, index == 0)));
                    }
                    other => plain(json, other),
                }
            }
        }
    }
}

/// A value that holds no rows.
fn plain(json: &mut String, value: &Value) {
    match value {
        Value::Number(value) => number(json, *value),
        Value::Count(count) => write(json, format_args!("{count}")),
        Value::Nanos(nanos) => write(json, format_args!("{nanos}")),
        Value::Time(time) => text(json, &rfc3339(*time)),
        Value::Text(value) => text(json, value),
        Value::Texts(texts) => list(json, texts, |json, value| text(json, value)),
        Value::Rows(_) => json.push_str("[]"),
    }
}

fn list<T>(json: &mut String, items: &[T], mut item: impl FnMut(&mut String, &T)) {
    json.push('[');
    for (index, one) in items.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        item(json, one);
    }
    json.push(']');
}

/// Infinite and undefined numbers, which JSON does not have, are `null`.
fn number(json: &mut String, value: f64) {
    if value.is_finite() {
        write(json, format_args!("{value}"));
    } else {
        json.push_str("null");
    }
}

fn text(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\0'..='\u{1f}' => write(json, format_args!("\\u{:04x}", character as u32)),
            _ => json.push(character),
        }
    }
    json.push('"');
}

fn write(json: &mut String, arguments: std::fmt::Arguments<'_>) {
    json.write_fmt(arguments).expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_json() {
        let rows = vec![
            vec![("service", Value::Text("a \"b\"\\\n\u{1}é".to_owned())), ("inner", Value::Rows(vec![vec![]]))],
            vec![("ms", Value::Number(1.5)), ("none", Value::Number(f64::INFINITY))],
        ];
        let shown = evidence(&Evidence {
            measure: 0.25,
            threshold: 1e300,
            interval: Some((0.2, f64::NAN)),
            baseline: Some(0.0),
            samples: 7,
            details: vec![
                ("hops", Value::Rows(rows)),
                ("since", Value::Time(0)),
                ("names", Value::Texts(vec!["x".to_owned(), "y".to_owned()])),
                ("count", Value::Count(u64::MAX)),
                ("took", Value::Nanos(-3)),
            ],
            caveats: vec!["sampled".to_owned()],
            examples: vec![1],
        });
        assert_eq!(
            shown.replace(&format!("{}", 1e300), "1e300"),
            "{\"measure\":0.25,\"threshold\":1e300,\"interval\":[0.2,null],\"baseline\":0,\"samples\":7,\"details\":{\
             \"hops\":[{\"service\":\"a \\\"b\\\"\\\\\\n\\u0001é\",\"inner\":[{}]},{\"ms\":1.5,\"none\":null}],\
             \"since\":\"1970-01-01T00:00:00Z\",\"names\":[\"x\",\"y\"],\"count\":18446744073709551615,\"took\":-3},\
             \"caveats\":[\"sampled\"]}"
        );
    }

    #[test]
    fn evidence_without_details_is_short() {
        let shown = evidence(&Evidence { measure: 1.0, threshold: 2.0, samples: 3, ..Evidence::default() });
        assert_eq!(shown, "{\"measure\":1,\"threshold\":2,\"samples\":3}");
    }
}
