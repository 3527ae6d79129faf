//! Freezes that begin where another one ends, and hold for long together. Not here: one that is long alone.

use super::{LONG, Tried, days, outlooks, place, written};
use crate::settings::problem::Finding;
use crate::settings::reader::clip;
use jiff::Timestamp;
use shipgate_domain::calendar::outlook::Outlook;
use std::collections::BTreeSet;

/// A time without a gap in which some freeze holds.
struct Run {
    from: Timestamp,
    until: Timestamp,
    names: Vec<String>,
    /// One of them is as long alone, or has no end: that is told already.
    is_long_alone: bool,
}

pub(super) fn together(tried: &Tried<'_>) {
    let mut told: BTreeSet<Vec<String>> = BTreeSet::new();
    for environment in tried.policy.environments.values() {
        for run in outlooks(tried, environment).iter().flat_map(runs) {
            let is_long = run.until.duration_since(run.from) > LONG && run.names.len() > 1;
            if is_long && !run.is_long_alone && told.insert(run.names.clone()) {
                tell(tried, environment.name.as_str(), &run);
            }
        }
    }
}

fn runs(look: &Outlook) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for stretch in look.stretches.iter().filter(|stretch| !stretch.freezes.is_empty()) {
        if runs.last().is_none_or(|run| run.until != stretch.from) {
            let (from, until) = (stretch.from, stretch.until);
            runs.push(Run { from, until, names: Vec::new(), is_long_alone: false });
        }
        let run = runs.last_mut().expect("one was pushed");
        run.until = stretch.until;
        for held in &stretch.freezes {
            run.is_long_alone |= held.until.is_none_or(|until| until.duration_since(held.from) > LONG);
            if !run.names.contains(&held.name) {
                run.names.push(held.name.clone());
            }
        }
    }
    runs
}

fn tell(tried: &Tried<'_>, environment: &str, run: &Run) {
    let zone = &tried.policy.zone;
    let tables = written(tried);
    let is_in = |name: &str| run.names.iter().any(|known| known == name);
    let Some((_, table)) = tables.iter().rev().find(|(freeze, _)| is_in(&freeze.name)) else { return };
    let names: Vec<String> = run.names.iter().map(|name| format!("“{}”", clip(name))).collect();
    let length = days(run.until.duration_since(run.from));
    let what = format!(
        "the freezes {} follow each other without a gap, and last {length} together",
        names.join(" and ")
    );
    let (from, until) = (zone.say(run.from), zone.say(run.until));
    let why = format!("nothing is deployed to {} from {from} to {until}", clip(environment));
    let instead = "leave a day between them; if it is meant, tell people early and name the services they must not hold";
    let found = Finding::at(place(table, &["from", "rrule", "cron"]), "freeze_together", what);
    table.note(found.why(why).instead(instead).warning());
}
