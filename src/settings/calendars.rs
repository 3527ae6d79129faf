//! Calendar files of this machine: whether a server could read them, and whether they say anything. Not here: addresses
//! and GitLab, which are asked with `--online`; when freezes hold (`lint`).

use super::problem::{Finding, Problem, Problems};
use super::reader::{Log, Section, clip};
use jiff::Timestamp;
use shipgate_domain::calendar::{FeedSource, Freeze, FreezeWhen, try_content};
use shipgate_domain::policy::Policy;
use std::path::Path;
use toml::de::DeTable;

/// What is wrong with the files that freezes of these rules are read from.
pub(super) fn local(path: &Path, text: &str, policy: &Policy, now: Timestamp) -> Vec<Problem> {
    let log = Log::default();
    let (document, _) = DeTable::parse_recoverable(text);
    let root = Section::root(document.get_ref(), &log);
    for freeze in &policy.freezes {
        if let FreezeWhen::Feed { source: FeedSource::File { path }, .. } = &freeze.when {
            one(&root, freeze, Path::new(path), now);
        }
    }
    Problems::new(path, text, log.into_findings()).list().to_vec()
}

fn one(root: &Section<'_>, freeze: &Freeze, file: &Path, now: Timestamp) {
    let tables = root.tables("freezes");
    let named =
        |table: &&Section<'_>| table.text("name", "Company").is_some_and(|name| name.text == freeze.name);
    let Some(table) = tables.iter().find(named) else { return };
    let place = table.place_of("ics").unwrap_or(table.place.clone());
    let name = clip(&freeze.name);
    let read = shipgate_calendars::local(file)
        .and_then(|content| try_content(&content, &freeze.zone, now).map(|()| content));
    match read {
        Err(why) => {
            let what = format!("the calendar of the freeze “{name}” is unreadable: {}", clip(&why));
            let found = Finding::at(place, "calendar_unreadable", what);
            let why = "as long as it cannot be read, nothing is deployed in the freeze's scope";
            let instead = "put the file there for the user and folder of the server, or mend what is in it";
            table.note(found.why(why).instead(instead));
        }
        Ok(content) if content.events.is_empty() => {
            let what = format!("the calendar of the freeze “{name}” has no events");
            let found = Finding::at(place, "calendar_empty", what);
            let why = "such a freeze never holds";
            table.note(
                found.why(why).instead("look whether it is the right file, or take the freeze out").warning(),
            );
        }
        Ok(_) => {}
    }
}
