//! Words about people who are asked, who are away, and who may: who can help with what. Not here: cards.

use super::{Words, count, groups, what};
use crate::words::{Message, Text, Tone};
use shipgate_domain::deploy::Deploy;
use shipgate_domain::gates::Reason;
use shipgate_domain::ids::{GroupName, PersonId};
use shipgate_domain::people::{Action, Away, Memberships};
use shipgate_domain::policy::{ApprovalRule, Environment};

/// People who are mentioned in one message, at most.
const MENTIONED: usize = 10;
/// People who are named as those who can help, at most.
const HELPERS: usize = 5;

impl Words<'_> {
    /// Those who can help, a few of them by name; nobody is disturbed by it.
    pub(super) fn some_of(&self, people: &[PersonId]) -> Text {
        let shown = &people[..people.len().min(HELPERS)];
        let text = self.people(shown, false);
        match people.len() - shown.len() {
            0 => text,
            more => text.and(format!(" and {}", count(more as u64, "other"))),
        }
    }

    pub(crate) fn own_code(&self, deploy: &Deploy) -> Message {
        Message::line(
            Tone::Bad,
            format!(
                "You wrote a part of {}, and here nobody approves their own code. Nothing changed.",
                what(deploy)
            ),
        )
        .paragraph("Somebody who may approve and wrote none of it must do it.")
    }

    /// Everybody whose yes is asked for, mentioned.
    fn those_asked(&self, deploy: &Deploy) -> Text {
        let mut people: Vec<PersonId> = Vec::new();
        for verdict in deploy.verdicts.iter().filter(|v| v.is_asking_people()) {
            people.extend(
                verdict.helpers.people.iter().filter(|p| !people.contains(p)).cloned().collect::<Vec<_>>(),
            );
        }
        match people.as_slice() {
            [] => {
                let asking = deploy.verdicts.iter().filter(|v| v.is_asking_people());
                let names: Vec<GroupName> = asking.flat_map(|v| v.helpers.groups.iter().cloned()).collect();
                Text::plain(groups(&names))
            }
            people => self.people(&people[..people.len().min(MENTIONED)], true),
        }
    }

    pub(crate) fn still_asked(&self, deploy: &Deploy) -> Message {
        Message::line(
            Tone::Asking,
            Text::plain("Still waiting for your yes or no: ").text(self.title(deploy)),
        )
        .paragraph(self.those_asked(deploy).and(": please approve or reject it on the card."))
    }

    pub(crate) fn escalated(&self, deploy: &Deploy, to: &[String]) -> Message {
        let title = format!("Nobody answered in time, so {} may approve now, too: ", to.join(" and "));
        Message::line(Tone::Asking, Text::plain(title).text(self.title(deploy)))
            .paragraph(self.those_asked(deploy).and(": please approve or reject it on the card."))
    }

    /// "api v1.2.3 to production", which nobody takes for a card.
    fn put_where(&self, deploy: &Deploy) -> Text {
        let to = if deploy.puts_in_place() { " to " } else { " on " };
        Text::default().bold(super::what(deploy)).and(to).bold(deploy.request.environment.as_str())
    }

    fn emergency_title(&self, deploy: &Deploy, what: &str) -> Message {
        let title =
            Text::plain("Emergency: ").text(self.put_where(deploy)).and(format!(" {what}. Asked for by "));
        let reason = deploy.request.emergency.clone().unwrap_or_default();
        Message::line(Tone::Warning, title.span(self.person(&deploy.request.by)).and(format!(": {reason}")))
    }

    /// What the gates are to let pass, or let pass: "Month end, closed hours".
    fn passing(deploy: &Deploy) -> String {
        let mut names: Vec<String> = Vec::new();
        for verdict in &deploy.verdicts {
            match &verdict.reason {
                Reason::OverrideAsked { freezes, .. } | Reason::Overridden { freezes, .. } => {
                    match freezes.as_slice() {
                        [] => names.push("hours without deploys".to_owned()),
                        freezes => names.extend(freezes.iter().map(|name| format!("the freeze {name}"))),
                    }
                }
                Reason::EmergencyHours { .. } => names.push("hours for emergencies only".to_owned()),
                _ => {}
            }
        }
        names.join(" and ")
    }

    pub(crate) fn emergency_asked(&self, deploy: &Deploy) -> Message {
        self.emergency_title(deploy, "is to pass as an emergency")
            .paragraph(format!("It would pass {}. Everybody else stays out.", Self::passing(deploy)))
            .paragraph(self.those_asked(deploy).and(": the card has the buttons."))
    }

    pub(crate) fn emergency_granted(&self, deploy: &Deploy) -> Message {
        let by = self.approvers(deploy);
        let message = self.emergency_title(deploy, "may pass as an emergency").paragraph(format!(
            "It passes {}, this deploy only and for four hours at most.",
            Self::passing(deploy)
        ));
        if by.is_empty() {
            message
        } else {
            message.paragraph(Text::plain("Agreed: ").text(self.people(&by, false)))
        }
    }

    pub(crate) fn emergency_starts(&self, deploy: &Deploy) -> Message {
        self.emergency_title(deploy, "starts as an emergency")
            .paragraph(format!("It passes {}.", Self::passing(deploy)))
    }

    pub(crate) fn incident_wanted(&self, deploy: &Deploy) -> Message {
        let title =
            Text::default().span(self.mention(&deploy.request.by)).and(": ").text(self.put_where(deploy));
        Message::line(Tone::Asking, title.and(" passed as an emergency. Please write down what happened."))
            .paragraph(
                Text::plain("Say where the note is: ")
                    .code(format!("/incident {} <link or text>", deploy.id.short())),
            )
    }

    pub(crate) fn incident_noted(&self, deploy: &Deploy, by: &PersonId, note: &str) -> Message {
        let title = Text::default()
            .span(self.person(by))
            .and(format!(" noted about the emergency of {}: ", what(deploy)));
        Message::line(Tone::Neutral, title.and(note.to_owned()))
    }

    pub(crate) fn no_emergency(&self, deploy: &Deploy) -> Message {
        Message::line(Tone::Bad, format!("{} was no emergency. Nothing changed.", what(deploy)))
            .paragraph("Only deploys that were asked for with --emergency have such a note.")
    }

    pub(crate) fn cannot_go_away(&self, why: &str) -> Message {
        Message::line(Tone::Bad, format!("{why} Nothing changed."))
            .paragraph(Text::plain("Say it like ").code("/deploy away until Fri 18:00 --delegate grace"))
    }

    /// Whoever was to stand in is away, too, and passes it on until it is back where it began.
    pub(crate) fn away_in_a_circle(&self, away: &Away, people: &[PersonId]) -> Message {
        let mut title = Text::default();
        for pair in people.windows(2) {
            title = title.span(self.person(&pair[0])).and(" is away, and ").span(self.person(&pair[1]));
            title = title.and(" is to approve for them; ");
        }
        let title = title.and("so nobody would be left who decides. Nothing changed.");
        Message::line(Tone::Bad, title).paragraph(Text::plain("Name somebody who is there: ").code(format!(
            "/deploy away until {} --delegate …",
            self.policy.zone.civil(away.until).strftime("%Y-%m-%dT%H:%M")
        )))
    }

    /// Nobody passes on a vote that they only stand in for.
    pub(crate) fn stand_in_is_away(&self, absence: &Away) -> Message {
        let title = Text::default().span(self.person(&absence.person)).and(format!(
            " is away until {}, so they cannot stand in for you. Nothing changed.",
            self.at(absence.until)
        ));
        Message::line(Tone::Bad, title).paragraph(
            Text::plain("Name somebody who is there: ").code("/deploy away until Fri 18:00 --delegate …"),
        )
    }

    /// Somebody goes away: whoever stands in for them is told, whoever did so before, and those for whom the one who
    /// goes stood in.
    pub(crate) fn is_away(
        &self,
        away: &Away,
        earlier: Option<&PersonId>,
        alone: &[PersonId],
        is_stranger: bool,
    ) -> Message {
        let title = Text::default()
            .span(self.person(&away.person))
            .and(format!(" is away until {}; ", self.at(away.until)));
        let mut message = Message::line(
            Tone::Neutral,
            title.span(self.mention(&away.delegate)).and(" approves for them meanwhile."),
        );
        if is_stranger {
            let text =
                Text::plain("⚠ ").span(self.person(&away.delegate)).and(" may approve nothing otherwise: ");
            message = message.paragraph(text.and("every yes of theirs counts for whoever is away."));
        }
        if let Some(earlier) = earlier {
            let text = Text::default().span(self.mention(earlier)).and(" no longer approves for ");
            message = message.paragraph(text.span(self.person(&away.person)).and("."));
        }
        if !alone.is_empty() {
            let text = self.people(alone, true).and(": ").span(self.person(&away.person));
            message =
                message.paragraph(text.and(" stood in for you, and nobody does now. Name somebody else."));
        }
        message
    }

    pub(crate) fn is_back(&self, person: &PersonId) -> Message {
        let title =
            Text::default().span(self.person(person)).and(" is back: nobody approves for them any more.");
        Message::line(Tone::Neutral, title)
    }

    pub(crate) fn not_away(&self) -> Message {
        Message::line(Tone::Neutral, "You are not away. Nothing changed.")
    }

    /// Who may do what on an environment: one action with the command that it was asked about, or all of them.
    pub(crate) fn who_can(
        &self,
        asked: Option<(Action, Option<&str>)>,
        environment: &Environment,
        outside: &Memberships,
    ) -> Message {
        // A command that has no phrase of its own is named: whoever asks about “restart” reads about it.
        let action = asked.map(|(action, _)| action);
        let phrase = |one: Action| match asked {
            Some((_, Some(command))) => format!("use {command}"),
            Some((_, None)) | None => one.phrase().to_owned(),
        };
        let title = match action {
            Some(action) => format!("Who may {} on {}", phrase(action), environment.name),
            None => format!("Who may do what on {}", environment.name),
        };
        let message = Message::line(Tone::Neutral, title);
        let wanted = match action {
            Some(Action::Read) => return message.paragraph("Everybody."),
            Some(action) => vec![action],
            None => Action::ALL.into_iter().filter(|a| *a != Action::Read).collect(),
        };
        let mut items = Vec::new();
        let mut shown: Vec<GroupName> = Vec::new();
        for one in wanted {
            let allowed = one.groups(environment);
            let text = if allowed.is_empty() {
                "nobody: no group is named for it in the settings".to_owned()
            } else {
                groups(&allowed)
            };
            shown.extend(allowed.into_iter().filter(|group| !shown.contains(group)).collect::<Vec<_>>());
            items.push(Text::default().bold(phrase(one)).and(format!(": {text}")));
        }
        let members =
            shown.iter().map(|g| Text::default().bold(g.as_str()).and(": ").text(self.members(g, outside)));
        let mut message = message.list(items).paragraph("Who that is:").list(members.collect());
        if action.is_none_or(|action| action == Action::Approve) {
            message = message.list(self.approval_rules(environment));
            for away in outside.away_at(self.now) {
                let text = Text::default().span(self.person(&away.delegate)).and(" approves for ");
                let text = text.span(self.person(&away.person));
                message =
                    message.paragraph(text.and(format!(", who is away until {}.", self.at(away.until))));
            }
        }
        message
    }

    fn approval_rules(&self, environment: &Environment) -> Vec<Text> {
        let ApprovalRule { needed, from, own, also, not_authors, escalate, .. } = &environment.approvals;
        let mut lines = Vec::new();
        let mut needs: Vec<String> = Vec::new();
        for (needed, from) in std::iter::once((needed, from)).chain(also.iter().map(|s| (&s.needed, &s.from)))
        {
            if *needed > 0 {
                needs.push(format!("{} from {}", count(u64::from(*needed), "approval"), groups(from)));
            }
        }
        let own = if *own { "" } else { ", never by whoever asked" };
        let authors = if *not_authors { ", never by whoever wrote a part of it" } else { "" };
        lines.push(match needs.as_slice() {
            [] => Text::plain("A deploy needs no approval."),
            needs => Text::plain(format!("A deploy needs {}{own}{authors}.", needs.join(" and "))),
        });
        for step in escalate {
            let after = super::duration(step.after);
            lines.push(
                format!("After {after} without enough of them, {} may approve, too.", groups(&step.to))
                    .into(),
            );
        }
        if !environment.overrides.from.is_empty() {
            let overrides = &environment.overrides;
            let needed = overrides.needed.max(1);
            let yes = if needed == 1 { "1 yes".to_owned() } else { format!("{needed} yeses") };
            lines.push(
                format!(
                    "An emergency that passes closed hours or a freeze needs {yes} from {}.",
                    groups(&overrides.from)
                )
                .into(),
            );
        }
        lines
    }

    /// The members of a group, as known now.
    fn members(&self, group: &GroupName, outside: &Memberships) -> Text {
        use shipgate_domain::people::Member;
        let members = self.policy.groups.get(group).map(Vec::as_slice).unwrap_or_default();
        let people = self.policy.members(std::slice::from_ref(group), outside);
        let mut text = self.people(&people, false);
        for member in members {
            if let Member::Outside(elsewhere) = member
                && let Err(why) = outside.accounts_in(elsewhere)
            {
                let comma = if text.is_empty() { "" } else { ", " };
                text = text.and(comma);
                text = text
                    .and(format!("and whoever is in {} group {} ({why})", elsewhere.platform, elsewhere.id));
            }
        }
        if text.is_empty() { text.and("nobody") } else { text }
    }
}
