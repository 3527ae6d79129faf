//! Have enough eligible, distinct people said yes to exactly this digest, recently? Not here: asking them.

mod shares;

use super::{Finding, LOOK_AGAIN, Reason, Share, action};
use crate::deploy::{Approval, OVERRIDE_LASTS};
use crate::facts::Case;
use crate::ids::{GroupName, PersonId};
use crate::people::{Memberships, Standing};
use crate::policy;
use jiff::{SignedDuration, Timestamp};
pub use shares::could_agree;
pub(super) use shares::fill;
use std::collections::BTreeMap;

/// Who agreed to what would be sent now.
pub(super) struct Agreed {
    /// Distinct people who count, in order of their approval.
    pub people: Vec<PersonId>,
    /// When the first of these approvals grows too old.
    pub until: Option<Timestamp>,
    /// Why somebody could not be counted, if a group could not be read.
    pub unknown: Option<String>,
    /// For whom those who stand in for somebody approved.
    pub for_others: BTreeMap<PersonId, PersonId>,
}

/// A fresh yes to the current digest by somebody who is not ruled out.
struct Voice {
    person: PersonId,
    end: Timestamp,
}

/// What makes somebody's yes count for a group.
enum Seat {
    Own,
    /// They stand in for this member, until then.
    For(PersonId, Timestamp),
    None,
    Unknown(String),
}

/// When a yes grows too old.
fn usual_end<'a>(case: &'a Case<'a>) -> impl Fn(&Approval) -> Timestamp + 'a {
    |approval| case.deploy.counts_until(approval, case.environment.approvals.expires)
}

/// The same for those who agreed to pass everything that is closed now, as the card showed it to them.
pub(super) fn agreed_to_pass(case: &Case<'_>, groups: &[GroupName], passes: &[String]) -> Agreed {
    let lasts = case.environment.approvals.expires.min(OVERRIDE_LASTS);
    let end = |approval: &Approval| approval.at.saturating_add(lasts).unwrap_or(Timestamp::MAX);
    among(case, groups, false, voices(case, false, end, |approval| approval.covers(passes, case.now)))
}

/// The same for those who agreed to one thing that the card showed them then, by its key.
pub(super) fn agreed_to_see(case: &Case<'_>, groups: &[GroupName], key: &str) -> Agreed {
    let shown = |approval: &Approval| approval.passes.iter().any(|shown| shown == key);
    among(case, groups, false, voices(case, false, usual_end(case), shown))
}

fn among(
    case: &Case<'_>,
    groups: &[GroupName],
    own: bool,
    (voices, mut unknown): (Vec<Voice>, Option<String>),
) -> Agreed {
    let mut agreed = Agreed { people: Vec::new(), until: None, unknown: None, for_others: BTreeMap::new() };
    let (seats, why) = seats(case, groups, own, &voices);
    unknown = unknown.or(why);
    for (voice, seat) in voices.iter().zip(seats) {
        let Some((of, end)) = seat else { continue };
        if let Some(of) = of {
            agreed.for_others.insert(voice.person.clone(), of);
        }
        agreed.people.push(voice.person.clone());
        agreed.until = Some(agreed.until.map_or(end, |until| until.min(end)));
    }
    agreed.unknown = unknown;
    agreed
}

fn outside<'a>(case: &'a Case<'_>, nothing: &'a Memberships) -> &'a Memberships {
    case.deploy.outside.as_ref().map_or(nothing, |o| &o.memberships)
}

fn is_requester(case: &Case<'_>, person: &PersonId) -> bool {
    case.policy.is_account_of(&case.deploy.request.account, person) || *person == case.deploy.request.by
}

/// Whether somebody's yes never counts, whatever group they are in.
fn is_ruled_out(case: &Case<'_>, person: &PersonId, own: bool) -> bool {
    (!own && is_requester(case, person)) || case.authors().is_ok_and(|authors| authors.contains(person))
}

