//! The header of glog and klog: `I0822 05:18:20.847000   28133 server.go:70] listening`, with a year in some glogs.

use std::{borrow::Cow, sync::Arc};

use super::{logfmt::Pairs, severity, text_ids};
use crate::{
    format::{Format, FormatError, FormatOptions, LineContext, LineError, LineReason},
    record::{LogRecord, Output},
    time,
};

/// Reads glog and klog.
#[derive(Debug)]
pub struct Klog;

/// The format `klog`.
///
/// # Errors
/// None: all formats are made the same way.
pub fn klog(_: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    Ok(Arc::new(Klog))
}

impl Format for Klog {
    fn name(&self) -> &'static str {
        "klog"
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        let line = line.trim();
        let header = || LineError::new(LineReason::Format, "the line does not begin with klog's header");
        let level = line.get(..1).filter(|level| "IWEFD".contains(level)).ok_or_else(header)?;
        let digits = line[1..].bytes().take_while(u8::is_ascii_digit).count();
        if !matches!(digits, 4 | 8) || !line.contains("] ") && !line.ends_with(']') {
            return Err(header());
        }
        let (date, rest) = line[1..].split_at(digits);
        let (clock, rest) = rest.strip_prefix(' ').and_then(|rest| rest.split_once(' ')).ok_or_else(header)?;
        let (thread, rest) = rest.trim_start().split_once(' ').ok_or_else(header)?;
        let (place, message) = rest.split_once(']').ok_or_else(header)?;
        let (file, number) = place.rsplit_once(':').ok_or_else(header)?;
        if thread.parse::<u64>().is_err() || number.parse::<u64>().is_err() {
            return Err(LineError::new(LineReason::Field, "klog's thread or line is not a number"));
        }
        let time = when(date, clock, context)
            .ok_or_else(|| LineError::new(LineReason::Time, "klog's time is no time of a day of the year"))?;
        let mut log = LogRecord {
            time: Some(time),
            severity_number: severity::of_word(level),
            severity_text: Some(Cow::Borrowed(level)),
            ..LogRecord::default()
        };
        log.attribute("thread.id", thread);
        log.attribute("code.file.path", file);
        log.attribute("code.line.number", number);
        message_of(message.trim_start(), &mut log);
        if let Some(body) = &log.body {
            text_ids::find(body, &mut log.ids);
        }
        output.logs.push(log);
        Ok(())
    }
}

/// `MMDD` in the year nearest to when the line was written, or `YYYYMMDD`.
fn when(date: &str, clock: &str, context: &LineContext<'_>) -> Option<i64> {
    let at =
        |year: &str, day: &str| time::iso8601(&format!("{year}-{}-{}T{clock}", &day[..2], &day[2..]), context.zone);
    if let Some(day) = date.get(4..).filter(|day| !day.is_empty()) {
        return at(&date[..4], day);
    }
    let written = context.written_at();
    let seconds = written.div_euclid(time::NANOS_PER_SECOND);
    let this_year = jiff::Timestamp::from_second(seconds).ok()?.to_zoned(context.zone.clone()).year();
    [this_year - 1, this_year, this_year + 1]
        .into_iter()
        .filter_map(|year| at(&format!("{year:04}"), date))
        .min_by_key(|time| time.abs_diff(written))
}

/// klog's structured form puts the message in quotes and pairs behind it.
fn message_of<'a>(message: &'a str, log: &mut LogRecord<'a>) {
    log.body = Some(Cow::Borrowed(message));
    let Some((text, pairs)) = message.strip_prefix('"').and_then(|rest| rest.split_once("\" ")) else { return };
    let Some(pairs) = Pairs(pairs).collect::<Option<Vec<_>>>() else { return };
    for (key, value) in pairs {
        let value = value.unwrap_or(Cow::Borrowed("true"));
        let before = log.ids.correlation.len();
        if !log.ids.offer(key, &value) || log.ids.correlation.len() > before {
            log.attribute(key, value);
        }
    }
    log.body = Some(Cow::Borrowed(text));
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::app::text::tests::{attribute, context, read};

    #[test]
    fn headers_are_read_and_others_refused() {
        let zone = TimeZone::UTC;
        let context = context(&zone);
        let log = read(&Klog, "  W0822 05:17:59.692994   28133 a/klog.go:70] [x] slow", &context).unwrap();
        assert_eq!(log.time, Some(1_661_145_479_692_994_000));
        assert_eq!((log.severity_number, log.body.as_deref()), (Some(13), Some("[x] slow")));
        assert_eq!(attribute(&log, "thread.id"), Some("28133"));
        assert_eq!(attribute(&log, "code.file.path"), Some("a/klog.go"));
        assert_eq!(attribute(&log, "code.line.number"), Some("70"));

        let glog = read(&Klog, "E20210131 14:48:54.411655 15520 main.c++:9] Hello world!", &context).unwrap();
        assert_eq!(glog.time, Some(1_612_104_534_411_655_000));

        let structured = r#"I0101 00:00:01.5 1 c.go:1] "Pod status updated" pod="kube-system/dns" status=ready"#;
        let log = read(&Klog, structured, &context).unwrap();
        assert_eq!(log.body.as_deref(), Some("Pod status updated"));
        assert_eq!((attribute(&log, "pod"), attribute(&log, "status")), (Some("kube-system/dns"), Some("ready")));

        for (line, reason) in [
            ("not a klog line", LineReason::Format),
            ("X0505 17:59:40.692994   28133 klog.go:70] hello", LineReason::Format),
            ("I0000 17:59:40.692994   28133 klog.go:70] hello", LineReason::Time),
            ("I0505 17:59:40.692994   99999999999999999999999 klog.go:70] hello", LineReason::Field),
            ("I", LineReason::Format),
            ("é0505", LineReason::Format),
        ] {
            assert_eq!(read(&Klog, line, &context).unwrap_err().reason, reason, "{line}");
        }
    }
}
