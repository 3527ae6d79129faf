//! Approve, reject, hold, resume, cancel, close, resolve: what people want of a deploy, by word or by button.
//! Not here: whether the deploy's state allows it (`domain::deploy`).

use crate::bot::App;
use crate::cards::Press;
use crate::commands::{Action as Wish, Invocation};
use crate::intake::Visit;
use crate::ports::OutsideError;
use crate::store::{CardButton, CardRow, Filter, StoreError};
use shipgate_domain::audit::Actor;
use shipgate_domain::deploy::{Ask, Deploy, Resolution, State};
use shipgate_domain::facts;
use shipgate_domain::ids::{Digest, GroupName};
use shipgate_domain::people::{Action, Authorized, Denied, Standing, standing_for, who_is_there};
use shipgate_domain::policy::Environment;

/// Longest reason that is kept.
const REASON: usize = 500;

/// Whether a word can only be the short id of another deploy: as long as those on cards, with a digit in it.
fn is_deploy_id(text: &str) -> bool {
    let word = text.trim();
    word.len() == 6
        && word.bytes().all(|b| b.is_ascii_alphanumeric())
        && word.bytes().any(|b| b.is_ascii_digit())
}

impl App {
    /// `approve 7K2M`, `reject because …`, `hold`, `resume`, `cancel`.
    pub(crate) async fn ask_by_words(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
    ) -> Result<(), StoreError> {
        let fits = |d: &Deploy| match said.action {
            Wish::DeployApprove | Wish::DeployWithdraw | Wish::DeployReject => {
                matches!(d.state, State::Waiting { .. })
            }
            Wish::DeployHold => matches!(d.state, State::Waiting { .. }) && d.hold.is_none(),
            Wish::DeployResume => matches!(d.state, State::Waiting { .. }) && d.hold.is_some(),
            _ => !d.is_done(),
        };
        // Whoever names two deploys would believe that they approved both.
        if said.action == Wish::DeployApprove && said.text("comment").is_some_and(is_deploy_id) {
            let answer = self.words().one_approval_at_a_time();
            visit.answer(answer);
            return Ok(());
        }
        let Some(deploy) = self.which(visit, said, fits).await? else { return Ok(()) };
        let reason = said.text("reason").map(ToOwned::to_owned);
        let ask = match said.action {
            Wish::DeployApprove => match deploy.digest() {
                Some(_) if !self.is_as_shown(&deploy).await? => {
                    let answer = self.words().not_shown_yet(&deploy);
                    visit.answer(answer);
                    return Ok(());
                }
                Some(digest) => Ask::Approve(digest.clone(), said.text("comment").map(ToOwned::to_owned)),
                None => {
                    let answer = self.words().not_pinned_yet(&deploy);
                    visit.answer(answer);
                    return Ok(());
                }
            },
            Wish::DeployWithdraw => Ask::Withdraw,
            Wish::DeployReject => return self.reject(visit, &deploy, reason.unwrap_or_default()).await,
            Wish::DeployHold => Ask::Hold(reason.unwrap_or_else(|| "no reason given".into())),
            Wish::DeployResume => Ask::Resume,
            _ => Ask::Cancel(reason),
        };
        self.ask(visit, &deploy, ask).await
    }

    /// Whether a yes now would be to what the card shows: its commit and rules, and the closed hours, freezes and
    /// migrations. Only those need a card; without one there is nothing else to see than what was asked for.
    async fn is_as_shown(&self, deploy: &Deploy) -> Result<bool, StoreError> {
        let row = self.store.card(&deploy.id).await?;
        let is_current = |button: &&CardButton, row: &CardRow| {
            button.generation == row.generation && button.press == Press::Approve.name()
        };
        let button = row.as_ref().and_then(|row| row.buttons.iter().find(|button| is_current(button, row)));
        let (digest, passes) = (deploy.digest().map(ToString::to_string), deploy.to_pass());
        Ok(match button {
            Some(button) => button.digest == digest && button.passes == passes,
            None => passes.is_empty(),
        })
    }

