//! The program: reads the command line; nothing else.

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    // One TLS provider for every client, before any of them exists.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("shipgate: another TLS provider was installed first");
        return ExitCode::FAILURE;
    }
    shipgate::cli::run(shipgate::cli::Cli::parse())
}
