//! The program with kill points: built here, because nothing that is shipped has them. Not here: using it.

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Our crates; the libraries are those that the tests were built with.
const OURS: [&str; 8] = [
    "shipgate",
    "shipgate-app",
    "shipgate-calendars",
    "shipgate-chat",
    "shipgate-domain",
    "shipgate-pipelines",
    "shipgate-store",
    "shipgate-web",
];

/// Builds it where needed, optimised, and returns its path.
///
/// For the whole workspace, so that the libraries have the features with which they were built before.
/// Our own crates are optimised like SQLite and the other libraries that matter; building every library anew would
/// take minutes. `SHIPGATE_KILL_PROFILE=release` does that too.
pub fn with_points() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    build.args(["build", "--workspace", "--locked", "--features", "kill-points", "--bin", "shipgate-kill"]);
    build.args(["--message-format", "json-render-diagnostics"]);
    // What cargo tells a test about its package would look like a change to some libraries, and build them anew.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
            .iter()
            .any(|part| text.starts_with(part))
        {
            build.env_remove(&name);
        }
    }
    match std::env::var("SHIPGATE_KILL_PROFILE") {
        Ok(profile) => {
            build.args(["--profile", &profile]);
        }
        Err(_) => {
            for name in OURS {
                build.args(["--config", &format!("profile.dev.package.{name}.opt-level=1")]);
            }
        }
    }
    let built = build.stderr(Stdio::inherit()).output().expect("cargo runs");
    assert!(built.status.success(), "the program with kill points cannot be built");
    let said = String::from_utf8(built.stdout).expect("cargo writes UTF-8");
    let messages = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    programs.find(|path| path.ends_with("shipgate-kill")).expect("cargo names what it built")
}

#[test]
fn the_program_that_is_shipped_has_no_kill_points() {
    let has = |program: &std::path::Path, text: &str| {
        let bytes = std::fs::read(program).expect("the program can be read");
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    let (shipped, killable) = (PathBuf::from(env!("CARGO_BIN_EXE_shipgate")), with_points());
    for text in ["SHIPGATE_KILL_AT", "SHIPGATE_PANIC_AT", "send/unmarked", "card/unminted", "open/buried"] {
        assert!(has(&killable, text), "{text} is not there, so this test would see nothing");
        assert!(!has(&shipped, text), "{text} is in the program that is shipped");
    }
}