    /// A click on Approve, Hold, Resume, Cancel, Close, It did not start, Look longer.
    pub(crate) async fn ask_by_press(
        &self,
        visit: &mut Visit<'_>,
        deploy: &Deploy,
        button: &CardButton,
        press: Press,
    ) -> Result<(), StoreError> {
        let ask = match press {
            Press::Approve => {
                let Some(digest) = button.digest.as_ref().and_then(|d| d.parse::<Digest>().ok()) else {
                    return Ok(());
                };
                Ask::Approve(digest, None)
            }
            Press::Hold => Ask::Hold("by button".into()),
            Press::Resume => Ask::Resume,
            Press::Close => Ask::Close,
            Press::DidNotStart => Ask::Resolve(Resolution::DidNotStart),
            Press::WaitMore => Ask::Resolve(Resolution::WaitMore),
            _ => Ask::Cancel(None),
        };
        self.ask(visit, deploy, ask).await
    }

    /// Says no, with a reason.
    pub(crate) async fn reject(
        &self,
        visit: &mut Visit<'_>,
        deploy: &Deploy,
        reason: String,
    ) -> Result<(), StoreError> {
        let reason = reason.trim().to_owned();
        if reason.is_empty() {
            let answer = self.words().reason_needed();
            visit.answer(answer);
            return Ok(());
        }
        self.ask(visit, deploy, Ask::Reject(reason)).await
    }

    /// Somebody found the run of a start whose outcome was unknown.
    pub(crate) async fn started(
        &self,
        visit: &mut Visit<'_>,
        deploy: &Deploy,
        link: &str,
    ) -> Result<(), StoreError> {
        let State::Dispatching { intent, .. } = &deploy.state else {
            let answer = self.words().stale_button(deploy, Press::Started);
            visit.answer(answer);
            return Ok(());
        };
        // Nobody makes Shipgate ask another system for something that they may not decide.
        if !self.may(visit, deploy, Action::Resolve).await {
            return Ok(());
        }
        let run = match self.providers.pipelines(intent.plan.provider) {
            Ok(pipelines) => pipelines.identify(&intent.plan, link).await,
            Err(error) => Err(error),
        };
        match run {
            Ok(Some(run)) => self.ask(visit, deploy, Ask::Resolve(Resolution::Started { run })).await,
            Ok(None) => {
                let answer = self.words().no_such_run(link);
                visit.answer(answer);
                Ok(())
            }
            Err(OutsideError::Later { why, .. } | OutsideError::Refused { why }) => {
                let answer = self.words().cannot_look(&why);
                visit.answer(answer);
                Ok(())
            }
        }
    }

    async fn ask(&self, visit: &mut Visit<'_>, deploy: &Deploy, ask: Ask) -> Result<(), StoreError> {
        let action = ask.action();
        let Some((environment, _)) = self.place_of(deploy) else {
            let answer = self.words().place_is_gone(deploy);
            visit.answer(answer);
            return Ok(());
        };
        let grant = match self.authorize(&visit.inbound.account, action, Some(environment)).await {
            Ok(grant) => grant,
            Err(denied) => {
                self.deny(visit, deploy, action, &denied);
                return Ok(());
            }
        };
        if matches!(ask, Ask::Approve(..))
            && !environment.approvals.own
            && grant.person() == &deploy.request.by
        {
            metrics::counter!("shipgate_presses_refused_total", "reason" => "own").increment(1);
            let answer = self.words().own_approval(deploy);
            visit.answer(answer);
            return Ok(());
        }
        if matches!(ask, Ask::Approve(..)) && !self.has_a_say(visit, deploy, environment, &grant).await? {
            return Ok(());
        }
        let decides = matches!(ask, Ask::Resolve(Resolution::DidNotStart | Resolution::Started { .. }));
        let asked = deploy.action().and_then(|asked| self.rules.policy.actions.get(&asked.name));
        let needed = environment.approvals.needed.max(asked.map_or(0, |rule| rule.approvals));
        if decides && needed > 0 && grant.person() == &deploy.request.by {
            let answer = self.words().own_resolution(deploy);
            visit.answer(answer);
            return Ok(());
        }
        let ask = match ask {
            Ask::Approve(digest, comment) => Ask::Approve(digest, comment.map(cut)),
            Ask::Reject(reason) => Ask::Reject(cut(reason)),
            Ask::Hold(reason) => Ask::Hold(cut(reason)),
            Ask::Cancel(reason) => Ask::Cancel(reason.map(cut)),
            other => other,
        };
        match deploy.ask(&grant, ask, visit.now) {
            Ok(step) => {
                self.record(&mut visit.changes, deploy, &step, Actor::of(&grant));
                let answer = self.words().done(deploy, &step);
                let answer = match self.words().warning(&deploy.verdicts) {
                    Some(warning) => answer.paragraph(crate::words::Text::plain("⚠ ").text(warning)),
                    None => answer,
                };
                visit.answer(answer);
            }
            Err(illegal) => {
                metrics::counter!("shipgate_presses_refused_total", "reason" => "state").increment(1);
                let answer = self.words().illegal(deploy, &illegal);
                visit.answer(answer);
            }
        }
        Ok(())
    }

