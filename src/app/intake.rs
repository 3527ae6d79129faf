//! What happens to one inbox item: words are understood, clicks are matched to their card, forms are read.
//! Not here: the use cases themselves.

use crate::bot::App;
use crate::cards::{Press, token_hash};
use crate::commands::{Action as Wish, ArgSpec, Entry, Invocation, Kind, Parsed, check_secret};
use crate::effects::{Effect, Finish, Leased, NewEffect};
use crate::inbound::{Content, Inbound, ReplyTo};
use crate::point;
use crate::poison::said;
use crate::ports::{ChatError, MessageRef};
use crate::store::{CardButton, CardRow, Changes, Expect, Standing, StoreError, Waiting};
use crate::words::{Form, Message};
use futures_util::FutureExt as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shipgate_domain::deploy::Deploy;
use shipgate_domain::ids::{DeployId, PersonId};
use shipgate_domain::people::Action;
use std::panic::AssertUnwindSafe;

/// How often one item starts over because something changed under it.
const TRIES: usize = 10;

/// Somebody at work: who, where answers go, and the write that their item becomes.
pub(crate) struct Visit<'a> {
    /// What came in.
    pub inbound: &'a Inbound,
    /// The person behind the account.
    pub person: PersonId,
    /// When it is worked on.
    pub now: Timestamp,
    /// When it came in: what happened since, whoever sent it had not seen.
    pub heard: Timestamp,
    /// What will be written.
    pub changes: Changes,
    answers: u32,
    /// Names what is answered: the same question gets each of its answers once.
    question: String,
}

/// The kinds of forms, for tables and tests.
pub const FORMS: [&str; 3] = ["words", "reject", "started"];

/// What a form of ours carries, and brings back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case")]
pub(crate) enum Context {
    /// The missing words of a command.
    Words {
        /// What was said.
        invocation: Invocation,
    },
    /// The reason of a rejection.
    Reject {
        /// The button that opened it.
        value: String,
    },
    /// Which run it is.
    Started {
        /// The button that opened it.
        value: String,
    },
}

/// So often a beginning that the database spoilt does not count, one a second. An item that spoils its own writes is
/// put away after that.
const GIVEN_BACK: u32 = 60;

/// An inbox item that was begun in vain because the database failed.
#[derive(Debug, Default)]
pub(crate) struct InVain {
    item: i64,
    failures: u32,
    /// The beginning was counted and is to be taken back.
    is_owed: bool,
}

impl Visit<'_> {
    /// Answers the person privately.
    pub fn answer(&mut self, message: Message) {
        let (to, message) = (Box::new(self.inbound.reply_to.clone()), Box::new(message));
        self.effect(Effect::Reply { to, message });
    }

    /// Opens a form for the person.
    pub fn open(&mut self, form: Form, otherwise: Message) {
        let to: Box<ReplyTo> = Box::new(self.inbound.reply_to.clone());
        self.effect(Effect::OpenForm { to, form: Box::new(form), otherwise: Box::new(otherwise) });
    }

    /// Leaves a question to those who may wait for another system. Words that are missing are asked for in a form.
    fn look(&mut self, said: &Invocation, missing: Vec<ArgSpec>) {
        let (inbound, said) = (Box::new(self.inbound.clone()), Box::new(said.clone()));
        self.effect(Effect::Look { inbound, said, missing });
    }

    fn effect(&mut self, effect: Effect) {
        self.answers += 1;
        let key = format!("{}/{}", self.question, self.answers);
        self.changes.effects.push(NewEffect::once(key, effect, self.now));
    }
}

