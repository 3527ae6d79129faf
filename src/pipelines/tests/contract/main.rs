//! Both adapters against one contract, and each against its own world: a GitHub on a loopback port, real Git
//! repositories and real processes. Not here: the vendors' own descriptions (`tests/world`).

#![allow(clippy::unwrap_used)] // These are tests throughout.

mod budget;
mod commands;
mod dispatch;
mod fake;
mod github;
mod machine;
mod repositories;
mod suite;
mod teams;
mod webhooks;
