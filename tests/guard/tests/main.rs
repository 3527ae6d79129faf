//! Attacks on the parts in this process: corpora of the fuzz targets, spoilt requests, hostile strings. Not here: the
//! whole program (`tests/it`).

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod asked;
mod corpora;
mod fed;
mod locks;
mod mutants;
mod page;
mod replicas;
mod roles;
mod routes;
mod sinks;
