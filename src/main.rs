//! Wires the adapters together and starts the bot; decides nothing.

mod cli;
mod demo;
mod serve;
mod settings;
mod telemetry;
mod wiring;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    // One TLS provider for every client, before any of them exists.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("shipgate: another TLS provider was installed first");
        return ExitCode::FAILURE;
    }
    cli::run(cli::Cli::parse())
}
