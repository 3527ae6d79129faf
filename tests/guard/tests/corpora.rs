//! Every file of every corpus, through the same bodies that the fuzzer runs: what was found once stays found.

use shipgate_guard::targets::ALL;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_body_has_a_target_and_a_corpus_and_nothing_else_has() {
    let bodies: BTreeSet<String> = ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&fuzz().join("fuzz_targets")), bodies);
    assert_eq!(names(&fuzz().join("corpus")), bodies);
}

#[test]
fn every_corpus_passes() {
    for (name, body) in ALL {
        let mut files: Vec<PathBuf> = fs::read_dir(fuzz().join("corpus").join(name))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        assert!(files.len() >= 3, "{name} has {} seeds", files.len());
        for file in files {
            let data = fs::read(&file).unwrap();
            let ran = std::panic::catch_unwind(|| body(&data));
            assert!(ran.is_ok(), "{} fails", file.display());
        }
    }
}

#[test]
fn every_body_takes_every_hostile_string() {
    let strings = shipgate_guard::hostile::strings();
    let cheap = ["addresses", "link_header", "ids", "rendering", "logs", "json_limits"];
    for (name, body) in ALL.iter().filter(|(name, _)| cheap.contains(name)) {
        for text in &strings {
            let ran = std::panic::catch_unwind(|| body(text.as_bytes()));
            assert!(ran.is_ok(), "{name} fails for {text:?}");
        }
    }
}
