//! The card of a deploy in chat: which buttons it has, when it is posted, edited, posted again. The card is a
//! projection of the deploy: it can be lost and drawn again at any time. Not here: its words, its looks.

use crate::bot::App;
use crate::checklist::TICK;
use crate::effects::{Effect, Finish, Leased, NewEffect};
use crate::judge::later;
use crate::messages::{digest_of, stop_question};
use crate::point;
use crate::ports::{ChatError, Post};
use crate::store::{CardButton, CardPost, CardRow, StoreError};
use crate::words::{Body, Button, Card, Message, Style};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shipgate_domain::checklist::OPEN_AFTER;
use shipgate_domain::deploy::{Deploy, Outcome, Phase, State};
use shipgate_domain::gates::{Reason, Verdict};
use shipgate_domain::ids::{DeployId, base32};

/// A message is edited at most this often while a run goes on; a change of state is shown at once.
const EDIT_EVERY: SignedDuration = SignedDuration::from_secs(3);
/// The card of a run that goes on is drawn anew this often, for its elapsed times.
const ANEW: SignedDuration = SignedDuration::from_secs(15);
/// Tokens of this many buttons are remembered for a card, so that an old click is told apart from a forged one.
const REMEMBERED: usize = 400;

/// What a button does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Press {
    /// Say yes.
    Approve,
    /// Say no; asks for a reason.
    Reject,
    /// Pause.
    Hold,
    /// Go on.
    Resume,
    /// Stop.
    Cancel,
    /// Run the failed jobs again.
    Rerun,
    /// Go back to the last good version.
    RollBack,
    /// Put a failure away.
    Close,
    /// Deploy the same version to the environment before.
    DeployBefore,
    /// The run did not start.
    DidNotStart,
    /// The run started; asks which it is.
    Started,
    /// Look for the run half an hour longer.
    WaitMore,
}

impl Press {
    /// Every button there is.
    pub const ALL: [Press; 12] = [
        Press::Approve,
        Press::Reject,
        Press::Hold,
        Press::Resume,
        Press::Cancel,
        Press::Rerun,
        Press::RollBack,
        Press::Close,
        Press::DeployBefore,
        Press::DidNotStart,
        Press::Started,
        Press::WaitMore,
    ];

    /// Stable name, as stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Press::Approve => "approve",
            Press::Reject => "reject",
            Press::Hold => "hold",
            Press::Resume => "resume",
            Press::Cancel => "cancel",
            Press::Rerun => "rerun",
            Press::RollBack => "roll_back",
            Press::Close => "close",
            Press::DeployBefore => "deploy_before",
            Press::DidNotStart => "did_not_start",
            Press::Started => "started",
            Press::WaitMore => "wait_more",
        }
    }

    /// The button of a stored name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|press| press.name() == name)
    }

    /// Whether a second click would do a second thing. Such a button is used up by the first.
    #[must_use]
    pub fn is_single(self) -> bool {
        matches!(self, Press::Rerun | Press::RollBack | Press::DeployBefore)
    }
}

/// The buttons a deploy has in its state.
#[must_use]
pub fn presses(deploy: &Deploy) -> Vec<Press> {
    match &deploy.state {
        State::Requested { .. } => vec![Press::Cancel],
        State::Waiting { .. } => {
            let mut presses = Vec::new();
            if deploy.verdicts.iter().any(Verdict::is_asking_people) {
                presses.extend([Press::Approve, Press::Reject]);
            }
            presses.push(if deploy.hold.is_some() { Press::Resume } else { Press::Hold });
            presses.push(Press::Cancel);
            presses
        }
        State::Dispatching { phase: Phase::Unknown { asked: Some(_), .. }, .. } => {
            vec![Press::DidNotStart, Press::Started, Press::WaitMore]
        }
        State::Dispatching { cancel: None, .. } | State::Running { cancel: None, .. } => vec![Press::Cancel],
        State::Running { cancel: Some(asked), .. } if asked.unless_started => vec![Press::Cancel],
        State::Dispatching { .. } | State::Running { .. } => Vec::new(),
        State::Done { outcome, ran, .. } => match outcome {
            // An action is said again, and what runs there did not change by it.
            Outcome::Failed { closed_by: None, .. } if ran.is_some() && deploy.puts_in_place() => {
                vec![Press::Rerun, Press::RollBack, Press::Close]
            }
            Outcome::Failed { closed_by: None, .. } => vec![Press::Close],
            Outcome::Refused => {
                let is_unproven =
                    |r: &Reason| matches!(r, Reason::NotBefore { .. } | Reason::FailedBefore { .. });
                if deploy.puts_in_place() && deploy.verdicts.iter().any(|v| is_unproven(&v.reason)) {
                    vec![Press::DeployBefore]
                } else {
                    Vec::new()
                }
            }
            Outcome::Failed { closed_by: Some(_), .. }
            | Outcome::Rejected { .. }
            | Outcome::Cancelled { .. }
            | Outcome::Expired
            | Outcome::Superseded { .. }
            | Outcome::Succeeded
            | Outcome::Unknown => Vec::new(),
        },
    }
}

