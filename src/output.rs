//! What a command prints. A reader that has seen enough, as `| head` has, is no failure and no panic. Not here: logs
//! (`telemetry`), or any sentence.

use anyhow::Context as _;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

/// How a program ends in a shell that wrote into a pipe which nobody reads any more: 128 and SIGPIPE.
pub const NOBODY_READS: u8 = 141;

/// Prints an answer.
///
/// # Errors
/// It cannot be written, for another reason than that nobody reads it any more.
pub fn print(text: impl Display) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write the answer to standard output")
        }
        _ => Ok(()),
    }
}

/// Tells people something beside the answer: what goes wrong, or how far it is. There is nobody to tell when that
/// cannot be written.
pub fn tell(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether a long answer ended because nobody reads it any more.
pub fn is_unread(error: &anyhow::Error) -> bool {
    let broken = |error: &io::Error| error.kind() == ErrorKind::BrokenPipe;
    error.chain().any(|cause| {
        let in_csv = cause.downcast_ref::<csv::Error>().is_some_and(|error| match error.kind() {
            csv::ErrorKind::Io(error) => broken(error),
            _ => false,
        });
        in_csv || cause.downcast_ref::<io::Error>().is_some_and(broken)
    })
}
