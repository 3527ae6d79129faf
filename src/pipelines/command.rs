//! Commands of this machine as a CI system, and its Git repositories as a code host. Not here: who may run them.
//!
//! A run is a folder. It is put in its place with one rename, which fails when the place is taken: that is what makes
//! two sends one run. A held file lock says that the run lives; it is handed to the supervisor and to the command as
//! their standard input, so it lasts exactly as long as one of them does, and no process id is ever trusted.
//!
//! - A line `::stage NAME` in the output opens a stage: `::stage Build`, `::stage Deploy`, `::stage Verify`.
//! - The command gets `PATH`, `HOME`, `LANG`, `SHIPGATE_DEPLOY`, `SHIPGATE_SHA` and, when the service's inputs name
//!   `environment` and `version`, `SHIPGATE_ENVIRONMENT` and `SHIPGATE_VERSION`. Nothing else.
//! - A folder has no CI, so it has no checks: environments that command services go to say `checks = "none"`.

mod folder;
mod git;
mod runs;
pub mod supervisor;

use jiff::SignedDuration;
use std::ffi::OsString;
use std::path::PathBuf;

/// How commands are run on this machine.
#[derive(Clone, Debug)]
pub struct CommandSettings {
    /// Where runs are kept: one folder each, with its log and result.
    pub state_dir: PathBuf,
    /// What is put before a run's folder to supervise it: the path of the `shipgate` program and `run-command`.
    pub supervisor: Vec<OsString>,
    /// The `git` program: a name on `PATH`, or a path.
    pub git: PathBuf,
}

/// Commands and Git repositories of this machine.
#[derive(Clone, Debug)]
pub struct CommandPipelines {
    settings: CommandSettings,
}

impl CommandPipelines {
    /// Prepares nothing and runs nothing.
    #[must_use]
    pub fn new(settings: CommandSettings) -> Self {
        Self { settings }
    }
}

/// How long one question to Git may take.
const GIT_ANSWER: SignedDuration = SignedDuration::from_secs(10);
