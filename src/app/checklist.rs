//! What people do with the checklist of a deploy: boxes on its card, the list as Markdown when it ends or somebody asks.
//! Not here: what a press means and which items count (`domain::checklist`), the words.

use crate::bot::App;
use crate::cards::token_hash;
use crate::commands::Invocation;
use crate::effects::{Effect, NewEffect};
use crate::intake::Visit;
use crate::messages::checklist::key_of;
use crate::ports::MessageRef;
use crate::store::{CardButton, CardRow, Changes, Filter, StoreError};
use crate::words::{BOXES, BoxOption, Boxes};
use shipgate_domain::audit::Actor;
use shipgate_domain::checklist::{Drawn, Marks, who};
use shipgate_domain::deploy::{Ask, Deploy, Step};
use shipgate_domain::ids::{DeployId, GroupName, base32};
use shipgate_domain::people::{Action, Standing};
use shipgate_domain::policy::Environment;

/// What a row of boxes is called among the buttons of a card.
pub(crate) const TICK: &str = "tick";

impl App {
    /// New tokens for rows of boxes, with what each shows.
    pub(crate) fn mint_boxes(&self, row: &mut CardRow, deploy: &Deploy, options: &[BoxOption]) -> Vec<Boxes> {
        let mut rows = Vec::new();
        for options in options.chunks(BOXES) {
            let token = base32(u128::from_be_bytes(self.random_bytes()));
            row.buttons.push(CardButton {
                token_hash: token_hash(&token),
                press: TICK.to_owned(),
                generation: row.generation,
                digest: deploy.digest().map(ToString::to_string),
                passes: Vec::new(),
                boxes: options.iter().map(|option| (option.key.clone(), option.is_ticked)).collect(),
            });
            rows.push(Boxes { value: format!("{}.{token}", deploy.id), options: options.to_vec() });
        }
        rows
    }

    /// Somebody pressed a box: these of its row are ticked on their screen now.
    pub(crate) async fn ticked(
        &self,
        visit: &mut Visit<'_>,
        value: &str,
        selected: &[String],
        message: Option<&MessageRef>,
    ) -> Result<(), StoreError> {
        let Some((deploy, row, drawn)) = self.find_boxes(visit, value, message).await? else {
            return Ok(());
        };
        let Some((environment, _)) = self.place_of(&deploy) else {
            let answer = self.words().place_is_gone(&deploy);
            visit.answer(answer);
            return Ok(());
        };
        let grant = match self.authorize(&visit.inbound.account, Action::Tick, Some(environment)).await {
            Ok(grant) => grant,
            Err(denied) => {
                self.deny(visit, &deploy, Action::Tick, &denied);
                self.draw_again(&mut visit.changes, row);
                return Ok(());
            }
        };
        let digest = drawn.digest.as_ref().and_then(|digest| digest.parse().ok());
        let Some(digest) = digest.filter(|digest| deploy.digest() == Some(digest)) else {
            metrics::counter!("shipgate_presses_refused_total", "reason" => "stale").increment(1);
            let answer = self.words().other_digest(&deploy);
            visit.answer(answer);
            self.draw_again(&mut visit.changes, row);
            return Ok(());
        };
        let drawing = drawn.token_hash.chars().take(16).collect::<String>();
        let marks = self.meant(visit, &deploy, (&drawn, &drawing), selected);
        let (marks, is_whole) = self.permitted(visit, &deploy, environment, marks).await;
        let mut has_changed = false;
        if !marks.is_empty() {
            match deploy.ask(&grant, Ask::Mark { digest, drawing, marks }, visit.now) {
                Ok(step) => {
                    has_changed = step.event.is_some();
                    self.record(&mut visit.changes, &deploy, &step, Actor::of(&grant));
                }
                Err(illegal) => {
                    let answer = self.words().illegal(&deploy, &illegal);
                    visit.answer(answer);
                }
            }
        }
        // The presser's screen shows what they pressed until the card is drawn anew.
        if !has_changed || !is_whole {
            self.draw_again(&mut visit.changes, row);
        }
        Ok(())
    }

    /// What somebody meant, in the words of the list as it is now.
    fn meant(
        &self,
        visit: &Visit<'_>,
        deploy: &Deploy,
        (drawn, drawing): (&CardButton, &str),
        selected: &[String],
    ) -> Marks {
        let words = self.words();
        let all = words.checklist(deploy);
        let text = |key: &String| {
            all.iter()
                .map(|line| line.item.text.as_str())
                .find(|item| key_of(item) == *key)
                .map(str::to_owned)
        };
        let boxes: Vec<(String, bool)> =
            drawn.boxes.iter().filter_map(|(key, is_ticked)| Some((text(key)?, *is_ticked))).collect();
        let selected: Vec<String> = selected.iter().filter_map(text).collect();
        Drawn { drawing, boxes: &boxes }.meant(deploy, &visit.inbound.account, &selected)
    }

