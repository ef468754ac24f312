//! Levels of all loggers to the severity numbers of OpenTelemetry: 1 trace, 5 debug, 9 info, 13 warn, 17 error, 21 fatal,
//! and three steps above each.

/// What a number under the key of a level counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Levels {
    /// Not known: the ranges of the others hardly meet, so that the number tells.
    Guess,
    /// pino and bunyan: 10 trace to 60 fatal.
    Pino,
    /// Syslog and GELF: 0 emergency to 7 debug.
    Syslog,
    /// logback's `level_value`: 5000 trace to 40000 error.
    Logback,
    /// Python: 10 debug to 50 critical.
    Python,
    /// Google Cloud: 100 debug to 800 emergency.
    Google,
    /// OpenTelemetry's own.
    Otel,
}

impl Levels {
    pub(crate) fn severity(self, number: i64) -> Option<i32> {
        let severity = match (self, number) {
            (Levels::Guess, 0..=7) => return Levels::Syslog.severity(number),
            (Levels::Guess, 10..=69) => return Levels::Pino.severity(number),
            (Levels::Guess, 100..=800) => return Levels::Google.severity(number),
            (Levels::Guess, _) => return Levels::Logback.severity(number),
            (Levels::Pino, 1..=19) => 1,
            (Levels::Pino, 20..=29) => 5,
            (Levels::Pino, 30..=39) => 9,
            (Levels::Pino, 40..=49) => 13,
            (Levels::Pino, 50..=59) => 17,
            (Levels::Pino, 60..) => 21,
            // The mapping of syslog in OpenTelemetry's data model.
            (Levels::Syslog, 0..=7) => [21, 19, 18, 17, 13, 10, 9, 5][number as usize],
            (Levels::Logback, 1_000..10_000) => 1,
            (Levels::Logback, 10_000..20_000) => 5,
            (Levels::Logback, 20_000..30_000) => 9,
            (Levels::Logback, 30_000..40_000) => 13,
            (Levels::Logback, 40_000..50_000) => 17,
            (Levels::Logback, 50_000..=60_000) => 21,
            (Levels::Python, 1..=9) => 1,
            (Levels::Python, 10..=19) => 5,
            (Levels::Python, 20..=29) => 9,
            (Levels::Python, 30..=39) => 13,
            (Levels::Python, 40..=49) => 17,
            (Levels::Python, 50..) => 21,
            (Levels::Google, 100..200) => 5,
            (Levels::Google, 200..300) => 9,
            (Levels::Google, 300..400) => 10,
            (Levels::Google, 400..500) => 13,
            (Levels::Google, 500..600) => 17,
            (Levels::Google, 600..700) => 21,
            (Levels::Google, 700..800) => 22,
            (Levels::Google, 800..) => 24,
            (Levels::Otel, 1..=24) => return i32::try_from(number).ok(),
            _ => return None,
        };
        Some(severity)
    }
}

/// The severity that a level's text names: a word in any case and any of its short forms, with the distance that Go's
/// slog puts behind it (`ERROR+2`), or a number.
pub(crate) fn of_text(text: &str, levels: Levels) -> Option<i32> {
    let text = text.trim();
    if let Ok(number) = text.parse()
        && !text.starts_with('+')
    {
        return levels.severity(number);
    }
    if let Some(severity) = of_word(text) {
        return Some(severity);
    }
    let sign = text.find(['+', '-'])?;
    let distance: i32 = text[sign..].parse().ok()?;
    Some(of_word(&text[..sign])?.saturating_add(distance).clamp(1, 24))
}

/// The severity that a word names.
pub(crate) fn of_word(word: &str) -> Option<i32> {
    let mut lower = [0; 16];
    let lower = lower.get_mut(..word.len())?;
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    let severity = match &*lower {
        b"trace" | b"trc" | b"t" | b"verbose" | b"vrb" | b"v" | b"finest" | b"silly" | b"all" => 1,
        b"finer" => 3,
        b"debug" | b"dbg" | b"dbug" | b"d" | b"fine" | b"debu" => 5,
        b"config" => 7,
        b"info" | b"information" | b"informational" | b"inf" | b"i" | b"http" | b"default" => 9,
        b"notice" | b"success" => 10,
        b"warn" | b"warning" | b"wrn" | b"w" => 13,
        b"error" | b"err" | b"e" | b"eror" | b"erro" | b"fail" | b"severe" => 17,
        b"fatal" | b"ftl" | b"f" | b"critical" | b"crit" | b"crt" | b"c" | b"panic" | b"dpanic" | b"fata" => 21,
        b"alert" => 22,
        b"emerg" | b"emergency" => 24,
        _ => return None,
    };
    Some(severity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_has_its_number() {
        for (words, expected) in [
            ("trace TRACE verbose Verbose VRB", 1),
            ("DEBUG debug dbg FINE DEBUG+0", 5),
            ("info INFO Information inf", 9),
            ("notice", 10),
            ("warn WARNING Warning WRN warning", 13),
            ("error ERROR err ERR E SEVERE Error", 17),
            ("ERROR+2", 19),
            ("DEBUG-4", 1),
            ("INFO+1", 10),
            ("fatal FATAL Critical crit panic dpanic", 21),
            ("alert", 22),
            ("emerg EMERGENCY", 24),
        ] {
            for word in words.split(' ') {
                assert_eq!(of_text(word, Levels::Guess), Some(expected), "{word}");
            }
        }
        for word in ["", "information!", "audit", "ERROR+x", "+2", "a word much longer than any level"] {
            assert_eq!(of_text(word, Levels::Guess), None, "{word}");
        }
    }

    #[test]
    fn numbers_are_read_by_who_wrote_them_and_else_by_their_size() {
        for (levels, number, expected) in [
            (Levels::Pino, 30, Some(9)),
            (Levels::Pino, 35, Some(9)),
            (Levels::Python, 30, Some(13)),
            (Levels::Syslog, 3, Some(17)),
            (Levels::Logback, 20_000, Some(9)),
            (Levels::Google, 500, Some(17)),
            (Levels::Otel, 19, Some(19)),
            (Levels::Otel, 25, None),
            (Levels::Guess, 6, Some(9)),
            (Levels::Guess, 50, Some(17)),
            (Levels::Guess, 40_000, Some(17)),
            (Levels::Guess, 8, None),
            (Levels::Guess, -1, None),
            (Levels::Guess, i64::MAX, None),
        ] {
            assert_eq!(levels.severity(number), expected, "{levels:?} {number}");
        }
    }
}
