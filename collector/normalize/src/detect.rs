//! Which format the lines of a source are in.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::{
    format::{Format, FormatError, FormatOptions, Found, LineContext, LineError, LineReason},
    record::Output,
    registry,
};

/// Lines that are looked at.
pub const SAMPLE_LINES: usize = 64;
/// Of the lines, the part in percent that a format has to read to be chosen.
const ENOUGH_PERCENT: usize = 80;

/// What detection found.
#[derive(Debug, Clone)]
pub struct Detected {
    /// Reads the source's lines: those of the chosen format, and others that were seen among them.
    pub format: Arc<Auto>,
    /// Name of the chosen format.
    pub chosen: &'static str,
    /// Lines of the sample, blank ones left out, and how many of them the chosen format reads.
    pub lines: usize,
    pub read: usize,
    /// Names of the formats that read the other lines.
    pub others: Vec<&'static str>,
}

impl std::fmt::Display for Detected {
    /// Says what was chosen and why.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}, which reads {} of the first {} lines", self.chosen, self.read, self.lines)?;
        if !self.others.is_empty() {
            write!(formatter, "; the others are read as {}", self.others.join(", "))?;
        }
        Ok(())
    }
}

/// Reads lines as the format that was detected; lines that it does not read, as one of the others of the sample.
#[derive(Debug)]
pub struct Auto {
    name: &'static str,
    /// In the order in which they are tried.
    formats: Vec<Arc<dyn Format>>,
    /// Takes what no format reads, in logs of applications; among access records such lines are refused.
    text: Option<Arc<dyn Format>>,
}

impl Format for Auto {
    fn name(&self) -> &'static str {
        self.name
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        let mut first_error = None;
        for format in &self.formats {
            match format.parse(line, context, output) {
                Ok(()) => return Ok(()),
                Err(error) => {
                    output.requests.clear();
                    output.logs.clear();
                    if error.reason == LineReason::Json || first_error.is_none() {
                        first_error = Some(error);
                    }
                }
            }
        }
        match (first_error, &self.text) {
            (Some(error), Some(_)) if error.reason == LineReason::Json && looks_like_json(line) => Err(error),
            (_, Some(text)) => text.parse(line, context, output),
            (Some(error), None) => Err(error),
            (None, None) => Err(LineError::new(LineReason::Format, "no format is known for the line")),
        }
    }
}

/// Whether a line was to be an object, and is no text that happens to begin with a brace.
fn looks_like_json(line: &str) -> bool {
    line.trim_start().strip_prefix('{').is_some_and(|rest| rest.trim_start().starts_with(['"', '}']))
}

/// What a candidate makes of the sample.
struct Trial<'c> {
    format: &'c Arc<dyn Format>,
    reads: Vec<bool>,
    gives_requests: bool,
}

impl<'c> Trial<'c> {
    fn new(format: &'c Arc<dyn Format>, sample: &[&str], context: &LineContext<'_>) -> Self {
        let mut gives_requests = false;
        let reads = sample.iter().map(|line| {
            let mut output = Output::default();
            let is_read = format.parse(line, context, &mut output).is_ok();
            gives_requests |= is_read && !output.requests.is_empty();
            is_read
        });
        let reads = reads.collect();
        Self { format, reads, gives_requests }
    }

    fn read(&self) -> usize {
        self.reads.iter().filter(|is_read| **is_read).count()
    }
}

