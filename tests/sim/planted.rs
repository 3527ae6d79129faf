//! Mistakes that can be planted in the product itself: small edits of its source, each of which breaks a promise that
//! an oracle watches. All are planted at once in a copy of the workspace, and one is chosen when the copy runs, so that
//! a hundred mistakes need one build. Not here: mistakes of the wrappers (`mistakes`), or any mistake in what ships.
//!
//! The lists are `planted/*.toml`. An edit replaces `old`, which must stand exactly once in `file`; the word `PLANTED`
//! in `new` becomes a question that is true only for the chosen mistake.

use crate::{Mistake, Options, run};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{fs, io};

/// Names the mistake that a planted program makes.
pub const CHOICE: &str = "SHIPGATE_PLANTED";

/// The program in the copy. It has another name, so that nobody takes it for the one that plants.
pub const PROGRAM: &str = "mistakes-planted";

/// Where the copy asks whether a mistake was chosen; `PLANTED` becomes a call of it.
const QUESTION: &str = r#"
extern crate self as shipgate_domain;

/// Whether this mistake was chosen.
#[must_use]
pub fn planted(name: &str) -> bool {
    static CHOSEN: std::sync::LazyLock<String> =
        std::sync::LazyLock::new(|| std::env::var("SHIPGATE_PLANTED").unwrap_or_default());
    CHOSEN.as_str() == name
}
"#;
/// The file that the question is added to.
const DOMAIN: &str = "src/domain/lib.rs";
/// The file that names the program.
const MANIFEST: &str = "tests/sim/Cargo.toml";

const LISTS: [(&str, &str); 6] = [
    ("rules", include_str!("planted/rules.toml")),
    ("added", include_str!("planted/added.toml")),
    ("store", include_str!("planted/store.toml")),
    ("protocol", include_str!("planted/protocol.toml")),
    ("people", include_str!("planted/people.toml")),
    ("liveness", include_str!("planted/liveness.toml")),
];

/// Mistakes in the gates and the calendar, which the tests of `domain` catch.
const OF_GATES: &str = include_str!("planted/gates.toml");

/// A mistake in the source of the product.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planted {
    /// Its name.
    pub name: String,
    /// What goes wrong, in a sentence.
    pub what: String,
    /// The promises whose oracles may find it, as they begin: `S3`, `S5 S20`, `L` for any of them.
    pub breaks: String,
    /// What is changed for it.
    pub edits: Vec<Edit>,
}

/// One change of one file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    file: PathBuf,
    old: String,
    new: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    mistake: Vec<Planted>,
}

/// All mistakes of the lists, in their order.
///
/// # Errors
/// A list that cannot be read, with the reason.
pub fn all() -> Result<Vec<Planted>, String> {
    let mut all: Vec<Planted> = Vec::new();
    for (name, text) in LISTS {
        let list: List = toml::from_str(text).map_err(|error| format!("planted/{name}.toml: {error}"))?;
        all.extend(list.mistake);
    }
    Ok(all)
}

/// All mistakes in the gates and the calendar that the tests of `domain` catch, in their order.
///
/// # Errors
/// The list cannot be read, with the reason.
pub fn of_gates() -> Result<Vec<Planted>, String> {
    let list: List = toml::from_str(OF_GATES).map_err(|error| format!("planted/gates.toml: {error}"))?;
    Ok(list.mistake)
}

/// The files that change, with all mistakes planted.
///
/// # Errors
/// The edits that do not fit the source any more, one a line.
pub fn plant(root: &Path, mistakes: &[Planted]) -> Result<BTreeMap<PathBuf, String>, String> {
    let mut files: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut misfits = Vec::new();
    let read = |file: &str| fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"));
    files.insert(DOMAIN.into(), read(DOMAIN)? + QUESTION);
    let renamed = read(MANIFEST)?.replace("name = \"mistakes\"", &format!("name = \"{PROGRAM}\""));
    files.insert(MANIFEST.into(), renamed);
    for mistake in mistakes {
        for Edit { file, old, new } in &mistake.edits {
            let text = match files.remove(file).map_or_else(|| fs::read_to_string(root.join(file)), Ok) {
                Ok(text) => text,
                Err(error) => {
                    misfits.push(format!("{}: {}: {error}", mistake.name, file.display()));
                    continue;
                }
            };
            let found = text.matches(old.as_str()).count();
            let question = format!("shipgate_domain::planted(\"{}\")", mistake.name);
            if found == 1 && new.contains("PLANTED") {
                files.insert(file.clone(), text.replace(old, &new.replace("PLANTED", &question)));
            } else {
                misfits.push(format!("{}: stands {found} times in {}: {old}", mistake.name, file.display()));
                files.insert(file.clone(), text);
            }
        }
    }
    if misfits.is_empty() { Ok(files) } else { Err(misfits.join("\n")) }
}

/// Copies the workspace with all mistakes planted. Files that are the same already stay as they are, so that only what
/// changed is built again.
///
/// # Errors
/// An edit does not fit, or a file cannot be read or written.
pub fn copy(root: &Path, to: &Path, mistakes: &[Planted]) -> Result<(), String> {
    let changed = plant(root, mistakes)?;
    copy_folder(root, Path::new(""), to, &changed)
        .map_err(|error| format!("cannot copy the workspace: {error}"))
}

fn copy_folder(root: &Path, inside: &Path, to: &Path, changed: &BTreeMap<PathBuf, String>) -> io::Result<()> {
    fs::create_dir_all(to.join(inside))?;
    for entry in fs::read_dir(root.join(inside))? {
        let entry = entry?;
        let name = entry.file_name();
        let path = inside.join(&name);
        if entry.file_type()?.is_dir() {
            if name != "target" && name != "node_modules" && !name.to_string_lossy().starts_with('.') {
                copy_folder(root, &path, to, changed)?;
            }
            continue;
        }
        let text = match changed.get(&path) {
            Some(text) => text.as_bytes().to_vec(),
            None => fs::read(entry.path())?,
        };
        let there = to.join(&path);
        if fs::read(&there).ok().as_ref() != Some(&text) {
            fs::write(there, text)?;
        }
    }
    Ok(())
}

/// The seed that found a mistake, and what it found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The first seed that broke a promise.
    pub seed: u64,
    /// The promise that it broke.
    pub violation: String,
}

impl Found {
    /// Whether an oracle of one of these promises found it.
    #[must_use]
    pub fn is_by(&self, promises: &str) -> bool {
        promises.split(' ').any(|promise| self.violation.starts_with(promise))
    }
}

/// Runs seeds from nought until one breaks a promise, on so many threads.
#[must_use]
pub fn search(mistake: Option<Mistake>, seeds: u64, jobs: usize) -> Option<Found> {
    let (next, first) = (AtomicU64::new(0), Mutex::new(None::<Found>));
    let options = Options { mistake, ..Options::default() };
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let is_late = |found: &Found| found.seed < seed;
            if seed >= seeds
                || first.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(is_late)
            {
                break;
            }
            // A mistake may make the simulation itself stumble: that counts as found by nobody.
            let violation = catch_unwind(AssertUnwindSafe(|| run(seed, &options).violation))
                .unwrap_or_else(|_| Some("a panic".to_owned()));
            let Some(violation) = violation else { continue };
            let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
            if first.as_ref().is_none_or(|earlier| seed < earlier.seed) {
                *first = Some(Found { seed, violation });
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(work);
        }
    });
    first.into_inner().unwrap_or_else(PoisonError::into_inner)
}
