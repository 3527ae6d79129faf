//! What `shipgate run-command FOLDER` does: executes one command, keeps its log, writes how it ended. It is a process
//! of its own, so that a deploy survives the end of the bot. Not here: deciding what is executed.

use super::folder::{Folder, Order, Outcome, Stage};
use crate::text::{inert, without_terminal_codes};
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::File;
use std::io::{self, PipeReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

const LOOK: Duration = Duration::from_millis(100);
/// How long a command may take to stop before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long output is still read after the command ended: what it left in the background may hold the pipe open.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// What of a log is kept from its beginning, and from its end.
const KEPT_START: usize = 8 * 1024 * 1024;
const KEPT_END: usize = 64 * 1024;
const MOST_STAGES: usize = 100;

/// Runs the command that the folder orders, to its end. The folder's lock comes in as standard input.
#[must_use]
pub fn main(folder: &Path) -> ExitCode {
    let folder = Folder(folder.to_owned());
    let Ok(order) = folder.order() else { return ExitCode::from(2) };
    let started = now();
    let (code, stopped, error) = match execute(&folder, &order) {
        Ok((status, stopped)) => (status.code(), stopped, None),
        Err(error) => (None, false, Some(inert(&error.to_string(), 300))),
    };
    let outcome = Outcome { code, stopped, error, started, ended: now() };
    match folder.write_outcome(&outcome) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The machine's time: a supervisor is a process of its own and has no other.
pub(super) fn now() -> Timestamp {
    Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn execute(folder: &Folder, order: &Order) -> io::Result<(ExitStatus, bool)> {
    let log = File::options().create(true).append(true).open(folder.log_path())?;
    let (reader, writer) = io::pipe()?;
    let [program, arguments @ ..] = order.plan.command.as_slice() else {
        return Err(io::Error::other("the command is empty"));
    };
    // A program with a slash is meant from the folder in which it runs, also before that folder is entered.
    let program = if program.contains('/') { order.cwd.join(program) } else { program.into() };
    let mut command = Command::new(&program);
    command
        .args(arguments)
        .current_dir(&order.cwd)
        .stdin(Stdio::inherit())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0);
    let child = command.spawn().map_err(|error| {
        io::Error::other(format!("the command {} could not be started: {error}", program.display()))
    })?;
    // The command holds the writing ends of the pipe too; ours must go, or reading never ends.
    drop(command);
    let (done, is_done) = channel();
    let copied = Folder(folder.0.clone());
    thread::spawn(move || {
        let _ = copy(reader, log, &copied);
        let _ = done.send(());
    });
    wait(folder, child, &is_done)
}

fn wait(folder: &Folder, mut child: Child, output_done: &Receiver<()>) -> io::Result<(ExitStatus, bool)> {
    let group = Pid::from_child(&child);
    let mut asked: Option<Instant> = None;
    let mut is_killed = false;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        match asked {
            None if folder.stop_path().exists() => {
                asked = Some(Instant::now());
                let _ = kill_process_group(group, Signal::TERM);
            }
            Some(at) if !is_killed && at.elapsed() >= PATIENCE => {
                is_killed = true;
                let _ = kill_process_group(group, Signal::KILL);
            }
            _ => thread::sleep(LOOK),
        }
    };
    if asked.is_some() {
        // The command has gone; what it started and did not wait for goes with it.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = output_done.recv_timeout(LAST_WORDS);
    Ok((status, asked.is_some()))
}

/// Copies output into the log and notes stages. Past the limit only the end is kept.
fn copy(mut from: PipeReader, mut log: File, folder: &Folder) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    let (mut written, mut skipped) = (0, 0);
    let mut end: Vec<u8> = Vec::new();
    let mut lines = Lines::default();
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = &buffer[..count];
        lines.feed(bytes, |name| folder.add_stage(&Stage { name, at: now() }))?;
        let kept = bytes.len().min(KEPT_START - written);
        log.write_all(&bytes[..kept])?;
        written += kept;
        end.extend_from_slice(&bytes[kept..]);
        let too_much = end.len().saturating_sub(KEPT_END);
        skipped += too_much;
        end.drain(..too_much);
    }
    if skipped > 0 {
        writeln!(log, "\n[{skipped} bytes are left out here]")?;
    }
    log.write_all(&end)?;
    log.sync_all()
}

/// Finds `::stage NAME` lines in output that comes in pieces.
#[derive(Default)]
struct Lines {
    line: Vec<u8>,
    found: usize,
}

impl Lines {
    fn feed(&mut self, bytes: &[u8], mut stage: impl FnMut(String) -> io::Result<()>) -> io::Result<()> {
        for byte in bytes {
            if *byte != b'\n' {
                if self.line.len() < 300 {
                    self.line.push(*byte);
                }
                continue;
            }
            let line = without_terminal_codes(&String::from_utf8_lossy(&self.line));
            self.line.clear();
            let name = line.trim().strip_prefix("::stage ").map(|name| inert(name, 60));
            if let Some(name) = name.filter(|name| !name.is_empty() && self.found < MOST_STAGES) {
                self.found += 1;
                stage(name)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_found_in_output_that_comes_in_pieces() {
        let (mut lines, mut names) = (Lines::default(), Vec::new());
        for piece in ["::sta", "ge Build\nnoise ::stage No\n::stage \n", "::stage De", "ploy now\r\n"] {
            lines
                .feed(piece.as_bytes(), |name| {
                    names.push(name);
                    Ok(())
                })
                .unwrap();
        }
        assert_eq!(names, ["Build", "Deploy now"]);
    }
}
