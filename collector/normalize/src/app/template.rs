//! Message templates, as Serilog and .NET write them: `Charged {Amount:0.00} for {@Order}`.

use std::fmt::Write;

use crate::record::Text;

/// The most holes that are filled: each looks through all properties.
const MAX_HOLES: usize = 64;
/// The longest message: a property may be long and stand in many holes.
const MAX_MESSAGE: usize = 64 * 1024;

/// The template with its holes filled from `properties`. `None` where a hole cannot be filled as the library would: it
/// names no property, or one that has members (`{@Order}`), or wants a format that is not among `renderings`; and where the message would be out of all proportion.
pub(crate) fn render(template: &str, properties: &[(Text<'_>, Text<'_>)], renderings: &[Text<'_>]) -> Option<String> {
    let mut message = String::with_capacity(template.len() * 2);
    let mut renderings = renderings.iter();
    let mut rest = template;
    let mut holes = 0;
    while let Some(position) = memchr::memchr2(b'{', b'}', rest.as_bytes()) {
        message.push_str(&rest[..position]);
        let at = &rest[position..];
        if at.starts_with("{{") || at.starts_with("}}") {
            message.push_str(&at[..1]);
            rest = &at[2..];
            continue;
        }
        let (hole, after) = at.strip_prefix('{')?.split_once('}')?;
        rest = after;
        holes += 1;
        if holes > MAX_HOLES || message.len() > MAX_MESSAGE {
            return None;
        }
        let name_end = hole.find([',', ':']).unwrap_or(hole.len());
        if hole[name_end..].contains(':') {
            message.push_str(renderings.next()?);
            continue;
        }
        let name = hole[..name_end].trim_start_matches(['$', '@']);
        let (_, value) = properties.iter().find(|(key, _)| key == name)?;
        match hole[name_end..].strip_prefix(',').map(str::parse::<i32>) {
            None => message.push_str(value),
            Some(Ok(width @ 0..=1000)) => write!(message, "{value:>width$}", width = width as usize).ok()?,
            Some(Ok(width @ -1000..=-1)) => {
                write!(message, "{value:<width$}", width = width.unsigned_abs() as usize).ok()?;
            }
            Some(_) => return None,
        }
    }
    message.push_str(rest);
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_rendered_where_that_is_simple() {
        let properties = [("Id".into(), "7".into()), ("Name".into(), "Ada".into()), ("Order.Sum".into(), "1".into())];
        let renderings = ["7.00".into()];
        for (template, expected) in [
            ("no hole", Some("no hole")),
            ("{Name} has {Id}", Some("Ada has 7")),
            ("{{{Id}}}", Some("{7}")),
            ("{Id,3}|{Id,-3}|", Some("  7|7  |")),
            ("{Id:0.00}", Some("7.00")),
            ("{Id:0.00} {Id:0.00}", None),
            ("{@Order}", None),
            ("{Missing}", None),
            ("{Id", None),
            ("Id}", None),
            ("{Id,99999999}", None),
            (&"{Id}".repeat(65), None),
        ] {
            assert_eq!(render(template, &properties, &renderings).as_deref(), expected, "{template}");
        }
    }
}
