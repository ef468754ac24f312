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

/// Freed memory goes back to the system within a second, by a thread of its own, and threads share few arenas: what the
/// process holds stays near what its bounds allow.
#[expect(unsafe_code, reason = "jemalloc finds its settings under this name")]
#[unsafe(export_name = "_rjem_malloc_conf")]
static MALLOC_CONF: &[u8] = b"background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0,narenas:4\0";