impl App {
    /// Brings a deploy's card up to date.
    pub(crate) async fn card(&self, leased: &Leased, id: &DeployId) -> Result<Finish, StoreError> {
        let Some(deploy) = self.store.deploy(id).await? else { return Ok(Finish::Done) };
        let now = self.now();
        let row = self.store.card(id).await?.unwrap_or_else(|| CardRow {
            deploy: id.clone(),
            revision: 0,
            posts: Vec::new(),
            buttons: Vec::new(),
            generation: 0,
            shown: String::new(),
            edited: None,
        });
        // A card may stand whose post was not answered before the deploy became private.
        if row.revision == 0 && is_private(&deploy) {
            return Ok(Finish::Done);
        }
        let mut card = self.words().card(&deploy);
        let options = std::mem::take(&mut card.boxes);
        let wanted = presses(&deploy);
        let shown = digest_of(&(&card, &options, &wanted));
        let channels = self.card_channels();
        let stands_in = |channel: &String| row.posts.iter().any(|post| post.channel == *channel);
        if shown == row.shown && channels.iter().all(|(channel, _)| stands_in(channel)) {
            return Ok(self.card_again(&deploy, now));
        }
        let is_urgent = !matches!(deploy.state, State::Running { .. });
        if let Some(edited) = row.edited
            && !is_urgent
            && now < later(edited, EDIT_EVERY)
            && now >= edited
        {
            // A post whose answer was lost is looked for next time only if the attempts go on counting.
            let at = later(edited, EDIT_EVERY);
            let why = || "it was edited a moment ago".to_owned();
            return Ok(if leased.attempts > 0 {
                Finish::Retry { at, why: why() }
            } else {
                Finish::Again(at)
            });
        }
        // Buttons are known before anybody can see them.
        let (mut row, buttons) = self.mint(row, &deploy, &wanted);
        let options: Vec<_> = options.into_iter().flat_map(|row| row.options).collect();
        card.boxes = self.mint_boxes(&mut row, &deploy, &options);
        card.buttons = buttons;
        let mut minted = self.changes(now);
        row.revision += 1;
        minted.cards.push(row.clone());
        point!("card/unminted");
        self.commit(minted).await?;
        point!("card/minted");

        // Only the very first try can be sure that none before it posted the card unseen.
        let again = row.revision > 1 || self.may_have_said();
        let mut trouble = None;
        for (channel, has_buttons) in channels {
            let shown = if has_buttons { card.clone() } else { card.clone().to_read() };
            if let Err(error) = self.show(&mut row, &channel, &shown, again).await? {
                trouble = Some(error);
            }
        }
        if trouble.is_none() {
            row.shown = shown;
        }
        row.edited = Some(now);
        row.revision += 1;
        let mut done = self.changes(self.now());
        done.cards.push(row);
        point!("card/shown");
        self.commit(done).await?;
        point!("card/written");
        Ok(match trouble {
            None => self.card_again(&deploy, now),
            Some(error) => self.chat_trouble(leased, &error),
        })
    }

    /// When a card is drawn again although nothing happened: elapsed times go on while it runs, and what it waits for
    /// "tomorrow" is at midnight of today.
    fn card_again(&self, deploy: &Deploy, now: Timestamp) -> Finish {
        match deploy.state {
            State::Running { .. } => Finish::Again(later(now, ANEW)),
            State::Requested { .. } | State::Waiting { .. } => {
                Finish::Again(self.rules.policy.zone.next_day(now))
            }
            // Its boxes go when nobody ticks them any more.
            State::Done { at, ran: Some(_), .. } if now < later(at, OPEN_AFTER) && self.has_list(deploy) => {
                Finish::Again(later(at, OPEN_AFTER))
            }
            State::Dispatching { .. } | State::Done { .. } => Finish::Done,
        }
    }

    fn has_list(&self, deploy: &Deploy) -> bool {
        deploy.puts_in_place()
            && self.place_of(deploy).is_some_and(|(environment, _)| environment.preflight.checklist.is_some())
    }

