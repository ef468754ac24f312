//! The `spandrel` binary: see `ARCHITECTURE.md` for the map.

mod cli;
mod commands;
mod config;
mod serve;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::run()
}
