//! `spandrel config`

use std::path::Path;

use super::{configuration, environment, say};
use crate::{cli::ServeArgs, config::reference};

pub(crate) fn config_check(file: Option<&Path>) -> anyhow::Result<()> {
    let args = ServeArgs { config: file.map(Path::to_owned), ..ServeArgs::default() };
    configuration(&args, &environment())?;
    say(format_args!("the configuration is good"))
}

pub(crate) fn config_reference() -> anyhow::Result<()> {
    use std::io::Write;
    std::io::stdout().write_all(reference().as_bytes())?;
    Ok(())
}
