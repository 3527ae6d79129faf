//! What people are told of a freeze at its moments: coming, begun, ending, moved, taken back; and the channel's topic.
//! Not here: when (`remind`), lists of freezes (`calendar`).

use super::{Words, count, duration, what};
use crate::freezes::{Announced, Around, NotDeployed};
use crate::words::{Message, Text, Tone};
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::calendar::{FreezeOccurrence, FreezeOrigin, FreezeScope, Lead};
use shipgate_domain::deploy::Deploy;
use shipgate_domain::facts::Change;
use shipgate_domain::ids::{Account, Platform};

/// Changes named for one service; the rest is counted.
const CHANGES: usize = 5;
/// Waiting deploys named; the rest is counted.
const WAITING: usize = 10;

impl Words<'_> {
    /// What people are told about a freeze at one of its moments.
    pub(crate) fn reminder(
        &self,
        occurrence: &FreezeOccurrence<'_>,
        lead: Lead,
        around: &Around<'_>,
    ) -> Message {
        let freeze = occurrence.freeze;
        let name = Text::default().bold(occurrence.title());
        // A reminder comes a moment after its time: people read “1 h”, not “59 min 59 s”.
        let left = |at: Timestamp| {
            duration(SignedDuration::from_mins((at.duration_since(self.now).as_secs() + 30) / 60))
        };
        let ends = match occurrence.until {
            Some(at) => format!("until {}", self.at(at)),
            None => "until somebody ends it".to_owned(),
        };
        let (tone, title) = match lead {
            Lead::BeforeStart(_) if self.now < occurrence.from => (
                Tone::Asking,
                name.and(format!(" starts in {}: {}", left(occurrence.from), self.at(occurrence.from))),
            ),
            Lead::BeforeStart(_) | Lead::Start => (Tone::Warning, name.and(" has started")),
            Lead::BeforeEnd(_) => (
                Tone::Neutral,
                match occurrence.until {
                    Some(at) if self.now < at => name.and(format!(" ends in {}: {}", left(at), self.at(at))),
                    _ => name.and(" ends"),
                },
            ),
            Lead::End => (Tone::Good, name.and(" is over")),
        };
        let scope = self.scope(&freeze.scope);
        let what = match lead {
            Lead::BeforeStart(_) if self.now < occurrence.from => {
                format!(
                    "No deploys to {scope} from then {ends}. What must go out before, ask for it in time."
                )
            }
            Lead::BeforeStart(_) | Lead::Start => {
                format!("No deploys to {scope} {ends}. In an emergency: /deploy … --emergency \"why\".")
            }
            Lead::BeforeEnd(_) => format!("Deploys to {scope} are allowed again after it."),
            Lead::End => format!("Deploys to {scope} are allowed again."),
        };
        let mut message = Message::line(tone, title).paragraph(what);
        if let FreezeOrigin::Chat { by, reason } = &freeze.origin
            && !reason.is_empty()
        {
            message = message.paragraph(format!("Added by {by}: {reason}"));
        }
        for place in &around.merged {
            message = self.not_deployed(message, place);
        }
        if around.not_compared > 0 {
            let more = count(around.not_compared as u64, "more service");
            message = message.paragraph(format!("{more} not compared; see /diff."));
        }
        self.waiting(message, &around.waiting, lead == Lead::End)
    }

    /// What a service has on its branch and not where it is live, and who wrote it.
    fn not_deployed(&self, message: Message, place: &NotDeployed<'_>) -> Message {
        let at = format!("{} on {}", place.service.name, place.environment.name);
        let ahead = match &place.ahead {
            Ok(ahead) => ahead,
            Err(why) => {
                return message.paragraph(format!("What is merged of {at} cannot be read now: {why}."));
            }
        };
        let title = Text::default()
            .bold(at)
            .and(format!(": {} merged, not deployed since ", count(ahead.total, "change")))
            .code(place.runs.as_str());
        let title = match ahead.url.as_deref() {
            Some(url) => title.and(" ").link("compare", Some(url)),
            None => title,
        };
        let items = ahead.commits.iter().take(CHANGES).map(|change| {
            Text::default()
                .code(change.commit.short())
                .and(format!(" {} — ", change.title))
                .text(self.author(change))
        });
        let mut items: Vec<Text> = items.collect();
        let more = ahead.total.saturating_sub(items.len() as u64);
        if more > 0 {
            items.push(Text::plain(format!("and {more} more")));
        }
        message.paragraph(title).list(items)
    }

    /// Who wrote a change: the person, where the code host's name is linked to one.
    fn author(&self, change: &Change) -> Text {
        let account = Account { platform: Platform::Github, id: change.author.clone() };
        let person = self.policy.person_of(&account);
        if self.policy.people.contains_key(&person) {
            Text::default().span(self.person(&person))
        } else {
            Text::plain(change.author.clone())
        }
    }

    fn waiting(&self, message: Message, waiting: &[Deploy], is_over: bool) -> Message {
        if waiting.is_empty() {
            return message;
        }
        let title = if is_over { "These waited and are judged now:" } else { "These wait:" };
        let mut items: Vec<Text> = waiting
            .iter()
            .take(WAITING)
            .map(|deploy| {
                // Without what it waits for: the freeze changes just that, and its card says it when it was judged.
                Text::default()
                    .bold(what(deploy))
                    .and(format!(" → {}, asked by ", deploy.request.environment))
                    .span(self.person(&deploy.request.by))
            })
            .collect();
        let more = waiting.len().saturating_sub(WAITING);
        if more > 0 {
            items.push(Text::plain(format!("and {more} more")));
        }
        message.paragraph(title).list(items)
    }

    /// Corrects what people were told of a freeze.
    pub(crate) fn freeze_moved(&self, told: &Announced, is: &Announced) -> Message {
        let name = Text::default().bold(is.name.clone());
        let say = |until: Option<Timestamp>| match until {
            Some(at) => self.policy.zone.say(at),
            None => "when somebody ends it".to_owned(),
        };
        let scope = self.scope(&is.scope);
        let (title, what) = match is.until {
            Some(until) if until <= self.now => {
                (name.and(" is over sooner than announced"), format!("Deploys to {scope} are allowed again."))
            }
            until if is.from == told.from && until == told.until => {
                let title = name.and(format!(" now holds for {scope}"));
                let was = self.scope(&told.scope);
                (title, format!("It was announced for {was}. It ends {}.", say(until)))
            }
            _ if is.from == told.from => {
                let title = name.and(format!(" now ends {}", say(is.until)));
                (title, format!("It was announced to end {}. It holds for {scope}.", say(told.until)))
            }
            _ => {
                let from = self.policy.zone.say(is.from);
                let title = name.and(format!(" moved: it starts {from} and ends {}", say(is.until)));
                let was = self.policy.zone.say(told.from);
                (title, format!("It was announced to start {was}. It holds for {scope}."))
            }
        };
        Message::line(Tone::Warning, title).paragraph(what)
    }

    /// Takes back what people were told of a freeze.
    pub(crate) fn freeze_gone(&self, told: &Announced) -> Message {
        let name = Text::default().bold(told.name.clone());
        let scope = self.scope(&told.scope);
        let (title, what) = if told.from <= self.now {
            (
                name.and(" was taken out of the calendar"),
                format!("Deploys to {scope} are no longer stopped by it."),
            )
        } else {
            let was = self.policy.zone.say(told.from);
            (name.and(" is cancelled"), format!("It was announced to start {was}, for {scope}. It does not."))
        };
        Message::line(Tone::Good, title).paragraph(what)
    }

    /// The state of the freezes in a line, which stays true until one begins, ends or changes.
    pub(crate) fn topic(&self, occurrences: &[FreezeOccurrence<'_>]) -> String {
        let zone = &self.policy.zone;
        let (now, ahead): (Vec<&FreezeOccurrence<'_>>, Vec<&FreezeOccurrence<'_>>) =
            occurrences.iter().partition(|o| o.from <= self.now);
        if !now.is_empty() {
            let said = now.iter().map(|o| {
                let until = match o.until {
                    Some(at) => format!("until {}", zone.say_near(at, self.now)),
                    None => "until somebody ends it".to_owned(),
                };
                format!("{} ({}) {until}", o.title(), self.scope(&o.freeze.scope))
            });
            return format!("Frozen: {}", said.collect::<Vec<_>>().join("; "));
        }
        match ahead.first() {
            Some(next) => format!(
                "No freeze now. Next: {} ({}) from {}",
                next.title(),
                self.scope(&next.freeze.scope),
                zone.say_near(next.from, self.now)
            ),
            None => "No freeze now.".to_owned(),
        }
    }

    /// Where a freeze holds: "production", "all environments, but not web".
    pub(crate) fn scope(&self, scope: &FreezeScope) -> String {
        let list =
            |names: &[String], all: &str| if names.is_empty() { all.to_owned() } else { names.join(", ") };
        let mut text = list(&scope.environments, "all environments");
        if !scope.services.is_empty() {
            text = format!("{} on {text}", scope.services.join(", "));
        }
        if !scope.except_services.is_empty() {
            text = format!("{text}, but not {}", scope.except_services.join(", "));
        }
        text
    }
}
