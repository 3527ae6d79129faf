//! The folder of a server: made for one test or shared by all, and gone when nobody uses it. Not here: the server.

use crate::programs::{find, hand_over, unprivileged};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// What watches over a server. It is a program of its own so that it outlives who is killed.
const SUPERVISOR: &str = include_str!("supervise.sh");

/// A server's folder, and proof for its supervisor that somebody uses it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// A shared lock; the system takes it back when this process ends.
    _users: File,
}

impl Folder {
    /// A folder that nobody else knows.
    pub(crate) fn own() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = root().join(format!("shipgate-pg-{}-{count}", std::process::id()));
        // What an earlier process of the same number left behind is over.
        let _ = std::fs::remove_dir_all(&path);
        Self::join(&path).expect("nobody else knows this folder")
    }

    /// The folder that all processes of one run of tests share: those with the same parent.
    pub(crate) fn shared() -> Self {
        let path = root().join(format!("shipgate-pg-run-{}", std::os::unix::process::parent_id()));
        // The supervisor may remove it just before we hold the lock; then the next one is ours.
        std::iter::repeat_with(|| Self::join(&path)).flatten().next().expect("this does not end by itself")
    }

    /// Enters a folder, which is made where it is missing. `None` if it was removed meanwhile.
    fn join(path: &Path) -> Option<Self> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.unwrap_or_else(|error| panic!("cannot make {}: {error}", path.display()));
        let users = path.join("users");
        let file = lock_file(&users)?;
        file.lock_shared().expect("the system has file locks");
        let is_same = std::fs::metadata(&users)
            .is_ok_and(|there| file.metadata().is_ok_and(|ours| ours.ino() == there.ino()));
        if !is_same {
            return None;
        }
        hand_over(path);
        Some(Self { path: path.to_owned(), _users: file })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The result of work that only the first of all processes does.
    pub(crate) fn once(&self, name: &str, work: impl FnOnce() -> String) -> String {
        let file = self.path.join(name);
        let turn = lock_file(&self.path.join(format!("{name}.turn"))).expect("we are inside");
        turn.lock().expect("the system has file locks");
        if let Ok(done) = std::fs::read_to_string(&file) {
            return done;
        }
        let result = work();
        std::fs::write(&file, &result).expect("the folder can be written");
        result
    }

    /// Starts the supervisor, which ends the server and removes the folder so many seconds after the last user left.
    pub(crate) fn supervise(&self, linger_seconds: u32) {
        let mut supervisor = Command::new(find("sh"));
        supervisor.args(["-c", SUPERVISOR, "supervise.sh"]).arg(&self.path).arg(linger_seconds.to_string());
        supervisor.arg(find("pg_ctl")).args(unprivileged());
        // A group of its own: whoever ends the group of a test does not end the supervisor.
        supervisor.process_group(0);
        supervisor.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let started = supervisor.status().expect("a shell can be started");
        assert!(started.success(), "the supervisor of {} does not start: {started}", self.path.display());
    }
}

/// Opens a file to lock, or makes it. `None` if its folder is gone.
fn lock_file(path: &Path) -> Option<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).ok()
}

/// Short enough for the name of a Unix socket, which has 107 bytes at most.
fn root() -> PathBuf {
    let usual = std::env::temp_dir();
    if usual.as_os_str().len() < 60 { usual } else { PathBuf::from("/tmp") }
}
