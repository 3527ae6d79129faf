//! The sentences of the gates that look at the change itself: reviews, migrations, artifacts. Not here: the others.

use super::gates::cut_list;
use super::{Words, count, groups};
use crate::words::Text;
use shipgate_domain::gates::{Reason, Verdict};

impl Words<'_> {
    /// What such a gate says; nothing for the reasons of others.
    pub(super) fn of_change(&self, verdict: &Verdict) -> Text {
        let plain = |text: String| Text::plain(text);
        match &verdict.reason {
            Reason::Reviewed { pulls, needed: 0 } => {
                plain(format!("{} merged", count(u64::from(*pulls), "pull request")))
            }
            Reason::Reviewed { pulls, needed } => {
                plain(format!("{} approved by {needed} or more", count(u64::from(*pulls), "pull request")))
            }
            Reason::NoReviewsRequired { branch } => {
                Text::plain("the repository demands none on ").code(branch.clone())
            }
            Reason::ChangesRequested { pull, by } => plain(format!(
                "{} asked for changes in #{pull}; they approve it or take that back there",
                cut_list(by)
            )),
            Reason::ReviewsMissing { pulls, needed } => plain(format!(
                "not approved by {needed} as it was merged: {}; a review there opens this",
                cut_list(&pulls.iter().map(|number| format!("#{number}")).collect::<Vec<_>>())
            )),
            Reason::DirectPush { commits } => plain(format!(
                "came without a pull request: {}; bring it through one, and ask with the new commit",
                cut_list(&commits.iter().map(|commit| commit.short().to_string()).collect::<Vec<_>>())
            )),
            Reason::ReviewsUnreadable { why }
            | Reason::MigrationsUnreadable { why }
            | Reason::ArtifactsUnreadable { why } => {
                plain(format!("cannot be read ({why}); asking again by itself"))
            }
            Reason::NoMigrations => Text::plain("none"),
            Reason::MigrationsShown { files, count: all } => plain(contains(files, *all)),
            Reason::MigrationsAgreed { files, count: all, by, .. } => {
                plain(contains(files, *all)).and("; agreed to by ").text(self.people(by, false))
            }
            Reason::MigrationsAsked { files, count: all, by, needed, .. } => {
                let missing = u64::from(*needed).saturating_sub(by.len() as u64);
                let text = plain(contains(files, *all)).and(format!(
                    "; needs {} from {}",
                    count(missing, "approval"),
                    groups(&verdict.helpers.groups)
                ));
                let people = &verdict.helpers.people;
                if people.is_empty() {
                    text
                } else {
                    text.and(" — ").text(self.people(&people[..people.len().min(5)], true))
                }
            }
            Reason::CrossesMigrations { files, count: all } => {
                let what = count(u64::from(*all), "migration");
                let shown = shown(files, *all);
                plain(format!("what runs there has {what} without a way down: {shown}; if that is no harm, "))
                    .code("/rollback … --across-migrations \"why\"")
            }
            Reason::AcrossMigrations { why } => {
                plain(format!("goes back over migrations without a way down: {why}"))
            }
            Reason::ArtifactsFound { count: all } => plain(format!("{all} found")),
            Reason::ArtifactsMissing { missing } => {
                plain(format!("not there: {}; build it, and ask again", cut_list(missing)))
            }
            _ => Text::default(),
        }
    }
}

fn contains(files: &[String], all: u32) -> String {
    format!("contains migrations: {} ({})", count(u64::from(all), "file"), shown(files, all))
}

fn shown(files: &[String], all: u32) -> String {
    let mut names = files.to_vec();
    names.resize(all.max(u32::try_from(files.len()).unwrap_or(0)) as usize, String::new());
    cut_list(&names)
}
