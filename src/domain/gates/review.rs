//! Was the change reviewed as the repository demands? Only approving reviews of what was merged count, the newest of
//! each person, and never the author's. Not here: reading them.

use super::{Finding, LOOK_AGAIN, Reason};
use crate::facts::{Case, PullReviews, Read, Said};
use crate::policy::ReviewRule;
use std::collections::BTreeMap;

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let rule = case.environment.preflight.reviews;
    if rule.is_none() {
        return None;
    }
    if case.deploy.is_rollback() {
        return Some(Finding::open(Reason::NotForRollback));
    }
    let again = case.now.saturating_add(LOOK_AGAIN).ok();
    let unread = |why: &str| Finding::waiting(Reason::ReviewsUnreadable { why: why.to_owned() }).until(again);
    let read = case.deploy.outside.as_ref().and_then(|o| o.preflight.reviews.as_ref());
    let reviews = match read {
        Some(Read::Known(reviews)) => reviews,
        Some(Read::Unknown(why)) => return Some(unread(why)),
        None => return Some(unread("they were not read yet")),
    };
    let needed = match (rule, reviews.demanded) {
        (ReviewRule::None, _) => return None,
        (ReviewRule::Count(count), _) => count,
        (ReviewRule::Required, Some(count)) => count,
        (ReviewRule::Required, None) => {
            let branch = case.service.pipeline.git_ref.clone();
            return Some(Finding::open(Reason::NoReviewsRequired { branch }));
        }
    };
    if !reviews.direct.is_empty() {
        return Some(Finding::closed(Reason::DirectPush { commits: reviews.direct.clone() }));
    }
    // Every commit came with one or the other: a list that names none was not read right.
    if reviews.pulls.is_empty() {
        return Some(unread("no pull request was named"));
    }
    if let Some((pull, by)) =
        reviews.pulls.iter().map(|p| (p.number, asking(p))).find(|(_, by)| !by.is_empty())
    {
        return Some(Finding::closed(Reason::ChangesRequested { pull, by }));
    }
    let lacks = |pull: &&PullReviews| approving(pull) < needed;
    let missing: Vec<u64> = reviews.pulls.iter().filter(lacks).map(|pull| pull.number).collect();
    Some(if missing.is_empty() {
        let pulls = u32::try_from(reviews.pulls.len()).unwrap_or(u32::MAX);
        Finding::open(Reason::Reviewed { pulls, needed })
    } else {
        Finding::closed(Reason::ReviewsMissing { pulls: missing, needed })
    })
}

/// What each person said last, the author left out: nobody reviews themselves.
fn last_words(pull: &PullReviews) -> BTreeMap<String, (Said, bool)> {
    let mut last = BTreeMap::new();
    for review in pull.reviews.iter().filter(|review| !review.by.eq_ignore_ascii_case(&pull.author)) {
        let is_of_head = review.of.as_ref() == Some(&pull.head);
        last.insert(review.by.to_ascii_lowercase(), (review.said, is_of_head));
    }
    last
}

/// Those who asked for changes, of whichever commit: only they take that back.
fn asking(pull: &PullReviews) -> Vec<String> {
    let is_no = |(_, (said, _)): &(String, (Said, bool))| *said == Said::ChangesRequested;
    last_words(pull).into_iter().filter(is_no).map(|(by, _)| by).collect()
}

/// How many people said yes to what was merged.
fn approving(pull: &PullReviews) -> u32 {
    let yes =
        last_words(pull).into_values().filter(|(said, is_of_head)| *said == Said::Approved && *is_of_head);
    u32::try_from(yes.count()).unwrap_or(u32::MAX)
}
