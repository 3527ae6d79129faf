//! Going through all deploys that are not over, page by page: at the start, and when something changed for many of them.
//! Not here: judging them (`judge`); one line of them (`judge_line`).
//!
//! There may be tens of thousands, and looking at one asks other systems that count requests. So only the first are
//! looked at at once; the others come after each other, and leave room for what people ask for meanwhile. Nothing is
//! lost by that: a deploy never starts on an old judgement.

use crate::bot::App;
use crate::effects::{Effect, Finish, NewEffect, Sweep};
use crate::judge::later;
use crate::store::{Filter, StoreError};
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::deploy::{Deploy, State};
use shipgate_domain::ids::{DeployId, EnvironmentName};

/// Deploys that are read and written together: a write of so many keeps others waiting for a few milliseconds.
const PAGE: u32 = 200;
/// Deploys that are judged at once.
const AT_ONCE: u32 = 100;
/// Each one more is judged so much later.
const EACH: SignedDuration = SignedDuration::from_millis(100);

impl App {
    /// Sees to it that every deploy that a change concerns is looked at.
    pub(crate) async fn sweep(&self, of: &Sweep) -> Result<Finish, StoreError> {
        let environment = match of {
            Sweep::Start | Sweep::Everywhere => None,
            Sweep::Environment(name) => Some(name),
        };
        if *of == Sweep::Start {
            self.nag_all().await?;
        }
        let mut judged = 0;
        let mut above = None;
        loop {
            let deploys = self.open_page(environment, above).await?;
            let Some(last) = deploys.last() else { return Ok(Finish::Done) };
            above = Some(last.id.clone());
            let mut changes = self.changes(self.now());
            for deploy in deploys {
                let wanted = self.wanted_of(of, deploy, changes.at, judged);
                judged += u32::from(wanted.iter().any(|new| matches!(new.effect, Effect::Judge { .. })));
                changes.effects.extend(wanted);
            }
            self.commit(changes).await?;
        }
    }

    /// Deploys that are not over, by id, after those of the page before. Empty after the last.
    pub(crate) async fn open_page(
        &self,
        environment: Option<&EnvironmentName>,
        above: Option<DeployId>,
    ) -> Result<Vec<Deploy>, StoreError> {
        let open = Filter { environment: environment.cloned(), only_open: true, ..Filter::default() };
        self.page(open, above).await
    }

    /// Deploys of a list, by id, after those of the page before. Empty after the last.
    pub(crate) async fn page(
        &self,
        list: Filter,
        above: Option<DeployId>,
    ) -> Result<Vec<Deploy>, StoreError> {
        let first = || DeployId::new(Timestamp::UNIX_EPOCH, [0; 10]);
        let page = Filter { above: Some(above.unwrap_or_else(first)), limit: PAGE, ..list };
        self.store.deploys(&page).await
    }

    fn wanted_of(&self, of: &Sweep, deploy: Deploy, now: Timestamp, judged: u32) -> Vec<NewEffect> {
        let id = deploy.id;
        let behind = i32::try_from(judged.saturating_sub(AT_ONCE)).unwrap_or(i32::MAX);
        let at = later(now, EACH * behind);
        let judge = Effect::Judge { deploy: id.clone() };
        match (of, deploy.state) {
            (Sweep::Everywhere | Sweep::Environment(_), State::Waiting { .. }) => {
                vec![NewEffect::whenever(judge, at)]
            }
            (Sweep::Everywhere | Sweep::Environment(_), _) | (Sweep::Start, State::Done { .. }) => Vec::new(),
            (Sweep::Start, State::Requested { .. }) => vec![NewEffect::whenever(judge, at)],
            // What an earlier version of the rules judged is judged again under these.
            (Sweep::Start, State::Waiting { .. })
                if judged < AT_ONCE || deploy.policy != self.rules.version =>
            {
                vec![NewEffect::whenever(judge, at)]
            }
            // Its timer says when to look again. Only where an older version put the timer away, it is missing.
            (Sweep::Start, State::Waiting { .. }) => vec![NewEffect::if_none(judge, at)],
            (Sweep::Start, State::Dispatching { intent, .. }) => vec![
                NewEffect::whenever(Effect::Reconcile { deploy: id.clone() }, now),
                NewEffect::whenever(Effect::Send { deploy: id, attempt: intent.attempt }, now),
            ],
            (Sweep::Start, State::Running { .. }) => {
                vec![NewEffect::whenever(Effect::Follow { deploy: id }, now)]
            }
        }
    }
}