    /// Edits the card, or posts it and writes down where it stands. `again`: an earlier try may have posted it unseen.
    async fn show(
        &self,
        row: &mut CardRow,
        channel: &str,
        card: &Card,
        again: bool,
    ) -> Result<Result<(), ChatError>, StoreError> {
        let body = Body::Card(Box::new(card.clone()));
        let old = row.posts.iter().find(|p| p.channel == channel);
        if let Some(post) = old {
            match self.chat.edit(&post.message, &body).await {
                Err(ChatError::Gone { why } | ChatError::Refused { why }) => {
                    tracing::warn!(deploy.id = %row.deploy, "the card is gone ({why}): posting it again");
                }
                said => return Ok(said),
            }
        }
        let first = old.map_or(0, |p| p.reposts + 1);
        let mut reposts = first;
        let mut post = Post { channel: channel.to_owned(), thread: None, body, key: String::new() };
        loop {
            post.key = format!("card/{}/{channel}/{reposts}", row.deploy);
            let message = match self.chat.post(&post, again).await {
                Ok(message) => message,
                Err(error) => return Ok(Err(error)),
            };
            point!("card/posted");
            row.posts.retain(|p| p.channel != channel);
            row.posts.push(CardPost { channel: channel.to_owned(), message: message.clone(), reposts });
            row.revision += 1;
            // Now, not after what follows: buttons count only where a card is known to stand.
            let mut known = self.changes(self.now());
            known.cards.push(row.clone());
            self.commit(known).await?;
            point!("card/known");
            if !again {
                return Ok(Ok(()));
            }
            // What an earlier try may have posted says what was true then.
            match self.chat.edit(&message, &post.body).await {
                Err(ChatError::Gone { .. }) if reposts == first => reposts += 1,
                said => return Ok(said),
            }
        }
    }

    /// New tokens for the buttons. The generation rises when other buttons, or another digest, are shown.
    fn mint(&self, mut row: CardRow, deploy: &Deploy, wanted: &[Press]) -> (CardRow, Vec<Button>) {
        let digest = deploy.digest().map(ToString::to_string);
        let passes = deploy.to_pass();
        let current: Vec<&CardButton> =
            row.buttons.iter().filter(|b| b.generation == row.generation && b.press != TICK).collect();
        let same_set = wanted.iter().all(|w| current.iter().any(|b| b.press == w.name()))
            && current.iter().all(|b| wanted.iter().any(|w| b.press == w.name()))
            && current.iter().all(|b| b.digest == digest && b.passes == passes);
        if !same_set {
            row.generation += 1;
        }
        let mut buttons = Vec::new();
        for press in wanted {
            let token = base32(u128::from_be_bytes(self.random_bytes()));
            row.buttons.push(CardButton {
                token_hash: token_hash(&token),
                press: press.name().to_owned(),
                generation: row.generation,
                digest: digest.clone(),
                passes: passes.clone(),
                boxes: Vec::new(),
            });
            buttons.push(self.button(*press, deploy, &token));
        }
        let surplus = row.buttons.len().saturating_sub(REMEMBERED);
        row.buttons.drain(..surplus);
        (row, buttons)
    }

    fn button(&self, press: Press, deploy: &Deploy, token: &str) -> Button {
        let environment = &deploy.request.environment;
        let before = self
            .rules
            .policy
            .environments
            .get(environment)
            .and_then(|e| e.after.as_ref())
            .map(ToString::to_string);
        let (label, style, confirm) = match press {
            Press::Approve => ("Approve".to_owned(), Style::Primary, None),
            Press::Reject => ("Reject".to_owned(), Style::Danger, None),
            Press::Hold => ("Hold".to_owned(), Style::Plain, None),
            Press::Resume => ("Resume".to_owned(), Style::Primary, None),
            Press::Cancel => ("Cancel".to_owned(), Style::Plain, Some(stop_question(deploy))),
            Press::Rerun => ("Re-run failed jobs".to_owned(), Style::Primary, None),
            Press::RollBack => {
                let question = format!("Put the last good version back on {environment}?");
                ("Roll back".to_owned(), Style::Danger, Some(question))
            }
            Press::Close => {
                let question =
                    format!("Put this failure away? Its buttons go; {environment} stays as it is.");
                ("Close".to_owned(), Style::Plain, Some(question))
            }
            Press::DeployBefore => {
                let before = before.unwrap_or_else(|| "the environment before".into());
                (format!("Deploy to {before}").chars().take(30).collect(), Style::Primary, None)
            }
            Press::DidNotStart => {
                let question =
                    "You looked, and no run carries this id? A run that shows up later will still run.";
                ("It did not start".to_owned(), Style::Danger, Some(question.to_owned()))
            }
            Press::Started => ("It started".to_owned(), Style::Primary, None),
            Press::WaitMore => ("Look 30 min longer".to_owned(), Style::Plain, None),
        };
        Button { label, value: format!("{}.{token}", deploy.id), style, confirm }
    }

    /// Channels of the card, each with whether it has the buttons.
    pub(crate) fn card_channels(&self) -> Vec<(String, bool)> {
        let (announce, approvals) = (self.rules.announce.clone(), self.rules.approvals.clone());
        if announce == approvals {
            vec![(announce, true)]
        } else {
            vec![(approvals, true), (announce, false)]
        }
    }

