//! The web page of Spandrel, embedded in the binary, and the handler that serves it.
//!
//! The page is a Svelte application; its sources share this directory (`main.ts`, `App.svelte`, `pages/`, ...).
//! `build.rs` builds it and lays it out for embedding. Nothing is read from disk or another host at run time.
//!
//! Mount it behind every other route: `Router::new().nest("/api/v1", api).fallback(spandrel_ui::handler)`.

mod assets;
mod serve;

pub use serve::{CONTENT_SECURITY_POLICY, handler, router};
