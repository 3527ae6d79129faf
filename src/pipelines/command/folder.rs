//! The folder of a run: what is in it and how it is read. Not here: starting or supervising a run.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shipgate_domain::run::RunPlan;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// What is to be executed, written before anything is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub plan: RunPlan,
    /// The folder in which the command runs.
    pub cwd: PathBuf,
    pub created: Timestamp,
}

/// How a command ended. Written once, whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Exit code; none when a signal ended the command or it never started.
    pub code: Option<i32>,
    /// Whether it was asked to stop.
    pub stopped: bool,
    /// Why it never started.
    pub error: Option<String>,
    pub started: Timestamp,
    pub ended: Timestamp,
}

/// A stage that the command opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stage {
    pub name: String,
    pub at: Timestamp,
}

/// Whether a run lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// The supervisor or the command is there.
    Alive,
    /// It ended and said how.
    Ended(Outcome),
    /// Nobody is there and nobody said how it ended: the supervisor was killed, or the machine went down.
    Gone,
}

/// One attempt of a run on disk.
#[derive(Clone, Debug)]
pub(super) struct Folder(pub PathBuf);

impl Folder {
    pub fn lock_path(&self) -> PathBuf {
        self.0.join("lock")
    }

    pub fn log_path(&self) -> PathBuf {
        self.0.join("log")
    }

    pub fn stop_path(&self) -> PathBuf {
        self.0.join("stop")
    }

    pub fn order(&self) -> io::Result<Order> {
        read(&self.0.join("order.json"))
    }

    pub fn write_order(&self, order: &Order) -> io::Result<()> {
        self.write("order.json", order)
    }

    pub fn write_outcome(&self, outcome: &Outcome) -> io::Result<()> {
        self.write("result.json", outcome)
    }

    /// Writes a file so that it is there whole or not at all, also after the machine lost power.
    fn write<T: Serialize>(&self, name: &str, value: &T) -> io::Result<()> {
        let part = self.0.join(format!("{name}.part"));
        let mut file = File::create(&part)?;
        file.write_all(&serde_json::to_vec(value)?)?;
        file.sync_all()?;
        fs::rename(part, self.0.join(name))?;
        File::open(&self.0)?.sync_all()
    }

    fn outcome(&self) -> io::Result<Option<Outcome>> {
        match read(&self.0.join("result.json")) {
            Ok(outcome) => Ok(Some(outcome)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the run lives. The result is looked for before and after the lock, for it is written before the lock
    /// is let go.
    pub fn life(&self) -> io::Result<Life> {
        if let Some(outcome) = self.outcome()? {
            return Ok(Life::Ended(outcome));
        }
        match File::open(self.lock_path())?.try_lock_shared() {
            Err(TryLockError::WouldBlock) => return Ok(Life::Alive),
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => {}
        }
        Ok(self.outcome()?.map_or(Life::Gone, Life::Ended))
    }

    /// The stages opened so far, with those lines left out that are not whole yet.
    pub fn stages(&self) -> io::Result<Vec<Stage>> {
        match fs::read_to_string(self.0.join("stages")) {
            Ok(text) => Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    pub fn add_stage(&self, stage: &Stage) -> io::Result<()> {
        let mut line = serde_json::to_vec(stage)?;
        line.push(b'\n');
        File::options().create(true).append(true).open(self.0.join("stages"))?.write_all(&line)
    }

    /// At most `most` bytes of the log from `offset`.
    pub fn log_from(&self, offset: u64, most: u64) -> io::Result<Vec<u8>> {
        let mut file = match File::open(self.log_path()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The end of the log as text.
    pub fn log_end(&self, most: u64) -> io::Result<String> {
        let length = fs::metadata(self.log_path()).map_or(0, |data| data.len());
        let bytes = self.log_from(length.saturating_sub(most), most)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}