/// Fresh approvals of the current digest, one for each person; and why somebody could not be counted.
fn voices(
    case: &Case<'_>,
    own: bool,
    end_of: impl Fn(&Approval) -> Timestamp,
    counts: impl Fn(&Approval) -> bool,
) -> (Vec<Voice>, Option<String>) {
    let nothing = Memberships::default();
    let outside = outside(case, &nothing);
    if let Err(why) = case.authors() {
        // Nobody can be ruled out, so nobody counts.
        return (Vec::new(), Some(why.to_owned()));
    }
    let mut unknown = None;
    let mut voices: Vec<Voice> = Vec::new();
    for approval in &case.deploy.approvals {
        let end = end_of(approval);
        let is_current = case.deploy.digest() == Some(&approval.digest) && approval.void.is_none();
        // Looked up anew: two accounts that were linked since are one person and one vote.
        let person = case.policy.person_of(&approval.account);
        if !is_current || case.now >= end || !counts(approval) || is_ruled_out(case, &person, own) {
            continue;
        }
        // Settings that name somebody do not know that their account was taken away.
        match outside.still_counts(&approval.account) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(why) => {
                unknown = Some(why);
                continue;
            }
        }
        match voices.iter_mut().find(|voice| voice.person == person) {
            Some(voice) => voice.end = voice.end.max(end),
            None => voices.push(Voice { person, end }),
        }
    }
    (voices, unknown)
}

/// For each voice, whether and for whom it counts in these groups, and until when. Whoever stands in for somebody
/// who said yes themselves counts for nobody: one seat, one vote.
#[allow(clippy::type_complexity, reason = "read in one place")]
fn seats(
    case: &Case<'_>,
    groups: &[GroupName],
    own: bool,
    voices: &[Voice],
) -> (Vec<Option<(Option<PersonId>, Timestamp)>>, Option<String>) {
    let mut unknown = None;
    let mut seats = Vec::new();
    for voice in voices {
        let is_taken = |of: &PersonId| voices.iter().any(|other| other.person == *of);
        seats.push(match seat(case, groups, own, &voice.person, is_taken) {
            Seat::Own => Some((None, voice.end)),
            Seat::For(of, until) => Some((Some(of), voice.end.min(until))),
            Seat::None => None,
            Seat::Unknown(why) => {
                unknown = Some(why);
                None
            }
        });
    }
    (seats, unknown)
}

fn seat(
    case: &Case<'_>,
    groups: &[GroupName],
    own: bool,
    person: &PersonId,
    is_taken: impl Fn(&PersonId) -> bool,
) -> Seat {
    let nothing = Memberships::default();
    let outside = outside(case, &nothing);
    let mut unknown = match case.policy.standing(person, groups, outside) {
        Standing::Member => return Seat::Own,
        Standing::Stranger => None,
        Standing::Unknown(why) => Some(why),
    };
    // Nobody lends the requester a vote, not even where their own would count.
    if is_requester(case, person) {
        return unknown.map_or(Seat::None, Seat::Unknown);
    }
    for away in outside.away_at(case.now).filter(|away| away.delegate == *person && !is_taken(&away.person)) {
        // Nobody gives away what they do not have; a stranger's account stands in for nobody.
        if is_ruled_out(case, &away.person, own) || !case.policy.people.contains_key(person) {
            continue;
        }
        match (outside.still_counts(&away.account), case.policy.standing(&away.person, groups, outside)) {
            (Ok(true), Standing::Member) => return Seat::For(away.person.clone(), away.until),
            (Ok(false), _) | (Ok(true), Standing::Stranger) => {}
            (Err(why), _) | (Ok(true), Standing::Unknown(why)) => unknown = Some(why),
        }
    }
    unknown.map_or(Seat::None, Seat::Unknown)
}

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let asked = asked(case, case.now.duration_since(case.deploy.request.at));
    if asked.is_empty() {
        return Some(Finding::open(Reason::NoApprovals));
    }
    let rule = &case.environment.approvals;
    if let Err(why) = case.authors() {
        let reason = Reason::AuthorsUnknown { why: why.to_owned() };
        // What could not be read is read again; a list that says nothing of somebody stays as it is.
        return Some(match case.is_diff_unread() {
            true => Finding::waiting(reason).until(case.now.saturating_add(LOOK_AGAIN).ok()),
            false => Finding::closed(reason),
        });
    }
    let (voices, mut unknown) = voices(case, rule.own, usual_end(case), |_| true);
    let mut fits = vec![Vec::new(); voices.len()];
    let (mut until, mut for_others): (Option<Timestamp>, BTreeMap<PersonId, PersonId>) = Default::default();
    for (number, share) in asked.iter().enumerate() {
        let (seats, why) = seats(case, &share.from, rule.own, &voices);
        unknown = unknown.or(why);
        for (index, seat) in seats.into_iter().enumerate() {
            let Some((of, end)) = seat else { continue };
            for_others.extend(of.map(|of| (voices[index].person.clone(), of)));
            fits[index].push(number);
            until = Some(until.map_or(end, |until| until.min(end)));
        }
    }
    let needed: Vec<u32> = asked.iter().map(|share| share.needed).collect();
    let filled = fill(&fits, &needed);
    let by: Vec<PersonId> = voices
        .iter()
        .zip(&fits)
        .filter(|(_, fits)| !fits.is_empty())
        .map(|(v, _)| v.person.clone())
        .collect();
    if filled.is_full() {
        return Some(Finding::open(Reason::Approved { by, for_others }).until(until));
    }
    if let Some(why) = unknown {
        return Some(Finding::waiting(Reason::GroupUnreadable { why }));
    }
    if !enough_may(case) {
        let groups = asked.iter().flat_map(|share| share.from.iter().cloned()).collect();
        return Some(Finding::closed(Reason::NobodyMayApprove { groups }));
    }
    let mut groups: Vec<GroupName> = Vec::new();
    for number in filled.open() {
        groups.extend(asked[number].from.iter().filter(|g| !groups.contains(g)).cloned().collect::<Vec<_>>());
    }
    let is_plain = asked.len() == 1 && asked[0].from == rule.from;
    let shares = asked.iter().enumerate().map(|(number, share)| Share {
        groups: share.from.clone(),
        needed: share.needed,
        by: filled.of(number).map(|index| voices[index].person.clone()).collect(),
    });
    let shares = if is_plain { Vec::new() } else { shares.collect() };
    let reason = Reason::ApprovalsMissing { by, needed: needed.iter().sum(), shares, for_others };
    Some(Finding::waiting(reason).until(next_step(case)).helped_by(candidates(case, &groups), groups))
}