/// Finds the format of lines, the first ones of their source. Of the candidates, which come most specific first, the
/// first that reads nearly all lines is chosen; where none does, the one that reads half of them or more, `json` first;
/// else `text`.
///
/// # Errors
/// When `json` or `text`, which any lines may turn out to be, cannot be used with the options.
pub fn detect(
    candidates: &[Arc<dyn Format>],
    lines: &[&str],
    context: &LineContext<'_>,
    options: &FormatOptions,
) -> Result<Detected, FormatError> {
    let lines = lines.iter().map(|line| line.trim_end()).filter(|line| !line.is_empty());
    let sample: Vec<&str> = lines.take(SAMPLE_LINES).collect();
    let trials: Vec<Trial<'_>> = candidates.iter().map(|format| Trial::new(format, &sample, context)).collect();
    let json = registry::format("json", options)?;
    let text = registry::format("text", options)?;
    let json_trial = Trial::new(&json, &sample, context);

    let enough = |trial: &&Trial<'_>| !sample.is_empty() && trial.read() * 100 >= sample.len() * ENOUGH_PERCENT;
    let mostly = || {
        let most = trials.iter().rev().max_by_key(|trial| trial.read())?;
        (most.read() > 0 && most.read() * 2 >= sample.len()).then_some(most)
    };
    let mostly_json = || Some(&json_trial).filter(|trial| trial.read() > 0 && trial.read() * 2 >= sample.len());
    let chosen = trials.iter().find(enough).or_else(mostly_json).or_else(mostly);

    let mut formats: Vec<Arc<dyn Format>> = chosen.iter().map(|trial| Arc::clone(trial.format)).collect();
    let mut unread = chosen.map_or_else(|| vec![true; sample.len()], |trial| trial.reads.iter().map(|r| !r).collect());
    let mut others = Vec::new();
    for trial in &trials {
        let is_chosen = chosen.is_some_and(|chosen| chosen.format.name() == trial.format.name());
        if !is_chosen && unread.iter().zip(&trial.reads).any(|(unread, is_read)| *unread && *is_read) {
            unread.iter_mut().zip(&trial.reads).for_each(|(unread, is_read)| *unread &= !is_read);
            others.push(trial.format.name());
            formats.push(Arc::clone(trial.format));
        }
    }
    let gives_requests = chosen.is_some_and(|trial| trial.gives_requests);
    if !gives_requests && formats.iter().all(|format| format.name() != json.name()) {
        formats.push(Arc::clone(&json));
    }
    let (name, read) = chosen.map_or((text.name(), sample.len()), |trial| (trial.format.name(), trial.read()));
    let text = if gives_requests { None } else { Some(text) };
    Ok(Detected { chosen: name, lines: sample.len(), read, others, format: Arc::new(Auto { name, formats, text }) })
}

/// The format of a source whose configuration leaves it to be found: `auto`. It is found from the first
/// [`SAMPLE_LINES`] lines; while there were fewer, each batch is looked at again.
#[derive(Debug)]
struct ToBeFound {
    candidates: Vec<Arc<dyn Format>>,
    options: FormatOptions,
    found: OnceLock<Arc<dyn Format>>,
    last_said: Mutex<String>,
}

/// `auto`
///
/// # Errors
/// When a candidate cannot be used with the options.
pub fn auto(options: &FormatOptions) -> Result<Arc<dyn Format>, FormatError> {
    if options.log_format.is_some() || options.escape.is_some() {
        return Err(FormatError("log_format and escape are of one format; name it instead of auto".to_owned()));
    }
    Ok(Arc::new(ToBeFound {
        candidates: registry::candidates(options)?,
        options: options.clone(),
        found: OnceLock::new(),
        last_said: Mutex::default(),
    }))
}

