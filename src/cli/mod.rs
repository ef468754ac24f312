//! The command line: definitions, dispatch and exit codes.

mod args;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

pub(crate) use args::{
    Cli, Command, ConfigCommand, DemoArgs, FindingsArgs, FlowArgs, GraphArgs, ImportArgs, LoadArgs, LoadProtocol,
    OutputFormat, ServeArgs, SqlArgs, TraceArgs,
};

use crate::commands;

/// A statement, a configuration or an argument is wrong.
const EXIT_USAGE: u8 = 2;
/// A server could not be reached.
const EXIT_CONNECTION: u8 = 3;

/// A failure with an exit code of its own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Connection(String),
}

/// Runs the command that the process was started with.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            match error.downcast_ref::<Failure>() {
                Some(Failure::Usage(_)) => ExitCode::from(EXIT_USAGE),
                Some(Failure::Connection(_)) => ExitCode::from(EXIT_CONNECTION),
                None => ExitCode::FAILURE,
            }
        }
    }
}

fn dispatch(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Serve(args) => commands::serve(&args),
        Command::Demo(args) => commands::demo(&args),
        Command::Import(args) => commands::import(&args),
        Command::Sql(args) => commands::sql(&args),
        Command::Trace(args) => commands::trace(&args),
        Command::Flow(args) => commands::flow(&args),
        Command::Graph(args) => commands::graph(&args),
        Command::Findings(args) => commands::findings(&args),
        Command::Load(args) => commands::load(&args),
        Command::Config(ConfigCommand::Check { config }) => commands::config_check(config.as_deref()),
        Command::Config(ConfigCommand::Reference) => commands::config_reference(),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "spandrel", &mut std::io::stdout());
            Ok(())
        }
    }
}

#[expect(clippy::print_stderr, reason = "the last word of a command that failed")]
fn report(error: &anyhow::Error) {
    eprintln!("spandrel: {error:#}");
}
