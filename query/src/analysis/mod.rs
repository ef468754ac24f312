//! The analysis over stored spans: graphs, critical paths, findings.

mod slices;
