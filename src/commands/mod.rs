//! One module per command.

mod config;
mod demo;
mod findings;
mod flow;
mod graph;
mod import;
mod load;
mod serve;
mod sql;
mod trace;

pub(crate) use config::{config_check, config_reference};
pub(crate) use demo::demo;
pub(crate) use findings::findings;
pub(crate) use flow::flow;
pub(crate) use graph::graph;
pub(crate) use import::import;
pub(crate) use load::load;
pub(crate) use serve::serve;
pub(crate) use sql::sql;
pub(crate) use trace::trace;

use std::collections::BTreeMap;

use anyhow::Context;

use crate::{
    cli::{Failure, ServeArgs},
    config::{Config, Sources, load as load_configuration},
};

/// The process's environment; variables that are not UTF-8 cannot be ours.
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The configuration that flags, environment and file give together.
fn configuration(args: &ServeArgs, environment: &BTreeMap<String, String>) -> anyhow::Result<Config> {
    let mut flags = Vec::new();
    for pair in &args.set {
        let (key, value) =
            pair.split_once('=').ok_or_else(|| Failure::Usage(format!("--set {pair}: expected KEY=VALUE")))?;
        flags.push((key.to_owned(), value.to_owned(), "--set".to_owned()));
    }
    let named = [
        ("data_dir", &args.data_dir, "--data-dir"),
        ("otlp.grpc.address", &args.otlp_grpc, "--otlp-grpc"),
        ("otlp.http.address", &args.otlp_http, "--otlp-http"),
        ("http.address", &args.http, "--http"),
        ("addresses_file", &args.addresses_file, "--addresses-file"),
    ];
    for (key, value, flag) in named {
        if let Some(value) = value {
            flags.push((key.to_owned(), value.clone(), flag.to_owned()));
        }
    }
    if args.insecure {
        flags.push(("insecure".to_owned(), "true".to_owned(), "--insecure".to_owned()));
    }
    let sources = Sources { file: args.config.clone(), environment: environment.clone(), flags };
    load_configuration(&sources).map_err(|problems| Failure::Usage(problems.to_string()).into())
}

/// A runtime for the work of a command.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}

/// `text` as a literal of SQL.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Prints a line of a command's result. A reader that went away ends the command quietly.
fn say(line: std::fmt::Arguments<'_>) -> anyhow::Result<()> {
    use std::io::Write;
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