impl App {
    /// Works on the oldest inbox item that this worker may have. Says whether there was one, and may be more.
    ///
    /// # Errors
    /// The database failed; the item stays with this worker.
    pub async fn work_inbox(&self, worker: u32) -> Result<bool, StoreError> {
        let owed = self.in_vain().get(&worker).filter(|vain| vain.is_owed).map(|vain| vain.item);
        if let Some(id) = owed {
            self.store.inbox_again(self.epoch(), id).await?;
            self.in_vain().entry(worker).and_modify(|vain| vain.is_owed = false);
        }
        let Some(item) = self.store.inbox_next(self.epoch(), worker).await? else { return Ok(false) };
        // Where one was, there may be more: the next worker looks while this one works.
        self.inbox_woken.notify_one();
        let worked = if Self::is_spent(&item) {
            self.put_item_away(&item).await
        } else {
            match AssertUnwindSafe(self.work_item(&item)).catch_unwind().await {
                Ok(worked) => worked,
                // It was counted before it began, and comes again until it was tried often enough.
                Err(panic) => {
                    let why = said(panic.as_ref());
                    tracing::error!(item = item.id, "work on a command broke off: {why}");
                    metrics::counter!("shipgate_worker_panics_total").increment(1);
                    Ok(())
                }
            }
        };
        let mut in_vain = self.in_vain();
        match worked {
            Ok(()) => {
                in_vain.remove(&worker);
                // Who stands aside by now takes nothing: not what it gave back a moment ago, either.
                Ok(!self.is_aside())
            }
            Err(error) => {
                let vain = in_vain.entry(worker).or_default();
                if vain.item != item.id {
                    *vain = InVain { item: item.id, ..InVain::default() };
                }
                vain.failures += 1;
                let may_pass = matches!(error, StoreError::Failed { may_pass: true, .. });
                vain.is_owed = may_pass && vain.failures <= GIVEN_BACK;
                Err(error)
            }
        }
    }

    async fn work_item(&self, item: &Waiting) -> Result<(), StoreError> {
        point!("inbox", item.inbound.content.name(), "taken");
        for _ in 0..TRIES {
            let mut visit = self.visit(&item.inbound, format!("answer/{}", item.id));
            visit.heard = item.at;
            match &item.inbound.content {
                Content::Slash { command, text } => {
                    self.hear(&mut visit, text, Entry::Slash(command)).await?
                }
                Content::Mention { text } => self.hear(&mut visit, text, Entry::Mention).await?,
                Content::Press { value, message } => {
                    self.pressed(&mut visit, value, message.as_ref()).await?
                }
                Content::Tick { value, selected, message } => {
                    self.ticked(&mut visit, value, selected, message.as_ref()).await?
                }
                Content::Submit { context, fields } => {
                    let fields: Vec<(String, String)> =
                        fields.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
                    self.submitted(&mut visit, context, &fields).await?;
                }
            }
            point!("inbox", item.inbound.content.name(), "understood");
            if self.finish_item(item, visit.changes).await? {
                point!("inbox", item.inbound.content.name(), "done");
                return Ok(());
            }
            if self.is_given_back(item).await? {
                return Ok(());
            }
        }
        let mut visit = self.visit(&item.inbound, format!("answer/{}", item.id));
        let busy = self.words().too_busy();
        visit.answer(busy);
        if self.finish_item(item, visit.changes).await? || self.is_given_back(item).await? {
            return Ok(());
        }
        Err(StoreError::Conflict { what: "the inbox item".into() })
    }

    /// Writes what an item leads to; false when something changed meanwhile. Who may do what is read from the rules, so
    /// what was understood by older ones than those in force is not written, not even as a refusal.
    async fn finish_item(&self, item: &Waiting, mut changes: Changes) -> Result<bool, StoreError> {
        changes.inbox_done = Some(item.id);
        changes.expect.push(Expect::RulesInForce);
        match self.commit(changes).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether the rules are others by now. Then the write was refused for that, and the item is free again, with this
    /// beginning uncounted: whoever has the newer rules understands it anew, and nobody was told anything.
    async fn is_given_back(&self, item: &Waiting) -> Result<bool, StoreError> {
        let mut asked = self.changes(self.now());
        asked.expect.push(Expect::RulesInForce);
        match self.store.commit(asked).await {
            Ok(()) => return Ok(false),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        // Known by the next sign of life anyway. Until then, others would only be taken to be given back.
        self.stand(Standing::Aside);
        self.store.inbox_give_back(self.epoch(), item.id).await?;
        Ok(true)
    }

    pub(crate) fn visit<'a>(&self, inbound: &'a Inbound, question: String) -> Visit<'a> {
        let now = self.now();
        let person = self.rules.policy.person_of(&inbound.account);
        Visit { inbound, person, now, heard: now, changes: self.changes(now), answers: 0, question }
    }

