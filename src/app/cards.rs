//! The card of a deploy in chat: when it is posted, edited, posted again. The card is a projection of the deploy: it can
//! be lost and drawn again at any time. Not here: its buttons (`press`), its words, its looks.

mod press;
mod say;

pub(crate) use press::token_hash;
pub use press::{Press, presses};

use crate::bot::App;
use crate::effects::{Finish, Leased};
use crate::judge::later;
use crate::messages::digest_of;
use crate::point;
use crate::ports::{ChatError, Post};
use crate::store::{CardPost, CardRow, StoreError};
use crate::words::{Body, Card};
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::checklist::OPEN_AFTER;
use shipgate_domain::deploy::{Deploy, Outcome, State};
use shipgate_domain::gates::Reason;
use shipgate_domain::ids::DeployId;

/// A message is edited at most this often while a run goes on; a change of state is shown at once.
const EDIT_EVERY: SignedDuration = SignedDuration::from_secs(3);
/// The card of a run that goes on is drawn anew this often, for its elapsed times.
const ANEW: SignedDuration = SignedDuration::from_secs(15);

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
        if let Some(at) = too_soon(&row, &deploy, now) {
            // A post whose answer was lost is looked for next time only if the attempts go on counting.
            return Ok(match leased.attempts {
                0 => Finish::Again(at),
                _ => Finish::Retry { at, why: "it was edited a moment ago".into() },
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

    /// Channels of the card, each with whether it has the buttons.
    pub(crate) fn card_channels(&self) -> Vec<(String, bool)> {
        let (announce, approvals) = (self.rules.announce.clone(), self.rules.approvals.clone());
        if announce == approvals {
            vec![(announce, true)]
        } else {
            vec![(approvals, true), (announce, false)]
        }
    }
}

/// When the card of a run that goes on may be edited again, if it was edited a moment ago.
fn too_soon(row: &CardRow, deploy: &Deploy, now: Timestamp) -> Option<Timestamp> {
    let edited = row.edited.filter(|_| matches!(deploy.state, State::Running { .. }))?;
    let next = later(edited, EDIT_EVERY);
    (edited <= now && now < next).then_some(next)
}

/// A request of somebody who may not is answered to them alone; it is in the audit, not in the channel.
fn is_private(deploy: &Deploy) -> bool {
    let is_stranger = |r: &Reason| matches!(r, Reason::MayNotDeploy { .. });
    matches!(&deploy.state, State::Done { outcome: Outcome::Refused, .. })
        && deploy.verdicts.iter().any(|v| is_stranger(&v.reason))
}
