//! May this person deploy this service there? Not here: whether the account is theirs.

use super::{Finding, Reason, action};
use crate::facts::Case;
use crate::people::Standing;

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let nothing = crate::people::Memberships::default();
    let outside = case.deploy.outside.as_ref().map_or(&nothing, |o| &o.memberships);
    let Some(groups) = action::askers(case) else { return Some(Finding::open(Reason::MayLook)) };
    Some(match case.policy.standing(&case.deploy.request.by, &groups, outside) {
        Standing::Member => Finding::open(Reason::MayDeploy { groups }),
        Standing::Stranger => {
            Finding::closed(Reason::MayNotDeploy { groups: groups.clone() }).helped_by(Vec::new(), groups)
        }
        Standing::Unknown(why) => Finding::waiting(Reason::GroupUnreadable { why }),
    })
}