    /// Whether somebody's yes could count for a deploy; if not, they are told why.
    async fn has_a_say(
        &self,
        visit: &mut Visit<'_>,
        deploy: &Deploy,
        environment: &Environment,
        grant: &Authorized,
    ) -> Result<bool, StoreError> {
        let policy = &self.rules.policy;
        let wrote = facts::writers(policy, environment, deploy).unwrap_or_default();
        if wrote.contains(grant.person()) {
            metrics::counter!("shipgate_presses_refused_total", "reason" => "author").increment(1);
            let answer = self.words().own_code(deploy);
            visit.answer(answer);
            return Ok(false);
        }
        if deploy.request.emergency.is_some() {
            return Ok(true);
        }
        // Somebody of the override group alone has a say in emergencies only, and whoever it was not escalated to yet
        // has none so far.
        let rule = &environment.approvals;
        let age = visit.now.duration_since(deploy.request.at);
        let mut groups: Vec<GroupName> =
            rule.shares(rule.needed, age).into_iter().flat_map(|share| share.from).collect();
        groups.extend(environment.preflight.migrations.iter().flat_map(|rule| rule.from.iter().cloned()));
        let mut outside = self.memberships(&groups).await;
        let (_, away) = self.absences().await?;
        outside.set_away(away.into_iter().filter(|away| away.holds(visit.now)).collect());
        if standing_for(policy, &outside, grant.person(), &groups) == Standing::Member {
            return Ok(true);
        }
        let (action, environment) = (Action::Approve, environment.name.clone());
        let people = who_is_there(policy, &outside, action, &groups);
        self.deny(visit, deploy, action, &Denied::NotInGroup { action, environment, groups, people });
        Ok(false)
    }

    /// Whether a person may do something with a deploy; if not, they are told, and it is written down.
    pub(crate) async fn may(&self, visit: &mut Visit<'_>, deploy: &Deploy, action: Action) -> bool {
        let Some((environment, _)) = self.place_of(deploy) else {
            let answer = self.words().place_is_gone(deploy);
            visit.answer(answer);
            return false;
        };
        match self.authorize(&visit.inbound.account, action, Some(environment)).await {
            Ok(_) => true,
            Err(denied) => {
                self.deny(visit, deploy, action, &denied);
                false
            }
        }
    }

    /// Tells somebody privately that they may not, and writes it down.
    pub(crate) fn deny(&self, visit: &mut Visit<'_>, deploy: &Deploy, action: Action, denied: &Denied) {
        metrics::counter!("shipgate_denied_total", "code" => denied.code()).increment(1);
        let actor = Actor::Person { person: visit.person.clone(), account: visit.inbound.account.clone() };
        let data = serde_json::json!({ "action": action, "denied": denied, "of": deploy.id });
        self.note(&mut visit.changes, actor, Some(&deploy.request.environment), "denied", data);
        let answer = self.words().denied(action, denied);
        visit.answer(answer);
    }

    /// The deploy somebody means: by the end of its id, or the only one that fits.
    pub(crate) async fn which(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
        fits: impl Fn(&Deploy) -> bool,
    ) -> Result<Option<Deploy>, StoreError> {
        let candidates = match said.deploy() {
            Some(short) => {
                let short_id = Some(short.to_ascii_uppercase());
                self.store.deploys(&Filter { short_id, limit: 5, ..Filter::default() }).await?
            }
            None => {
                let over = matches!(said.action, Wish::DeployRerun | Wish::DeployLogs);
                let filter = Filter { only_open: !over, limit: 500, ..Filter::default() };
                let open = self.store.deploys(&filter).await?;
                open.into_iter().filter(|d| fits(d)).collect()
            }
        };
        Ok(match <[Deploy; 1]>::try_from(candidates) {
            Ok([deploy]) => Some(deploy),
            Err(several) => {
                let answer = self.words().which_deploy(said, &several);
                visit.answer(answer);
                None
            }
        })
    }
}

fn cut(text: String) -> String {
    if text.chars().count() <= REASON {
        text
    } else {
        text.chars().take(REASON).chain("…".chars()).collect()
    }
}
