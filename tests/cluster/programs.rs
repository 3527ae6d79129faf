//! The programs of the distribution: where they are, and how to run them as somebody harmless. Not here: what for.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where a program is: in `PATH`, in the folders that Debian keeps out of it, or among the server's.
pub(crate) fn find(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = server_folders();
    folders.extend(std::env::split_paths(&path));
    folders.extend(["/usr/sbin", "/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from));
    folders.into_iter().map(|folder| folder.join(name)).find(|program| program.is_file()).unwrap_or_else(
        || {
            panic!(
                "`{name}` is not on this machine: install PostgreSQL and PgBouncer \
             (Debian: apt-get install postgresql pgbouncer), or run ./test, which does"
            )
        },
    )
}

/// Debian keeps the server's programs by version; the newest comes first.
fn server_folders() -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir("/usr/lib/postgresql") else { return Vec::new() };
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, folder)| folder).collect()
}

/// Whether this process is root, whom PostgreSQL and PgBouncer refuse.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0)
}

/// The unprivileged user and group that servers run as when we are root: the package's own.
fn user() -> (u32, u32) {
    let users = std::fs::read_to_string("/etc/passwd").expect("every system has a list of users");
    let id_of = |name: &str| {
        let mut fields =
            users.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?.split(':');
        Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    id_of("postgres").or_else(|| id_of("nobody")).expect("a system has the user nobody")
}

/// The words to put before a program so that it runs without privileges: none if we have none.
pub(crate) fn unprivileged() -> Vec<String> {
    if !is_root() {
        return Vec::new();
    }
    let (user, group) = user();
    let program = find("setpriv").display().to_string();
    vec![program, format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".into()]
}

/// A command that runs without privileges, hears nothing, and stays away from our folders.
pub(crate) fn command(program: &Path) -> Command {
    let mut words = unprivileged();
    words.push(program.display().to_string());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).current_dir("/").stdin(Stdio::null());
    // Neither the language nor the settings of whoever runs the tests.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PG") || name.starts_with("LC_")) {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C").env("TZ", "UTC");
    command
}

/// Gives a folder or file to the user that servers run as.
pub(crate) fn hand_over(path: &Path) {
    if is_root() {
        let (user, group) = user();
        std::os::unix::fs::chown(path, Some(user), Some(group)).expect("root may give its files away");
    }
}

/// Runs a command to its end, and gives back what it printed.
pub(crate) fn run(command: &mut Command) -> String {
    try_run(command).unwrap_or_else(|why| panic!("{why}"))
}

/// The same, for what may fail.
pub(crate) fn try_run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("cannot run {command:?}: {error}"))?;
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() {
        Ok(said.into_owned())
    } else {
        Err(format!("{command:?} failed ({}):\n{said}{complained}", output.status))
    }
}