    /// Leaves out what cannot be ticked now, and what this person may not, who is told. Says whether all is left.
    async fn permitted(
        &self,
        visit: &mut Visit<'_>,
        deploy: &Deploy,
        environment: &Environment,
        mut marks: Marks,
    ) -> (Marks, bool) {
        let words = self.words();
        let all = words.checklist(deploy);
        let (mut late, mut others, mut groups) = (Vec::new(), Vec::new(), Vec::<GroupName>::new());
        for text in marks.items() {
            let line = all.iter().find(|line| line.item.text == *text);
            let line =
                line.filter(|line| deploy.can_tick(line.part, visit.now) && line.stand.is_for_people());
            let Some(line) = line else {
                late.push(text.clone());
                continue;
            };
            let of = who(environment, line.item);
            let outside = self.memberships(&of).await;
            if self.rules.policy.standing(&visit.person, &of, &outside) != Standing::Member {
                others.push(text.clone());
                groups.extend(of);
            }
        }
        if !late.is_empty() {
            metrics::counter!("shipgate_presses_refused_total", "reason" => "stale").increment(1);
            let answer = words.not_due(deploy, &late);
            visit.answer(answer);
        }
        if !others.is_empty() {
            groups.sort();
            groups.dedup();
            metrics::counter!("shipgate_denied_total", "code" => "not_in_group").increment(1);
            let outside = self.memberships(&groups).await;
            let people = self.rules.policy.members(&groups, &outside);
            let actor =
                Actor::Person { person: visit.person.clone(), account: visit.inbound.account.clone() };
            let data = serde_json::json!({ "action": Action::Tick, "items": others, "of": deploy.id });
            self.note(&mut visit.changes, actor, Some(&deploy.request.environment), "denied", data);
            let answer = words.may_not_tick(&others, &groups, &people);
            visit.answer(answer);
        }
        let is_whole = late.is_empty() && others.is_empty();
        marks.retain(|item| late.iter().chain(&others).all(|out| out != item));
        (marks, is_whole)
    }

    /// The deploy, its card and the row of boxes that a value means; otherwise the person is told why not.
    async fn find_boxes(
        &self,
        visit: &mut Visit<'_>,
        value: &str,
        message: Option<&MessageRef>,
    ) -> Result<Option<(Deploy, CardRow, CardButton)>, StoreError> {
        let parts = value.split_once('.').and_then(|(id, token)| Some((id.parse::<DeployId>().ok()?, token)));
        let found = match parts {
            Some((id, token)) => {
                let hash = token_hash(token);
                let row = self.store.card(&id).await?;
                let boxes = row.as_ref().and_then(|row| {
                    row.buttons.iter().find(|b| b.token_hash == hash && b.press == TICK).cloned()
                });
                self.store.deploy(&id).await?.zip(row).zip(boxes)
            }
            None => None,
        };
        let is_there = match (&found, message) {
            (Some(((_, row), _)), Some(message)) => self.stands_on_card(row, message).await,
            (_, None) | (None, _) => Ok(found.is_some()),
        };
        match (found, is_there) {
            (Some(((deploy, row), boxes)), Ok(true)) => return Ok(Some((deploy, row, boxes))),
            (_, Ok(_)) => {
                metrics::counter!("shipgate_presses_refused_total", "reason" => "unknown").increment(1);
                let answer = self.words().unknown_button();
                visit.answer(answer);
            }
            (_, Err(error)) => {
                tracing::warn!("cannot tell where a box stands: {error}");
                metrics::counter!("shipgate_presses_refused_total", "reason" => "unread").increment(1);
                let answer = self.words().early_button();
                visit.answer(answer);
            }
        }
        Ok(None)
    }

    /// Draws the card anew although it says the same: somebody's screen shows a tick that is none.
    fn draw_again(&self, changes: &mut Changes, mut row: CardRow) {
        row.shown.clear();
        row.revision += 1;
        let effect = Effect::Card { deploy: row.deploy.clone() };
        changes.effects.push(NewEffect::whenever(effect, changes.at));
        changes.cards.push(row);
    }

    /// The list goes into the thread when the deploy ends, and again each time after it that its last box is ticked, or
    /// one of a whole list is taken back: what stands there last is true.
    pub(crate) fn checklist_news(&self, changes: &mut Changes, before: &Deploy, step: &Step) {
        let deploy = &step.deploy;
        if !deploy.is_done() || (deploy.run().is_none() && deploy.strokes.is_empty()) {
            return;
        }
        let words = self.words();
        let now = changes.at;
        if !before.is_done() {
            if words.markdown(deploy).is_some() {
                let page = words.checklist_page(deploy, "Checklist of");
                changes.effects.push(self.thread_say(deploy, format!("checklist/{}", deploy.id), page, now));
            }
            return;
        }
        if let Some(title) = words.checklist_turned(before, deploy) {
            let page = words.checklist_page(deploy, title);
            let key = format!("checklist/{}/turned/{}", deploy.id, deploy.revision);
            changes.effects.push(self.thread_say(deploy, key, page, now));
        }
    }

    /// `checklist`, `checklist 7K2M9Q`
    pub(crate) async fn show_checklist(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
    ) -> Result<(), StoreError> {
        let has_list = |deploy: &Deploy| !self.words().checklist(deploy).is_empty();
        let newest = match said.deploy() {
            Some(_) => None,
            None => {
                let all = self.store.deploys(&Filter { limit: 30, ..Filter::default() }).await?;
                all.into_iter().find(|deploy| has_list(deploy))
            }
        };
        let deploy = match newest {
            Some(deploy) => deploy,
            None => match self.which(visit, said, has_list).await? {
                Some(deploy) => deploy,
                None => return Ok(()),
            },
        };
        let answer = self.words().checklist_page(&deploy, "Checklist of");
        visit.answer(answer);
        Ok(())
    }
}
