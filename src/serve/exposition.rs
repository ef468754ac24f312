//! Metric families, and their text form: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::Write;

pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a family's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
}

/// A metric with all its series.
#[derive(Debug, Clone)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    pub(super) samples: Vec<Sample>,
}

/// One series' value.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) value: f64,
}

impl Family {
    pub(super) fn new(kind: Kind, name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind, samples: Vec::new() }
    }

    /// A counter without labels.
    pub(super) fn counter(name: &'static str, help: &'static str, value: u64) -> Self {
        Self::new(Kind::Counter, name, help).with(&[], value as f64)
    }

    /// A gauge without labels.
    pub(super) fn gauge(name: &'static str, help: &'static str, value: f64) -> Self {
        Self::new(Kind::Gauge, name, help).with(&[], value)
    }

    pub(super) fn with(mut self, labels: &[(&'static str, &str)], value: f64) -> Self {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.samples.push(Sample { labels, value });
        self
    }
}

/// The families as text.
pub(super) fn text(families: &[Family]) -> String {
    let mut text = String::new();
    for family in families {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        write(&mut text, format_args!("# HELP {} {}\n# TYPE {} {kind}\n", family.name, family.help, family.name));
        for sample in &family.samples {
            text.push_str(family.name);
            if !sample.labels.is_empty() {
                let labels: Vec<String> =
                    sample.labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
                write(&mut text, format_args!("{{{}}}", labels.join(",")));
            }
            write(&mut text, format_args!(" {}\n", sample.value));
        }
    }
    text
}

fn write(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a string does not fail");
}

fn escape(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_as_the_format_has_it() {
        let families = [
            Family::counter("spandrel_things_total", "Things.", 3),
            Family::new(Kind::Gauge, "spandrel_size_bytes", "Size.").with(&[("table", "a\"b")], 1.5),
        ];
        assert_eq!(
            text(&families),
            "# HELP spandrel_things_total Things.\n# TYPE spandrel_things_total counter\nspandrel_things_total 3\n\
             # HELP spandrel_size_bytes Size.\n# TYPE spandrel_size_bytes gauge\nspandrel_size_bytes{table=\"a\\\"b\"} 1.5\n"
        );
    }
}
