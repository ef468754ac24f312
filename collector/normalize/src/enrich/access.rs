//! Requests inside application logs.