    /// Answers a question for which another system is asked. The inbox waits for nobody: it left this as an effect.
    pub(crate) async fn look(
        &self,
        leased: &Leased,
        inbound: &Inbound,
        said: &Invocation,
        missing: &[ArgSpec],
    ) -> Result<Finish, StoreError> {
        let mut visit = self.visit(inbound, leased.key.clone());
        match said.action {
            _ if !missing.is_empty() => self.ask_for(&mut visit, said, missing).await?,
            Wish::CalendarExplain => self.show_explain(&mut visit, said).await?,
            Wish::PeopleWhoCan => self.show_who_can(&mut visit, said).await?,
            _ => self.show_diff(&mut visit, said).await?,
        }
        self.commit(visit.changes).await?;
        Ok(Finish::Done)
    }

    async fn hear(&self, visit: &mut Visit<'_>, text: &str, entry: Entry<'_>) -> Result<(), StoreError> {
        let names = self.names().await?;
        let parsed = self.rules.grammar.parse(text, &names, entry);
        self.understood(visit, parsed).await
    }

    async fn understood(&self, visit: &mut Visit<'_>, parsed: Parsed) -> Result<(), StoreError> {
        match parsed {
            Parsed::Understood(invocation) => self.carry_out(visit, &invocation).await,
            Parsed::Missing { invocation, missing } => {
                let has_form = visit.inbound.reply_to.trigger.is_some();
                if has_form && missing.iter().any(|arg| arg.kind == Kind::Version) {
                    visit.look(&invocation, missing);
                    return Ok(());
                }
                self.ask_for(visit, &invocation, &missing).await
            }
            Parsed::Refused(refusal) => {
                metrics::counter!("shipgate_not_understood_total", "code" => refusal.code()).increment(1);
                let answer = self.words().not_understood(&refusal);
                visit.answer(answer);
                Ok(())
            }
        }
    }

    /// Asks for missing words: in a form, or where there can be none, by saying how to say it.
    async fn ask_for(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
        missing: &[ArgSpec],
    ) -> Result<(), StoreError> {
        let otherwise = self.words().missing_words(&self.rules.grammar, said, missing);
        if visit.inbound.reply_to.trigger.is_some() {
            let form = self.form_for(said, missing).await?;
            visit.open(form, otherwise);
        } else {
            visit.answer(otherwise);
        }
        Ok(())
    }

    async fn carry_out(&self, visit: &mut Visit<'_>, said: &Invocation) -> Result<(), StoreError> {
        tracing::info!(person = %visit.person, command = %said.command, "a command came in");
        let is_question = matches!(
            said.action,
            Wish::DeployLogs
                | Wish::DeployChecklist
                | Wish::StatusShow
                | Wish::HistoryShow
                | Wish::DiffShow
                | Wish::CalendarWhen
                | Wish::CalendarExplain
                | Wish::FreezeList
                | Wish::PeopleWhoCan
        );
        if is_question && self.allowed(visit, Action::Read, None).await.is_none() {
            return Ok(());
        }
        match said.action {
            Wish::DeployRequest => self.request_deploy(visit, said).await,
            Wish::DeployRollback => self.request_rollback(visit, said).await,
            Wish::DeployRerun => self.request_rerun(visit, said).await,
            Wish::DeployApprove
            | Wish::DeployWithdraw
            | Wish::DeployReject
            | Wish::DeployCancel
            | Wish::DeployHold
            | Wish::DeployResume => self.ask_by_words(visit, said).await,
            Wish::DeployLogs => self.show_logs(visit, said).await,
            Wish::DeployChecklist => self.show_checklist(visit, said).await,
            Wish::StatusShow => self.show_status(visit, said).await,
            Wish::HistoryShow => self.show_history(visit, said).await,
            // These ask the code host, or who is in a group.
            Wish::DiffShow | Wish::CalendarExplain | Wish::PeopleWhoCan => {
                visit.look(said, Vec::new());
                Ok(())
            }
            Wish::CalendarWhen => self.show_when(visit, said).await,
            Wish::DispatchResume => self.resume_dispatching(visit, said).await,
            Wish::LockTake => self.take_lock(visit, said).await,
            Wish::LockRelease => self.release_lock(visit, said).await,
            Wish::FreezeAdd => self.add_freeze(visit, said).await,
            Wish::FreezeList => self.show_freezes(visit, said).await,
            Wish::FreezeEnd => self.end_freeze(visit, said).await,
            Wish::DeployIncident => self.note_incident(visit, said).await,
            Wish::AwayStart => self.go_away(visit, said).await,
            Wish::AwayEnd => self.come_back(visit, said).await,
            Wish::Pipeline => self.request_action(visit, said).await,
            Wish::HelpShow => {
                let page = self.rules.grammar.help(said.text("command").or_else(|| said.text("topic")));
                let words = self.words();
                visit.answer(match page {
                    Ok(page) => words.help(&page),
                    Err(refusal) => words.not_understood(&refusal),
                });
                Ok(())
            }
        }
    }