    /// The result, once.
    pub(crate) fn announcement(&self, deploy: &Deploy, due: Timestamp) -> NewEffect {
        self.say_once(format!("final/{}", deploy.id), self.words().result(deploy), due)
    }

    /// The result where only those look who asked, once.
    pub(crate) fn result_in_thread(&self, deploy: &Deploy, due: Timestamp) -> NewEffect {
        self.thread_say(deploy, format!("final/{}", deploy.id), self.words().result(deploy), due)
    }

    /// A note in the card's thread, once for each revision of the deploy.
    pub(crate) fn thread_note(&self, deploy: &Deploy, note: Message, due: Timestamp) -> NewEffect {
        self.thread_say(deploy, format!("note/{}/{}", deploy.id, deploy.revision), note, due)
    }

    /// A message in the card's thread, once for ever.
    pub(crate) fn thread_say(
        &self,
        deploy: &Deploy,
        key: String,
        note: Message,
        due: Timestamp,
    ) -> NewEffect {
        let channel = self.card_channels().remove(0).0;
        let post = Post { channel, thread: None, body: Body::Message(note), key: key.clone() };
        NewEffect::once(key, Effect::Say { post: Box::new(post), under: Some(deploy.id.clone()) }, due)
    }

    /// Posts something once.
    pub(crate) async fn say(
        &self,
        leased: &Leased,
        post: &Post,
        under: Option<&DeployId>,
    ) -> Result<Finish, StoreError> {
        let mut post = post.clone();
        if let Some(deploy) = under {
            let row = self.store.card(deploy).await?;
            let card = row.and_then(|row| row.posts.into_iter().find(|p| p.channel == post.channel));
            match card {
                Some(card) => post.thread = Some(card.message),
                None if self.store.deploy(deploy).await?.is_none_or(|d| is_private(&d)) => {
                    return Ok(Finish::Done);
                }
                None => {
                    return Ok(self.retry(1 << leased.attempts.min(6), "its card is not posted yet".into()));
                }
            }
        }
        if let Some((pause, why)) = self.is_too_early(&post.key).await? {
            return Ok(self.retry(pause, why));
        }
        let posted = self.chat.post(&post, leased.attempts > 0 || self.may_have_said()).await;
        point!("say/posted");
        match posted {
            Ok(_) => self.was_said(&post.key).await.map(|()| Finish::Done),
            Err(error) => {
                if let (ChatError::Gone { .. }, Some(deploy)) = (&error, under) {
                    self.card_is_gone(deploy).await?;
                }
                Ok(self.chat_trouble(leased, &error))
            }
        }
    }

    /// The message in whose thread something was to go is not there any more: the card is posted again.
    async fn card_is_gone(&self, deploy: &DeployId) -> Result<(), StoreError> {
        let Some(mut row) = self.store.card(deploy).await? else { return Ok(()) };
        row.shown.clear();
        row.revision += 1;
        let mut changes = self.changes(self.now());
        let effect = Effect::Card { deploy: deploy.clone() };
        changes.effects.push(NewEffect::whenever(effect, changes.at));
        changes.cards.push(row);
        self.commit(changes).await
    }

    /// When to try again after a platform could not do something. A projection is never given up.
    pub(crate) fn chat_trouble(&self, leased: &Leased, error: &ChatError) -> Finish {
        let pause = match error {
            // Nothing was tried: what counts the tries, and what they may have left behind, stays as it is.
            ChatError::NotYet { after } => {
                let at = later(self.now(), *after);
                return match leased.attempts {
                    0 => Finish::Again(at),
                    _ => Finish::Retry { at, why: error.to_string() },
                };
            }
            ChatError::Later { after: Some(after), .. } => after.as_secs().clamp(1, 300),
            ChatError::Later { after: None, .. } => (1 << leased.attempts.min(6)).min(60),
            ChatError::Gone { .. } => (2 << leased.attempts.min(5)).min(60),
            ChatError::Refused { .. } => 60 << leased.attempts.min(3),
        };
        if leased.attempts % 10 == 3 || matches!(error, ChatError::Refused { .. }) {
            tracing::error!(effect = leased.key, "cannot write to {}: {error}", self.chat.platform());
        }
        self.retry(pause, error.to_string())
    }
}

/// A request of somebody who may not is answered to them alone; it is in the audit, not in the channel.
fn is_private(deploy: &Deploy) -> bool {
    let is_stranger = |r: &Reason| matches!(r, Reason::MayNotDeploy { .. });
    matches!(&deploy.state, State::Done { outcome: Outcome::Refused, .. })
        && deploy.verdicts.iter().any(|v| is_stranger(&v.reason))
}

/// SHA-256 of a button's token, in hex.
pub(crate) fn token_hash(token: &str) -> String {
    digest_of(&token)
}