impl Format for ToBeFound {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn parse<'a>(&self, line: &'a str, context: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
        match self.find(&[line], context) {
            Some(format) => format.parse(line, context, output),
            None => Err(LineError::new(LineReason::Format, "no format is known for the line")),
        }
    }

    fn found(&self) -> Found {
        self.found.get().map_or(Found::NotYet, |format| Found::Is(Arc::clone(format)))
    }

    fn find(&self, lines: &[&str], context: &LineContext<'_>) -> Option<Arc<dyn Format>> {
        let detected = detect(&self.candidates, lines, context, &self.options).ok()?;
        if detected.lines >= SAMPLE_LINES {
            let _ = self.found.set(Arc::clone(&detected.format) as Arc<dyn Format>);
        }
        let said = detected.to_string();
        let mut last_said = self.last_said.lock().unwrap_or_else(PoisonError::into_inner);
        if detected.lines > 0 && *last_said != said {
            tracing::info!(service = context.service, "format found: {said}");
            *last_said = said;
        }
        Some(detected.format)
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::record::RequestRecord;

    /// Stands for a gateway's format: `GET <path> <status>`.
    #[derive(Debug)]
    struct Access;

    impl Format for Access {
        fn name(&self) -> &'static str {
            "access"
        }

        fn parse<'a>(&self, line: &'a str, _: &LineContext<'a>, output: &mut Output<'a>) -> Result<(), LineError> {
            if !line.starts_with("GET ") {
                return Err(LineError::new(LineReason::Format, "not an access record"));
            }
            output.requests.push(RequestRecord::new("access"));
            Ok(())
        }
    }

    fn candidates() -> Vec<Arc<dyn Format>> {
        let mut candidates: Vec<Arc<dyn Format>> = vec![Arc::new(Access)];
        candidates.extend(registry::candidates(&FormatOptions::default()).unwrap());
        candidates
    }

    fn detected(lines: &[&str]) -> Detected {
        let zone = TimeZone::UTC;
        let context = crate::app::test_context(&zone);
        detect(&candidates(), lines, &context, &FormatOptions::default()).unwrap()
    }

    /// Numbers of requests and logs that a line becomes, or why it becomes none.
    fn parse(detected: &Detected, line: &str) -> Result<(usize, usize), LineReason> {
        let zone = TimeZone::UTC;
        let mut output = Output::default();
        detected.format.parse(line, &crate::app::test_context(&zone), &mut output).map_err(|error| error.reason)?;
        Ok((output.requests.len(), output.logs.len()))
    }

    #[test]
    fn the_first_lines_tell_the_format() {
        let spring = "2022-08-22T05:18:20.000Z INFO 1 --- [main] c.e.App : up";
        for (lines, chosen, others) in [
            (vec!["GET / 200"], "access", vec![]),
            (vec!["GET / 200", "GET / 200", "GET / 200", "GET / 200", "{\"msg\":\"a\"}"], "access", vec!["json"]),
            (vec!["{\"msg\":\"a\"}"], "json", vec![]),
            (vec![spring, ""], "spring", vec![]),
            (vec!["I0822 05:18:20.000000 1 a.go:1] x"], "klog", vec![]),
            (vec!["level=info msg=a"], "logfmt", vec![]),
            (vec!["starting", "{\"msg\":\"a\"}"], "json", vec![]),
            (vec!["a", "b", "{\"msg\":\"a\"}", spring], "text", vec!["spring", "json"]),
            (vec!["a", "b"], "text", vec![]),
            (vec![], "text", vec![]),
        ] {
            let found = detected(&lines);
            assert_eq!((found.chosen, found.others.clone()), (chosen, others), "{lines:?}");
            assert_eq!(found.format.name(), chosen);
        }
        let said = detected(&["GET / 200", "GET / 200", "GET / 200", "GET / 200", "{}"]).to_string();
        assert_eq!(said, "access, which reads 4 of the first 5 lines; the others are read as json");
    }

    #[test]
    fn other_lines_cost_themselves_or_are_text() {
        let app = detected(&["{\"msg\":\"a\"}"]);
        assert_eq!(parse(&app, "npm start"), Ok((0, 1)));
        assert_eq!(parse(&app, "{braces} in a text"), Ok((0, 1)));
        assert_eq!(parse(&app, "{\"msg\":\"a"), Err(LineReason::Json));
        let text = detected(&["a"]);
        assert_eq!(parse(&text, "{\"msg\":\"a\"}"), Ok((0, 1)));
        assert_eq!(parse(&text, "{\"msg\":"), Err(LineReason::Json));
        let gateway = detected(&["GET / 200"]);
        assert_eq!(parse(&gateway, "what"), Err(LineReason::Format));
        assert_eq!(parse(&gateway, "GET / 200"), Ok((1, 0)));
    }
}