/// Who must say yes to a request of that age. A way back asks the first group alone, by its own number.
fn asked(case: &Case<'_>, age: SignedDuration) -> Vec<policy::Share> {
    let rule = &case.environment.approvals;
    let mut asked = if case.deploy.is_rollback() {
        let mut shares = rule.shares(case.environment.rollback.needed, age);
        shares.truncate(1);
        shares
    } else {
        rule.shares(rule.needed.max(action::least_approvals(case)), age)
    };
    asked.retain(|share| share.needed > 0);
    asked
}

/// When the next people are asked.
fn next_step(case: &Case<'_>) -> Option<Timestamp> {
    let steps = case.environment.approvals.escalate.iter();
    let at = steps.filter_map(|step| case.deploy.request.at.checked_add(step.after).ok());
    at.filter(|at| *at > case.now).min()
}

/// Whether enough people could approve in the end: named ones who are not ruled out, or a group kept elsewhere.
fn enough_may(case: &Case<'_>) -> bool {
    let own = case.environment.approvals.own;
    could_agree(case.policy, &asked(case, SignedDuration::MAX), |person| is_ruled_out(case, person, own))
}

/// Everybody known to be in the groups, or to stand in for somebody who is, without those whose yes would not count
/// and those who gave it.
pub(super) fn candidates(case: &Case<'_>, groups: &[GroupName]) -> Vec<PersonId> {
    let nothing = Memberships::default();
    let outside = outside(case, &nothing);
    let mut people = case.policy.members(groups, outside);
    let own = case.environment.approvals.own;
    let stand_ins = outside.away_at(case.now).map(|away| away.delegate.clone());
    people.extend(
        stand_ins.filter(|person| matches!(seat(case, groups, own, person, |_| false), Seat::For(..))),
    );
    let current = case.deploy.digest();
    people.retain(|person| {
        !is_ruled_out(case, person, false)
            && !case
                .deploy
                .approvals
                .iter()
                .any(|a| a.by == *person && a.void.is_none() && Some(&a.digest) == current)
    });
    people.sort();
    people.dedup();
    people
}