    /// A click: the token says which button of which card it was. Stale, foreign and forged clicks change nothing.
    async fn pressed(
        &self,
        visit: &mut Visit<'_>,
        value: &str,
        message: Option<&MessageRef>,
    ) -> Result<(), StoreError> {
        if value.starts_with(crate::lock_nags::VALUE) {
            return self.lock_pressed(visit, value, message).await;
        }
        let Some((deploy, button, press)) = self.find_button(visit, value, message).await? else {
            return Ok(());
        };
        let needs = match press {
            Press::Reject => Some(Action::Reject),
            Press::Started => Some(Action::Resolve),
            _ => None,
        };
        if let Some(action) = needs
            && !self.may(visit, &deploy, action).await
        {
            return Ok(());
        }
        match press {
            Press::Reject => {
                let form =
                    self.words().reject_form(&deploy, Context::Reject { value: value.to_owned() }.to_text());
                let otherwise = self.words().say_reject_instead(&deploy);
                visit.open(form, otherwise);
                Ok(())
            }
            Press::Started => {
                let context = Context::Started { value: value.to_owned() }.to_text();
                let form = self.words().which_run_form(&deploy, context);
                let otherwise = self.words().too_late_for_form();
                visit.open(form, otherwise);
                Ok(())
            }
            Press::Approve
            | Press::Hold
            | Press::Resume
            | Press::Cancel
            | Press::Close
            | Press::DidNotStart
            | Press::WaitMore => self.ask_by_press(visit, &deploy, &button, press).await,
            Press::Rerun => self.rerun(visit, &deploy).await,
            Press::RollBack => self.roll_back(visit, &deploy).await,
            Press::DeployBefore => self.deploy_before(visit, &deploy).await,
        }?;
        // A second click, minutes later, would roll back once more. Who may not, uses nothing up.
        if press.is_single() && visit.changes.deploys.iter().any(|row| !row.deploy.is_done()) {
            let name = used_up(&button);
            visit.changes.expect.push(Expect::Note(name.clone(), None));
            visit.changes.notes.push((name, visit.inbound.key.clone()));
        }
        Ok(())
    }

