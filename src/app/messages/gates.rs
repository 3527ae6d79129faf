//! One line for each verdict: what the gate says, why, and when or who would open it. Not here: other lines of a card.

use super::{Words, count, groups};
use crate::words::{GateLine, Span, Text};
use jiff::Timestamp;
use shipgate_domain::calendar::Opening;
use shipgate_domain::facts::{LockKind, Usual};
use shipgate_domain::gates::{Answer, Reason, Share, Verdict};
use shipgate_domain::ids::PersonId;
use std::collections::BTreeMap;

/// What a gate says that will be judged again.
const AGAIN: &str = "; asking again by itself";

impl Words<'_> {
    /// The line of a gate on a card.
    pub(crate) fn gate_line(&self, verdict: &Verdict) -> GateLine {
        GateLine {
            name: verdict.gate.as_str().to_owned(),
            answer: verdict.answer,
            text: self.with_helpers(verdict, self.reason(verdict)),
        }
    }

    /// The same of a deploy that is over: nothing is asked again.
    pub(super) fn last_gate_line(&self, verdict: &Verdict) -> GateLine {
        let mut line = self.gate_line(verdict);
        for span in &mut line.text.0 {
            if let Span::Plain(text) = span {
                *text = text.replace(AGAIN, "");
            }
        }
        line
    }

    /// A gate that is not open names the people who can help, unless its sentence did.
    fn with_helpers(&self, verdict: &Verdict, text: Text) -> Text {
        let people = match verdict.helpers.people.as_slice() {
            people if verdict.answer != Answer::Open && !people.is_empty() => people,
            _ => return text,
        };
        let word = match &verdict.reason {
            // These name them already.
            Reason::ApprovalsMissing { .. } | Reason::InLine { .. } => return text,
            Reason::OverrideAsked { .. }
            | Reason::Quarantined { .. }
            | Reason::DispatchingStopped { .. }
            | Reason::MayNotDeploy { .. } => " — ",
            Reason::Frozen { .. } | Reason::OutsideWindow { .. } | Reason::EmergencyOnly { .. } => {
                "; who can help: "
            }
            _ => "; ask ",
        };
        text.and(word).text(self.some_of(people))
    }

    pub(super) fn reason(&self, verdict: &Verdict) -> Text {
        let until = |text: Text| match verdict.until {
            Some(at) => text.and(format!(" until {}", self.at(at))),
            None => text,
        };
        let helpers = &verdict.helpers;
        match &verdict.reason {
            Reason::MayDeploy { groups: g } => plain(format!("in {}", groups(g))),
            Reason::MayNotDeploy { groups: g } => {
                plain(format!("only {} may do this here; ask one of them, or ask to be added", groups(g)))
            }
            Reason::MayLook => plain("it changes nothing, so everybody here may ask"),
            Reason::GroupUnreadable { why } => {
                plain(format!("cannot tell who is in a group ({why}); asking again by itself"))
            }
            Reason::VersionPinned { commit } => plain("is commit ").code(commit.short()),
            Reason::VersionPending { why } => plain(why.clone()),
            Reason::VersionUnknown => {
                plain("no tag, branch or commit has this name; look at the spelling, or push the tag first")
            }
            Reason::VersionAmbiguous { what } => {
                plain(format!("means more than one thing ({what}); give the commit id"))
            }
            Reason::VersionMoved { asked, now } => {
                let text = plain("the tag moved since the request: it was ").code(asked.short());
                let text = match now {
                    Some(now) => text.and(" and is now ").code(now.short()),
                    None => text.and(" and is gone now"),
                };
                text.and("; find out who moved it, then ask again")
            }
            Reason::VersionUnreachable { branch } => {
                plain("is not part of ").code(branch.clone()).and("; merge it first")
            }
            Reason::Overtaken { by, lost } => plain("").code(by.as_str()).and(format!(
                " went live meanwhile, and this would take {} away again; ask anew if that is meant",
                count(*lost, "commit")
            )),
            Reason::RolledBackSince { back } => {
                let left = match &back.from {
                    Some(from) => plain("").code(from.as_str()).and(" was rolled back to "),
                    None => plain("there was a rollback to "),
                };
                left.code(back.to.as_str()).and(
                    " after this was asked for, and this may bring back what was taken away; ask anew if it is meant",
                )
            }
            Reason::Older { than, lost } => plain("is older than ")
                .code(than.as_str())
                .and(format!(", which runs there, by {}; ", count(*lost, "commit")))
                .code("/rollback")
                .and(" goes back to what ran there before, ")
                .code("--older \"why\"")
                .and(" deploys it all the same"),
            Reason::NoLongerLive { asked, now } => {
                let text = plain("was to act on ")
                    .code(asked.short())
                    .and(", which ran there when it was asked for; ");
                match now {
                    Some(now) => text.code(now.short()).and(" runs there now; say it again if that is meant"),
                    None => text.and("nothing of Shipgate runs there now"),
                }
            }
            Reason::VersionUnreadable { why } => {
                plain(format!("cannot be checked ({why}); asking again by itself"))
            }
            Reason::NeverSucceededHere => {
                plain("never ran here successfully, so there is nothing to go back to; use ")
                    .code("/deploy")
                    .and(", with ")
                    .code("--older \"why\"")
                    .and(" if it is older than what runs")
            }
            Reason::PlannedFor { at } => {
                let said = self.policy.zone.say(*at);
                plain(if *at > self.now {
                    format!("planned for {said}")
                } else {
                    format!("was planned for {said}")
                })
            }
            Reason::NoSchedule => plain("any time"),
            Reason::InWindow { closes } => match closes {
                Some(at) => plain(format!("closes {}", self.at(*at))),
                None => plain("inside a window"),
            },
            Reason::OutsideWindow { .. } => {
                self.opens(plain("closed"), verdict.until, !helpers.groups.is_empty())
            }
            Reason::EmergencyOnly { .. } => {
                self.opens(plain("emergencies only"), verdict.until, !helpers.groups.is_empty())
            }
            Reason::CalendarUnreadable => plain(
                "cannot tell whether this time is open (the calendar does not reach it); asking again by itself",
            ),
            Reason::NotForRollback => plain("does not bind a rollback"),
            Reason::EmergencyHours { .. } => {
                until(plain("passed as an emergency, in hours that are for emergencies only,"))
            }
            Reason::AuthorsUnknown { why } => plain(format!(
                "nobody who wrote a part of it may approve, and who wrote it is not known: {why}; \
                 link the accounts of authors under [people], then ask again"
            )),
            Reason::Overridden { by, .. } => plain("passed as an emergency by ").text(self.people(by, false)),
            Reason::OverrideAsked { by, needed, opening, freezes, .. } => {
                let closed = match opening {
                    Some(Opening::EmergencyOnly) => "emergencies only".to_owned(),
                    Some(Opening::Open | Opening::Closed) => "closed".to_owned(),
                    None => freezes.join(", "),
                };
                let missing = u64::from(*needed).saturating_sub(by.len() as u64);
                plain(format!(
                    "{closed}: an emergency needs {} from ",
                    count(missing, "yes").replace("yess", "yeses")
                ))
                .and(groups(&helpers.groups))
            }
            Reason::NoFreeze { next, name } => match (next, name) {
                (Some(at), Some(name)) => {
                    plain("none now; ").bold(name.clone()).and(format!(" starts {}", self.at(*at)))
                }
                _ => plain("none"),
            },
            Reason::Frozen { names, passes, why, .. } => {
                let text = Text::default().bold(names.join(", "));
                let text =
                    until(if why.is_empty() { text } else { text.and(format!(" ({})", why.join("; "))) });
                let text = match passes.as_slice() {
                    [] => text,
                    [one] => text.and(format!("; only {one} passes")),
                    several => text.and(format!("; only {} pass", several.join(", "))),
                };
                if helpers.groups.is_empty() { text } else { text.and("; ").text(emergency_hint()) }
            }
            Reason::FreezeUnreadable { names, why } => {
                let text = plain("cannot tell whether it is frozen: ").bold(names.join(", "));
                let text = text.and(format!(" cannot be read ({why})"));
                // Nothing asks again for a list that is built in.
                let text = match verdict.answer {
                    Answer::Waiting => text.and("; asking again by itself"),
                    Answer::Open | Answer::Closed => text,
                };
                if helpers.groups.is_empty() { text } else { text.and("; ").text(emergency_hint()) }
            }
            Reason::Unlocked => plain("free"),
            Reason::OwnLock => plain("yours"),
            Reason::Locked { by, reason, until, kind } => {
                let word = match kind {
                    LockKind::Everyone | LockKind::Warn => "locked by ",
                    LockKind::Automation => "nothing starts by itself here, locked for automation by ",
                };
                self.lock_until(plain(word).span(self.person(by)).and(format!(": {reason}")), *until)
            }
            Reason::LockTold { by, reason, until, kind } => match kind {
                LockKind::Warn => {
                    let text = plain("⚠ ").span(self.person(by)).and(" warns: ").bold(reason.clone());
                    self.lock_until(text, *until)
                }
                LockKind::Everyone | LockKind::Automation => {
                    let text = plain("locked for automation by ").span(self.person(by));
                    let text = self.lock_until(text.and(format!(": {reason}")), *until);
                    text.and("; what a person asks for now goes on")
                }
            },
            Reason::Quarantined { reason } => {
                plain(format!("closed off: {reason}; {} decide", groups(&helpers.groups)))
            }
            Reason::DispatchingStopped { since, found } => plain(format!(
                "nothing is started anywhere since {}: {found}; {} let it go on with ",
                self.at(*since),
                groups(&helpers.groups)
            ))
            .code("/resume dispatching \"why\""),
            Reason::NextInLine => plain("next in line"),
            Reason::InLine { .. } => self.queue(&verdict.reason),
            Reason::NoOrder => plain("nothing comes before this environment"),
            Reason::SucceededBefore { environment, at } => {
                plain(format!("succeeded on {environment} {}", self.at(*at)))
            }
            Reason::NotBefore { environment } => {
                plain(format!("this commit has not succeeded on {environment}; deploy it there first"))
            }
            Reason::OnItsWayBefore { environment } => {
                plain(format!("this commit is on its way to {environment}; its success there opens this"))
            }
            Reason::FailedBefore { environment, at } => plain(format!(
                "this commit failed on {environment} {}; make it succeed there first",
                self.at(*at)
            )),
            Reason::SeenBefore { environment, at } => {
                plain(format!("succeeded on {environment} {} (not by Shipgate)", self.at(*at)))
            }
            Reason::Soaking { environment, since, opens } => plain(format!(
                "on {environment} since {}; it must be there until {}",
                self.at(*since),
                self.at(*opens)
            )),
            Reason::SoakCutShort { environment, since, left } => plain(format!(
                "was on {environment} only from {} to {}, when another commit took its place; deploy it there again",
                self.at(*since),
                self.at(*left)
            )),
            Reason::BeforeUnreadable { environment, why } => plain(format!(
                "cannot tell whether it succeeded on {environment} ({why}); asking again by itself"
            )),
            Reason::NoChecks => plain("none asked for"),
            Reason::ChecksGreen { passed } => plain(format!("{} green", count(u64::from(*passed), "check"))),
            Reason::ChecksPending { pending } => plain(format!("still at work: {}", cut_list(pending))),
            Reason::ChecksRed { failed } => {
                plain(format!("red: {}; mend it and ask with the new commit", cut_list(failed)))
            }
            Reason::ChecksMissing { missing } => plain(format!("not there yet: {}", cut_list(missing))),
            Reason::ChecksUnreadable { why } => {
                plain(format!("cannot be read ({why}); asking again by itself"))
            }
            Reason::NoChecksRequired { branch } => plain("the repository demands no check on ")
                .code(branch.clone())
                .and("; require some there, or name them in ")
                .code("checks"),
            Reason::Reviewed { .. }
            | Reason::NoReviewsRequired { .. }
            | Reason::ChangesRequested { .. }
            | Reason::ReviewsMissing { .. }
            | Reason::DirectPush { .. }
            | Reason::ReviewsUnreadable { .. }
            | Reason::NoMigrations
            | Reason::MigrationsShown { .. }
            | Reason::MigrationsAgreed { .. }
            | Reason::MigrationsAsked { .. }
            | Reason::CrossesMigrations { .. }
            | Reason::AcrossMigrations { .. }
            | Reason::MigrationsUnreadable { .. }
            | Reason::ArtifactsFound { .. }
            | Reason::ArtifactsMissing { .. }
            | Reason::ArtifactsUnreadable { .. } => self.of_change(verdict),
            Reason::ChecklistTicked { count: 1 } => plain("its one item is ticked"),
            Reason::ChecklistTicked { count } => plain(format!("all {count} items are ticked")),
            Reason::ChecklistOpen { people, facts, ticked, of } => {
                let text = plain(format!("{ticked} of {of} ticked"));
                let text = match facts.as_slice() {
                    [] => text,
                    facts => text.and(format!("; not so yet: {}", cut_list(facts))),
                };
                match people.as_slice() {
                    [] => text,
                    people => text.and(format!("; to tick: {}", cut_list(people))),
                }
            }
            Reason::ChecklistUnreadable { item, why } => {
                plain(format!("cannot tell whether “{item}” is so ({why}); asking again by itself"))
            }
            Reason::Held { by, reason } => {
                let text = match by {
                    Some(by) => plain("held by ").span(self.person(by)).and(format!(": {reason}")),
                    None => plain(format!("held: {reason}")),
                };
                text.and("; Resume lets it go on")
            }
            Reason::NoApprovals => plain("none needed"),
            Reason::Approved { by, for_others } => {
                until(plain("approved by ").text(self.voters(by, for_others)))
            }
            Reason::ApprovalsMissing { by, shares, for_others, .. } if shares.len() > 1 => {
                self.shares(shares, by, for_others, &verdict.helpers.people)
            }
            Reason::ApprovalsMissing { by, needed, for_others, .. } => {
                let missing = u64::from(*needed).saturating_sub(by.len() as u64);
                let text =
                    plain(format!("needs {} from ", count(missing, "approval"))).and(groups(&helpers.groups));
                let text = if by.is_empty() {
                    text
                } else {
                    text.and("; so far ").text(self.voters(by, for_others))
                };
                if helpers.people.is_empty() {
                    text
                } else {
                    text.and(" — ").text(self.people(&helpers.people[..helpers.people.len().min(5)], true))
                }
            }
            Reason::NobodyMayApprove { groups: g } => plain(format!(
                "nobody in {} but the requester could approve; add somebody to the group",
                groups(g)
            )),
        }
    }

    fn lock_until(&self, text: Text, until: Option<Timestamp>) -> Text {
        match until {
            Some(at) => text.and(format!(" (until {})", self.at(at))),
            None => text,
        }
    }

    /// "after v1.2.2 of ada; 2nd of 3 in line, about today 14:12: api took 6 min on median of the last 10"
    fn queue(&self, reason: &Reason) -> Text {
        let Reason::InLine {
            active,
            ahead,
            expected,
            behind,
            took,
            unknown,
            untried,
            is_overdue,
            is_kept_out,
        } = reason
        else {
            return Text::default();
        };
        let text = match active {
            Some(other) => {
                let text = plain("after ").code(other.version.as_str()).and(" of ");
                text.span(self.person(&other.requester)).and("; ")
            }
            None => Text::default(),
        };
        if *is_kept_out {
            let others = match ahead {
                0 => String::new(),
                others => format!("{} ready to go before it; ", count(u64::from(*others), "other")),
            };
            return text.and(format!("{others}its place in line is known once all else is open"));
        }
        let text = text.and(Self::in_line(*ahead, *behind));
        let past = |usual: &Usual| {
            let took = super::duration(usual.took);
            let what = match &usual.action {
                Some(action) => format!("{action} of {}", usual.service),
                None => usual.service.to_string(),
            };
            match usual.of {
                1 => format!("{what} took {took} the only time"),
                of => format!("{what} took {took} on median of the last {of}"),
            }
        };
        let past = took.iter().map(past).collect::<Vec<_>>().join(", ");
        let names = unknown.iter().map(ToString::to_string).chain(untried.iter().map(ToString::to_string));
        let names = names.collect::<Vec<_>>().join(", ");
        match expected {
            Some(at) if !past.is_empty() => text.and(format!(", about {}: {past}", self.at(*at))),
            Some(at) => text.and(format!(", about {}", self.at(*at))),
            None if *is_overdue => text.and(format!(
                "; what runs takes longer than usual ({past}), so nobody can say how much longer"
            )),
            None if !names.is_empty() => text
                .and(format!("; {names} never succeeded here before, so nobody can say how long it takes")),
            None => text,
        }
    }

    /// "grace", "grace for ada and linus"
    fn voters(&self, by: &[PersonId], for_others: &BTreeMap<PersonId, PersonId>) -> Text {
        let mut text = Text::default();
        for (i, person) in by.iter().enumerate() {
            if i > 0 {
                text = text.and(if i + 1 == by.len() { " and " } else { ", " });
            }
            text = text.span(self.person(person));
            if let Some(of) = for_others.get(person) {
                text = text.and(" for ").span(self.person(of));
            }
        }
        text
    }

    /// What each group still owes: "1 approval from release-managers (grace), still 1 from security".
    fn shares(
        &self,
        shares: &[Share],
        by: &[PersonId],
        for_others: &BTreeMap<PersonId, PersonId>,
        people: &[PersonId],
    ) -> Text {
        let mut text = Text::plain("needs ");
        for (i, share) in shares.iter().enumerate() {
            let missing = u64::from(share.needed).saturating_sub(share.by.len() as u64);
            text = text.and(if i == 0 { "" } else { ", " });
            text = match missing {
                0 => text.and(format!("none more from {}", groups(&share.groups))),
                missing => text.and(format!("{} from {}", count(missing, "approval"), groups(&share.groups))),
            };
        }
        if !by.is_empty() {
            text = text.and("; so far ").text(self.voters(by, for_others));
        }
        match people {
            [] => text,
            people => text.and(" — ").text(self.people(&people[..people.len().min(5)], true)),
        }
    }

    fn opens(&self, text: Text, at: Option<Timestamp>, can_override: bool) -> Text {
        let text = match at {
            Some(at) => text.and(format!("; opens {}", self.at(at))),
            None => text.and("; no opening is planned"),
        };
        if can_override { text.and(", or ").text(emergency_hint()) } else { text }
    }
}

fn plain(text: impl Into<String>) -> Text {
    Text::plain(text)
}

fn emergency_hint() -> Text {
    Text::plain("in an emergency ").code("--emergency \"why\"")
}

pub(super) fn cut_list(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
