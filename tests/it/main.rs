//! Tests of the whole binary, from outside: real processes, real sockets, files on disk.
//!
//! Each test starts servers of its own on free ports over its own directory. Nothing sleeps: what takes time is polled
//! for, with a deadline that only a failure reaches.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod architecture;
mod bad_grpc;
mod bad_http;
mod bad_lines;
mod bad_records;
mod bad_sql;
mod commands;
mod configuration;
mod dashboards;
mod flows;
mod harness;
mod imports;
mod kills;
mod limits;
mod online_boutique;
mod overload;
mod restarts;
mod round_trip;
mod sources;
mod surfaces;
mod truth;