    /// The deploy and button a value means, if the button still counts; otherwise the person is told why not.
    async fn find_button(
        &self,
        visit: &mut Visit<'_>,
        value: &str,
        message: Option<&MessageRef>,
    ) -> Result<Option<(Deploy, CardButton, Press)>, StoreError> {
        let forged = |app: &Self, visit: &mut Visit<'_>| {
            metrics::counter!("shipgate_presses_refused_total", "reason" => "unknown").increment(1);
            let answer = app.words().unknown_button();
            visit.answer(answer);
        };
        let parts = value.split_once('.').and_then(|(id, token)| Some((id.parse::<DeployId>().ok()?, token)));
        let Some((id, token)) = parts else {
            forged(self, visit);
            return Ok(None);
        };
        let (Some(deploy), Some(row)) = (self.store.deploy(&id).await?, self.store.card(&id).await?) else {
            forged(self, visit);
            return Ok(None);
        };
        let hash = token_hash(token);
        let Some(button) = row.buttons.iter().find(|b| b.token_hash == hash).cloned() else {
            forged(self, visit);
            return Ok(None);
        };
        if let Some(message) = message {
            match self.stands_on_card(&row, message).await {
                Ok(true) => {}
                Ok(false) => {
                    forged(self, visit);
                    return Ok(None);
                }
                Err(error) => {
                    tracing::warn!(deploy.id = %deploy.id, "cannot tell where a button stands: {error}");
                    metrics::counter!("shipgate_presses_refused_total", "reason" => "unread").increment(1);
                    let answer = self.words().early_button();
                    visit.answer(answer);
                    return Ok(None);
                }
            }
        }
        let Some(press) = Press::from_name(&button.press) else {
            forged(self, visit);
            return Ok(None);
        };
        let is_used_up = press.is_single() && self.store.note(&used_up(&button)).await?.is_some();
        let is_stale = is_used_up
            || button.generation != row.generation
            || button.digest != deploy.digest().map(ToString::to_string)
            || (press == Press::Approve && button.passes != deploy.to_pass())
            || !crate::cards::presses(&deploy).contains(&press);
        if is_stale {
            metrics::counter!("shipgate_presses_refused_total", "reason" => "stale").increment(1);
            let answer = self.words().stale_button(&deploy, press);
            visit.answer(answer);
            return Ok(None);
        }
        Ok(Some((deploy, button, press)))
    }

    /// Whether a message is the deploy's card. Until the post of the card is answered, and that answer may be lost, only
    /// its channel is known (INVARIANTS S13).
    pub(crate) async fn stands_on_card(
        &self,
        row: &CardRow,
        message: &MessageRef,
    ) -> Result<bool, ChatError> {
        // Also in a channel that the settings named before.
        if row.posts.iter().any(|post| post.message == *message) {
            return Ok(true);
        }
        let (channel, _) = self.card_channels().remove(0);
        match row.posts.iter().any(|post| post.channel == channel) {
            true => Ok(row.posts.iter().any(|post| post.message == *message)),
            false => Ok(self.chat.channel(&channel).await? == message.channel),
        }
    }

    async fn submitted(
        &self,
        visit: &mut Visit<'_>,
        context: &str,
        fields: &[(String, String)],
    ) -> Result<(), StoreError> {
        let Ok(context) = serde_json::from_str::<Context>(context) else {
            let answer = self.words().unknown_button();
            visit.answer(answer);
            return Ok(());
        };
        tracing::info!(person = %visit.person, form = context.kind(), "a form came in");
        let field = |name: &str| {
            fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.trim().to_owned()).unwrap_or_default()
        };
        let secret = fields.iter().find_map(|(_, value)| check_secret(value).err());
        if let Some(refusal) = secret {
            return self.understood(visit, Parsed::Refused(refusal)).await;
        }
        match context {
            Context::Words { invocation } => {
                let names = self.names().await?;
                let parsed = self.rules.grammar.fill(&invocation, fields, &names);
                self.understood(visit, parsed).await
            }
            Context::Reject { value } => {
                let Some((deploy, _, _)) = self.find_button(visit, &value, None).await? else {
                    return Ok(());
                };
                let reason = field("reason");
                self.reject(visit, &deploy, reason).await
            }
            Context::Started { value } => {
                let Some((deploy, _, _)) = self.find_button(visit, &value, None).await? else {
                    return Ok(());
                };
                self.started(visit, &deploy, &field("run")).await
            }
        }
    }
}

/// The note that says that a button whose second click would do a second thing had its first.
fn used_up(button: &CardButton) -> String {
    format!("pressed/{}", button.token_hash)
}

impl Context {
    /// Which of [`FORMS`] it is.
    fn kind(&self) -> &'static str {
        match self {
            Context::Words { .. } => FORMS[0],
            Context::Reject { .. } => FORMS[1],
            Context::Started { .. } => FORMS[2],
        }
    }

    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a context is plain data")
    }
}
