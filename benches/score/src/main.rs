//! `score`: how right the analysis is, as a table.

use std::{
    fs,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use spandrel_score::{
    analyse::{Pace, observe},
    cases::{Case, cases},
    gates::Gate,
    report::{self, SetResults},
    results::Results,
    systems::{Set, System, systems},
};
use spandrel_shop::degrade::degrade;

/// Scores the analysis on simulated systems, clean and degraded, and fails if a score is too low.
#[derive(Debug, Parser)]
struct Options {
    /// Write the page here instead of printing it.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Only degradations whose name has this in it.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Only systems whose name has this in it.
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// Print examples of what was wrong.
    #[arg(long)]
    examples: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let mut sets = Vec::new();
    for set in Set::ALL {
        let of_set = systems().into_iter().filter(|system| system.set == set);
        let of_set: Vec<System> = of_set.filter(|system| contains(&system.name, options.system.as_deref())).collect();
        if !of_set.is_empty() {
            sets.push(score(set, &of_set, options.only.as_deref(), options.examples)?);
        }
    }
    let page = report::page(&sets, options.only.as_deref());
    let mut out = io::stdout().lock();
    match &options.write {
        Some(path) => fs::write(path, page)?,
        None => out.write_all(page.as_bytes())?,
    }
    if options.examples {
        out.write_all(report::examples(&sets).as_bytes())?;
    }
    let gates: Vec<Gate> = sets.iter().flat_map(SetResults::gates).collect();
    let mut missed = gates.iter().filter(|gate| !gate.is_passed()).peekable();
    if missed.peek().is_none() {
        return Ok(ExitCode::SUCCESS);
    }
    for gate in missed {
        writeln!(io::stderr(), "missed: {gate}")?;
    }
    Ok(ExitCode::FAILURE)
}

fn score(set: Set, systems: &[System], only: Option<&str>, verbose: bool) -> anyhow::Result<SetResults> {
    let mut totals: Vec<(Case, Results)> = Vec::new();
    for system in systems {
        let recording = system.record();
        let cases = cases(system.config.seed, system.config.start_time, &recording.leaf, &recording.inner);
        let cases = cases.into_iter().filter(|case| case.is_within(system.extent) && contains(case.name, only));
        for case in cases {
            let observed = observe(&degrade(recording.batches.clone(), &case.knobs), Pace::AtOnce)?;
            let mut results = Results::of(&recording.truth, &observed, &case);
            if system.leaves_out_spans {
                results = Results { findings: results.findings, ..Results::default() };
            }
            if verbose {
                let found = results.findings.summary();
                writeln!(io::stderr(), "{}, {}, {}: {found}", set.as_str(), system.name, case.name)?;
            }
            match totals.iter_mut().find(|(known, _)| known.name == case.name) {
                Some((_, total)) => total.merge(&results),
                None => totals.push((case, results)),
            }
        }
    }
    Ok(SetResults { name: set.as_str(), systems: systems.len(), cases: totals })
}

fn contains(name: &str, part: Option<&str>) -> bool {
    part.is_none_or(|part| name.contains(part))
}
