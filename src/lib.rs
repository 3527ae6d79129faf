//! Wires the adapters together and starts the bot; decides nothing. The program in `main.rs` is one call; what tests
//! look into is here. Not here: any rule.

// Both macros panic when nobody reads any more: `output` does not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod anchors;
mod audit;
pub mod cli;
mod database;
mod demo;
mod live;
mod online;
mod outlook;
mod output;
mod reload;
mod selfcheck;
mod serve;
pub mod settings;
pub mod telemetry;
mod wiring;
