//! Plants every mistake in the gates and the calendar, one after the other, and tells which tests of `domain` catch it:
//! `cargo run --profile sim -p shipgate-sim --bin gate-mistakes`. Not here: the mistakes (`planted/gates.toml`), and
//! those that the simulation searches (`plant`).

use clap::Parser;
use serde::Deserialize;
use shipgate_sim::planted::{CHOICE, Planted, copy, of_gates};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};

/// Plants mistakes in the gates, and shows that a test catches each of them.
#[derive(Parser)]
struct Wishes {
    /// Only mistakes whose name contains this; all when there is none.
    only: Vec<String>,
    /// Names every test that caught a mistake, instead of counting them.
    #[arg(long)]
    names: bool,
}

fn main() -> ExitCode {
    match all_of(&Wishes::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Says whether every mistake was caught, and nothing was caught where there is none.
fn all_of(wishes: &Wishes) -> Result<bool, String> {
    let planted = of_gates()?;
    let tests = build(&planted)?;
    if let Some(caught) = failed(&tests, "")? {
        return Err(format!("without any mistake these tests fail: {}", caught.join(", ")));
    }
    let is_wanted = |name: &str| wishes.only.is_empty() || wishes.only.iter().any(|part| name.contains(part));
    let (mut all, mut well) = (0, 0);
    for Planted { name, what, .. } in planted.iter().filter(|mistake| is_wanted(&mistake.name)) {
        all += 1;
        match failed(&tests, name)? {
            Some(caught) => {
                well += 1;
                let by = if wishes.names {
                    caught.join(", ")
                } else {
                    format!("{} tests, the first is {}", caught.len(), caught[0])
                };
                println!("{name:<34} caught by {by}");
            }
            None => println!("{name:<34} NOT CAUGHT: {what}"),
        }
    }
    println!("{well} of {all} mistakes in the gates are caught by a test of domain");
    Ok(well == all)
}

/// What cargo says of a finished test program.
#[derive(Deserialize)]
struct Built {
    reason: String,
    executable: Option<PathBuf>,
}

/// Copies the workspace with all mistakes planted, and builds the tests of `domain` there.
fn build(planted: &[Planted]) -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().map_err(|error| format!("the workspace is not there: {error}"))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let tree = target.join("planted-gates");
    copy(&root, &tree, planted)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .current_dir(&tree)
        .args(["test", "--quiet", "--profile", "sim", "-p", "shipgate-domain", "--lib", "--no-run"])
        .args(["--message-format", "json", "--target-dir"])
        .arg(target.join("planted-products"))
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if !built.status.success() {
        return Err("the copy with the mistakes does not build".to_owned());
    }
    let said = String::from_utf8_lossy(&built.stdout);
    said.lines()
        .filter_map(|line| serde_json::from_str::<Built>(line).ok())
        .filter(|built| built.reason == "compiler-artifact")
        .find_map(|built| built.executable)
        .ok_or_else(|| "cargo names no test program".to_owned())
}

/// Tests that catch most of them, and soon.
const NEAR: [&str; 3] = ["gates::", "calendar::tests::", "past::"];

/// The tests that fail with a mistake: those near it, and where none of them does, any; none when all pass.
fn failed(tests: &Path, mistake: &str) -> Result<Option<Vec<String>>, String> {
    match failed_of(tests, &NEAR, mistake)? {
        None => failed_of(tests, &[], mistake),
        some => Ok(some),
    }
}

fn failed_of(tests: &Path, names: &[&str], mistake: &str) -> Result<Option<Vec<String>>, String> {
    let Output { status, stdout, .. } = Command::new(tests)
        .args(names)
        .env(CHOICE, mistake)
        .env("INSTA_UPDATE", "no")
        .env("RUST_BACKTRACE", "0")
        // What fails here is wanted, and must not be tried first by whoever runs these tests next.
        .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1")
        .output()
        .map_err(|error| format!("cannot start {}: {error}", tests.display()))?;
    if status.success() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&stdout);
    let names = text.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    let mut names: Vec<String> = names.map(ToOwned::to_owned).collect();
    if names.is_empty() {
        names.push("the test program itself, which broke off".to_owned());
    }
    Ok(Some(names))
}
