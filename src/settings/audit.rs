//! `[audit]`: where the head of the record is written down. Not here: writing it.

use super::operations::{AuditSettings, StoreSettings, channel};
use super::problem::Finding;
use super::reader::{Section, Word};
use super::secrets::Environment;
use std::path::{Path, PathBuf};

const ANCHOR_FILE: &str = "/var/lib/shipgate-anchors/anchors.jsonl";
/// What SQLite and Shipgate keep beside a database, by the end of its name.
const BESIDE: [&str; 5] = ["", "-wal", "-shm", "-journal", ".lock"];

pub(super) fn audit(root: &Section<'_>, environment: &Environment<'_>) -> AuditSettings {
    let key = environment.anchor_key();
    let Some(section) = root.section("audit") else { return AuditSettings { key, ..Default::default() } };
    let path = |word: Word| Some(PathBuf::from(word.text)).filter(|path| !path.as_os_str().is_empty());
    AuditSettings {
        anchor_channel: channel(&section, "anchor_channel"),
        anchor_file: section.text("anchor_file", ANCHOR_FILE).and_then(path),
        alarm_channel: channel(&section, "alarm_channel"),
        key,
    }
}

/// Refuses an anchor file that is another file of this installation: a line in the middle of it would destroy it.
pub(super) fn refuse_own_files(
    root: &Section<'_>,
    settings: &Path,
    store: &StoreSettings,
    audit: &AuditSettings,
) {
    let Some(file) = &audit.anchor_file else { return };
    let own = match store {
        StoreSettings::Sqlite(path) => BESIDE.map(|end| {
            let mut name = path.clone().into_os_string();
            name.push(end);
            (PathBuf::from(name), "the database, or what is kept beside it")
        }),
        StoreSettings::Postgres(_) => Default::default(),
    };
    let own = own.into_iter().chain([(settings.to_owned(), "the settings themselves")]);
    for (_, what) in own.filter(|(path, _)| same(path, file)) {
        let place = root.section("audit").and_then(|section| section.place_of("anchor_file"));
        let finding = Finding::at(
            place.unwrap_or(0..0),
            "contradiction",
            "`audit.anchor_file` is no place for anchors",
        )
        .why(format!("it is {what}"))
        .instead(format!("name a file of another owner: anchor_file = \"{ANCHOR_FILE}\""));
        root.note(finding);
    }
}

/// Whether two paths lead to one file, also where it does not exist yet.
fn same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = folder.canonicalize().or_else(|_| std::path::absolute(folder)).ok()?;
        let path = folder.join(path.file_name()?);
        Some(path.canonicalize().unwrap_or(path))
    };
    whole(one).is_some_and(|one| whole(other) == Some(one))
}
