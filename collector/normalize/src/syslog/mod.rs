//! Syslog: the header of a message, in the forms of RFC 3164 and RFC 5424 and what servers make of them.

mod format;
mod header;
mod structured_data;

#[cfg(test)]
mod tests;

pub use format::SyslogFormat;
pub use structured_data::{Parameter, StructuredData};

use jiff::tz::TimeZone;

/// A message, its header read. Everything is borrowed from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SyslogMessage<'a> {
    /// 0 to 23.
    pub facility: Option<u8>,
    /// 0 (emergency) to 7 (debug).
    pub severity: Option<u8>,
    /// Nanoseconds since the Unix epoch.
    pub time: Option<i64>,
    pub host: Option<&'a str>,
    /// Tag of RFC 3164, app-name of RFC 5424.
    pub program: Option<&'a str>,
    pub pid: Option<&'a str>,
    pub message_id: Option<&'a str>,
    pub structured_data: StructuredData<'a>,
    pub message: &'a str,
}

impl<'a> SyslogMessage<'a> {
    /// Reads a message. Times without zone are in `zone`, times without year in the year that brings them nearest to
    /// `near`. `None` for what begins neither with a priority nor with a time.
    pub fn parse(text: &'a str, zone: &TimeZone, near: i64) -> Option<Self> {
        header::parse(text, zone, near)
    }

    /// The severity as OpenTelemetry numbers it (its logs data model, appendix B).
    pub fn severity_number(&self) -> Option<i32> {
        Some(match self.severity? {
            0 => 21,
            1 => 19,
            2 => 18,
            3 => 17,
            4 => 13,
            5 => 10,
            6 => 9,
            _ => 5,
        })
    }

    /// The severity by its keyword.
    pub fn severity_text(&self) -> Option<&'static str> {
        const KEYWORDS: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
        KEYWORDS.get(usize::from(self.severity?)).copied()
    }

    /// The facility by its keyword.
    pub fn facility_text(&self) -> Option<&'static str> {
        const KEYWORDS: [&str; 24] = [
            "kern",
            "user",
            "mail",
            "daemon",
            "auth",
            "syslog",
            "lpr",
            "news",
            "uucp",
            "cron",
            "authpriv",
            "ftp",
            "ntp",
            "security",
            "console",
            "solaris-cron",
            "local0",
            "local1",
            "local2",
            "local3",
            "local4",
            "local5",
            "local6",
            "local7",
        ];
        KEYWORDS.get(usize::from(self.facility?)).copied()
    }
}
