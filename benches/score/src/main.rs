//! `score`: how right the analysis is, as a table.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    num::NonZero,
    panic::resume_unwind,
    path::PathBuf,
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use clap::Parser;
use spandrel_score::{
    analyse::{Pace, observe},
    cases::{Case, cases},
    demo::{Demo, play},
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
    /// Instead, play what `spandrel demo` does, and fail if something is not found at its time, or something else is.
    #[arg(long)]
    demo: bool,
    /// Seconds past the minute when the demo opens.
    #[arg(long, value_name = "SECONDS", default_value_t = Demo::default().opens_at, requires = "demo")]
    opens_at: i64,
    /// All of the demo is there before it is judged.
    #[arg(long, requires = "demo")]
    history: bool,
    /// Print examples of what was wrong.
    #[arg(long)]
    examples: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    if options.demo {
        let Options { opens_at, history: is_history, .. } = options;
        let played = play(&Demo { opens_at, is_history, ..Demo::default() })?;
        write!(io::stdout(), "{played}")?;
        return Ok(if played.is_right() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
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

/// Scores of the systems of a set. They are measured side by side and added up in their order.
fn score(set: Set, systems: &[System], only: Option<&str>, verbose: bool) -> anyhow::Result<SetResults> {
    let next = AtomicUsize::new(0);
    let measured = thread::scope(|scope| {
        let measure = || {
            let mut measured = Vec::new();
            while let Some((number, system)) = {
                let number = next.fetch_add(1, Ordering::Relaxed);
                systems.get(number).map(|system| (number, system))
            } {
                measured.push((number, measure(system, only, verbose)?));
            }
            anyhow::Ok(measured)
        };
        let count = thread::available_parallelism().map_or(1, NonZero::get);
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(measure)).collect();
        let ended = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        ended.collect::<anyhow::Result<Vec<_>>>()
    })?;
    let by_number: BTreeMap<usize, Vec<(Case, Results)>> = measured.into_iter().flatten().collect();
    let mut totals: Vec<(Case, Results)> = Vec::new();
    for (case, results) in by_number.into_values().flatten() {
        match totals.iter_mut().find(|(known, _)| known.name == case.name) {
            Some((_, total)) => total.merge(&results),
            None => totals.push((case, results)),
        }
    }
    Ok(SetResults { name: set.as_str(), systems: systems.len(), cases: totals })
}

/// Scores of one system in each degradation that it goes through.
fn measure(system: &System, only: Option<&str>, verbose: bool) -> anyhow::Result<Vec<(Case, Results)>> {
    let recording = system.record();
    let cases = cases(system.config.seed, system.config.start_time, &recording.leaf, &recording.inner);
    let mut measured = Vec::new();
    for case in cases.into_iter().filter(|case| case.is_within(system.extent) && contains(case.name, only)) {
        let observed = if case.is_clean() {
            observe(&recording.batches, Pace::AtOnce)?
        } else {
            observe(&degrade(recording.batches.clone(), &case.knobs), Pace::AtOnce)?
        };
        let mut results = Results::of(&recording.truth, &observed, &case);
        if case.is_clean()
            && let Some(condition) = system.condition()
        {
            let truths = (&*recording.truth, &system.truth_without_condition());
            results.add_cost(&condition, truths, &observed, &case);
        }
        if system.leaves_out_spans {
            results = Results { findings: results.findings, ..Results::default() };
        }
        if verbose {
            let found = results.findings.summary();
            writeln!(io::stderr(), "{}, {}, {}: {found}", system.set.as_str(), system.name, case.name)?;
        }
        measured.push((case, results));
    }
    Ok(measured)
}

fn contains(name: &str, part: Option<&str>) -> bool {
    part.is_none_or(|part| name.contains(part))
}
