//! Migrations in a list of changed files: which there are, and whether a file shows the way down. Not here: reading the
//! list, asking people.

use crate::glob::fits_path;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A kind of migrations whose files have known names, or a place of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// `db/migrate/*.rb`
    Rails,
    /// `migrations/0001_name.py`
    Django,
    /// `migrations/NAME/up.sql`, with `down.sql` beside it as the way down.
    Diesel,
    /// `V1__name.sql` and `R__name.sql`, with `U1__name.sql` as the way down.
    Flyway,
    /// Any `.sql` in a folder `migrations` or `migrate`; `x.up.sql` has its way down in `x.down.sql`.
    Sql,
    /// Paths that fit: `*` is anything within a folder, `**` also over folders.
    Path(String),
}

impl Pattern {
    /// The kinds that have a name, as settings write them.
    pub const NAMED: [(&'static str, Pattern); 5] = [
        ("rails", Pattern::Rails),
        ("django", Pattern::Django),
        ("diesel", Pattern::Diesel),
        ("flyway", Pattern::Flyway),
        ("sql", Pattern::Sql),
    ];

    /// Whether a changed file is a migration of this kind. The files of ways down are none.
    #[must_use]
    pub fn fits(&self, path: &str) -> bool {
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let is_in = |wanted: &str| folders == wanted || folders.ends_with(&format!("/{wanted}"));
        let is_under = |wanted: &str| folders.split('/').any(|folder| folder == wanted);
        let has_end = |end: &str| name.len() > end.len() && name.to_ascii_lowercase().ends_with(end);
        match self {
            Pattern::Rails => is_in("db/migrate") && has_end(".rb"),
            Pattern::Django => {
                let number = name.split('_').next().unwrap_or_default();
                is_in("migrations")
                    && has_end(".py")
                    && number.len() >= 4
                    && number.bytes().all(|b| b.is_ascii_digit())
            }
            Pattern::Diesel => {
                name == "up.sql"
                    && folders
                        .rsplit_once('/')
                        .is_some_and(|(above, _)| above == "migrations" || above.ends_with("/migrations"))
            }
            Pattern::Flyway => {
                (has_end(".sql") || has_end(".java"))
                    && (flyway_version(name, 'V').is_some() || name.starts_with("R__"))
            }
            Pattern::Sql => {
                (is_under("migrations") || is_under("migrate"))
                    && has_end(".sql")
                    && !has_end(".down.sql")
                    && name != "down.sql"
            }
            Pattern::Path(pattern) => fits_path(pattern, path),
        }
    }
}

/// A migration among the changed files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Migration {
    /// Its file.
    pub path: String,
    /// Whether it has no way down, as far as anybody can tell.
    pub one_way: bool,
}

/// What a service says about its migrations.
#[derive(Clone, Copy, Debug)]
pub struct Kinds<'a> {
    /// What a migration is.
    pub migrations: &'a [Pattern],
    /// What has a way down although no file shows it.
    pub reversible: &'a [Pattern],
    /// What has none, whatever the files show.
    pub irreversible: &'a [Pattern],
}

impl Kinds<'_> {
    /// The migrations among changed files, by path. One has a way down only if a changed file shows it, or the settings
    /// say so: what cannot be told from the names, such as a Rails migration, counts as one-way.
    #[must_use]
    pub fn find(&self, changed: &[String]) -> Vec<Migration> {
        let all: BTreeSet<&str> = changed.iter().map(String::as_str).collect();
        let fits = |patterns: &[Pattern], path: &str| patterns.iter().any(|pattern| pattern.fits(path));
        all.iter()
            .filter(|path| fits(self.migrations, path) || fits(self.irreversible, path))
            .map(|path| {
                let is_reversible = fits(self.reversible, path) || shows_way_down(path, &all);
                Migration {
                    path: (*path).to_owned(),
                    one_way: fits(self.irreversible, path) || !is_reversible,
                }
            })
            .collect()
    }
}

/// Whether the file that takes a migration back is among the changed files too.
fn shows_way_down(path: &str, all: &BTreeSet<&str>) -> bool {
    let (folder, name) = match path.rsplit_once('/') {
        Some((folder, name)) => (format!("{folder}/"), name),
        None => (String::new(), path),
    };
    let beside = |name: &str| all.contains(format!("{folder}{name}").as_str());
    if name == "up.sql" {
        return beside("down.sql");
    }
    if let Some(stem) = name.strip_suffix(".up.sql") {
        return beside(&format!("{stem}.down.sql"));
    }
    let Some(version) = flyway_version(name, 'V') else { return false };
    all.iter().any(|other| flyway_version(other.rsplit('/').next().unwrap_or(other), 'U') == Some(version))
}

/// The version in the name of a Flyway file with this letter: `V1_2__name.sql` is 1_2.
fn flyway_version(name: &str, letter: char) -> Option<&str> {
    let (version, rest) = name.strip_prefix(letter)?.split_once("__")?;
    let is_version =
        version.starts_with(|c: char| c.is_ascii_digit()) && !rest.is_empty() && rest.contains('.');
    is_version.then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(patterns: &[Pattern], files: &[&str]) -> Vec<(String, bool)> {
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        let kinds = Kinds { migrations: patterns, reversible: &[], irreversible: &[] };
        kinds.find(&files).into_iter().map(|m| (m.path, m.one_way)).collect()
    }

    #[test]
    fn each_kind_knows_its_files_and_no_others() {
        let rows: [(Pattern, &[&str], &[&str]); 6] = [
            (
                Pattern::Rails,
                &["db/migrate/20260101_add.rb", "shop/db/migrate/1_x.rb"],
                &["db/schema.rb", "db/migrate/README.md", "mydb/migrate/1_x.rb"],
            ),
            (
                Pattern::Django,
                &["shop/migrations/0001_initial.py", "migrations/0012_x.py"],
                &["shop/migrations/__init__.py", "shop/0001_initial.py", "migrations/01_x.py"],
            ),
            (
                Pattern::Diesel,
                &["migrations/2026_add/up.sql", "api/migrations/1/up.sql"],
                &["migrations/2026_add/down.sql", "migrations/up.sql", "x/1/up.sql"],
            ),
            (
                Pattern::Flyway,
                &["sql/V1__add.sql", "V1.2__x.sql", "R__view.sql", "db/V2_1__J.java"],
                &["sql/U1__add.sql", "Version__x.sql", "V1_x.sql", "V1__x.txt"],
            ),
            (
                Pattern::Sql,
                &["migrations/1.sql", "db/migrate/a/b.sql", "migrations/1.up.sql"],
                &["migrations/1.down.sql", "sql/1.sql", "migrations/1.txt"],
            ),
            (Pattern::Path("db/*.x".into()), &["db/1.x"], &["db/a/1.x"]),
        ];
        for (pattern, yes, no) in rows {
            for path in yes {
                assert!(pattern.fits(path), "{pattern:?} {path}");
            }
            for path in no {
                assert!(!pattern.fits(path), "{pattern:?} {path}");
            }
        }
    }

    #[test]
    fn a_way_down_must_be_among_the_changed_files() {
        let one_way = |path: &str, is: bool| (path.to_owned(), is);
        let diesel = ["migrations/1/up.sql", "migrations/1/down.sql", "migrations/2/up.sql"];
        assert_eq!(
            found(&[Pattern::Diesel], &diesel),
            [one_way("migrations/1/up.sql", false), one_way("migrations/2/up.sql", true)]
        );
        let flyway = ["V1__a.sql", "U1__a.sql", "V1_1__b.sql"];
        assert_eq!(
            found(&[Pattern::Flyway], &flyway),
            [one_way("V1_1__b.sql", true), one_way("V1__a.sql", false)]
        );
        let sql = ["migrations/1.up.sql", "migrations/1.down.sql", "migrations/2.sql"];
        assert_eq!(
            found(&[Pattern::Sql], &sql),
            [one_way("migrations/1.up.sql", false), one_way("migrations/2.sql", true)]
        );
        assert_eq!(found(&[Pattern::Rails], &["db/migrate/1.rb"]), [one_way("db/migrate/1.rb", true)]);
    }

    #[test]
    fn the_settings_know_better_than_the_files() {
        let files =
            ["db/migrate/1.rb".to_owned(), "migrations/1/up.sql".into(), "migrations/1/down.sql".into()];
        let kinds = Kinds {
            migrations: &[Pattern::Rails, Pattern::Diesel],
            reversible: &[Pattern::Rails],
            irreversible: &[Pattern::Path("migrations/**".into())],
        };
        let one_way: Vec<bool> = kinds.find(&files).into_iter().map(|m| m.one_way).collect();
        assert_eq!(one_way, [false, true, true], "by path: the Rails one, down.sql, up.sql");
    }
}
