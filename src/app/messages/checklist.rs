//! Words about checklists: on the card, as Markdown, and to whoever may not tick. Not here: when (`crate::checklist`).

use super::{Words, groups, what};
use crate::follow::running_since;
use crate::words::{BoxOption, CheckLine, Message, Span, Text, Tone};
use sha2::{Digest as _, Sha256};
use shipgate_domain::checklist::{Evidence, Item, LONGEST, Line, Part, Stand, lines};
use shipgate_domain::deploy::Deploy;
use shipgate_domain::facts::Read;
use shipgate_domain::gates::Gate;
use shipgate_domain::hex;
use shipgate_domain::hidden::is_hidden_in_prose;
use shipgate_domain::ids::{GroupName, PersonId};

/// What a box of an item brings back.
pub(crate) fn key_of(item: &str) -> String {
    hex(&Sha256::digest(item.as_bytes()))[..16].to_owned()
}

impl Words<'_> {
    /// Every item of a deploy's list with where it stands; none when its environment has no list, or nothing was judged.
    pub(crate) fn checklist<'a>(&'a self, deploy: &Deploy) -> Vec<Line<'a>> {
        let environment = self.policy.environments.get(&deploy.request.environment);
        let service = self.policy.services.get(&deploy.request.service);
        let Some(place) = environment.zip(service).filter(|_| !deploy.verdicts.is_empty()) else {
            return Vec::new();
        };
        let said = |gate: Gate| deploy.verdicts.iter().find(|verdict| verdict.gate == gate).cloned();
        let mut all = lines(deploy, self.policy, place, &said);
        // The way back waits for nothing.
        all.retain(|line| line.part != Part::Before || !deploy.is_rollback());
        all
    }

    /// What of the list is due now: lines to read, and boxes to press.
    pub(crate) fn due(&self, deploy: &Deploy) -> (Vec<CheckLine>, Vec<BoxOption>) {
        let mut due = (Vec::new(), Vec::new());
        for line in self.checklist(deploy) {
            let is_over = deploy.is_done() && deploy.run().is_some() && line.part != Part::Before;
            let can_tick = deploy.can_tick(line.part, self.now);
            if !can_tick && !is_over {
                continue;
            }
            if can_tick && line.stand.is_for_people() {
                due.1.push(self.option(&line));
            } else {
                due.0.push(self.check_line(deploy, &line));
            }
        }
        due
    }

    fn option(&self, line: &Line<'_>) -> BoxOption {
        let note = match &line.stand {
            Stand::Ticked { by, at } => format!("{by}, {}", self.policy.zone.say_short(*at)),
            Stand::Proven(_) | Stand::Open | Stand::Unproven | Stand::Unknown(_) => whose(line.item),
        };
        BoxOption {
            key: key_of(&line.item.text),
            label: line.item.text.clone(),
            note: note.chars().take(LONGEST).collect(),
            is_ticked: line.stand.is_ticked(),
        }
    }

    fn check_line(&self, deploy: &Deploy, line: &Line<'_>) -> CheckLine {
        let text = Text::plain(line.item.text.clone());
        let note = self.stand(deploy, line);
        let text = if note.is_empty() { text } else { text.and(" — ").text(note) };
        CheckLine { is_ticked: line.stand.is_ticked(), text }
    }

    /// Who ticked it when, what proves it, or what it waits for.
    fn stand(&self, deploy: &Deploy, line: &Line<'_>) -> Text {
        match &line.stand {
            Stand::Proven(evidence) => self.evidence(deploy, evidence),
            Stand::Ticked { by, at } => {
                Text::default().span(self.person(by)).and(format!(", {}", self.policy.zone.say_short(*at)))
            }
            Stand::Open => whose(line.item).into(),
            Stand::Unproven => "ticks itself once it is so".into(),
            Stand::Unknown(why) => format!("nobody can say: {why}").into(),
        }
    }

    fn evidence(&self, deploy: &Deploy, evidence: &Evidence) -> Text {
        match evidence {
            Evidence::Gate(verdict) => {
                let text = self.reason(verdict);
                let checks = match (verdict.gate, deploy.outside.as_ref().map(|o| &o.checks)) {
                    (Gate::Checks, Some(Read::Known(checks))) => checks.as_slice(),
                    _ => &[],
                };
                match checks.iter().find_map(|check| check.url.as_deref()) {
                    Some(url) => text.and(" (").link("look", Some(url)).and(")"),
                    None => text,
                }
            }
            Evidence::WayDown { count } => {
                format!("{}, each with a way down", super::count(*count as u64, "migration")).into()
            }
            Evidence::Run { at, url } => Text::default()
                .link("the run", url.as_deref())
                .and(format!(", {}", self.policy.zone.say_short(*at))),
            Evidence::Job { name, url } => Text::plain("job ").link(name.clone(), url.as_deref()),
            Evidence::Announced { at } => {
                format!("announced by Shipgate, {}", self.policy.zone.say_short(*at)).into()
            }
        }
    }

    /// The list in the shape of the template, as lines of Markdown, part by part. None when there is no list.
    pub(crate) fn markdown(&self, deploy: &Deploy) -> Option<Vec<Vec<String>>> {
        let all = self.checklist(deploy);
        if all.is_empty() {
            return None;
        }
        let day = running_since(deploy).unwrap_or(deploy.request.at);
        let date = self.policy.zone.civil(day).strftime("%Y-%m-%d").to_string();
        let mut parts = vec![vec![
            format!("## Deployment: {}", inert(&format!("{}", deploy.request.service))),
            format!("- Version: {}", inert(deploy.request.version.as_str())),
            format!("- Date: {date}"),
            format!("- Deployer: {}", inert(deploy.request.by.as_str())),
        ]];
        for (part, heading) in [
            (Part::Before, "### Pre-deployment"),
            (Part::During, "### Deployment"),
            (Part::After, "### Post-deployment"),
        ] {
            let mut rows = vec![heading.to_owned()];
            for line in all.iter().filter(|line| line.part == part) {
                let mark = if line.stand.is_ticked() { 'x' } else { ' ' };
                let note = match line.stand {
                    Stand::Open | Stand::Unproven => String::new(),
                    Stand::Proven(_) | Stand::Ticked { .. } | Stand::Unknown(_) => {
                        format!(" — {}", as_markdown(&self.stand(deploy, line)))
                    }
                };
                rows.push(format!("- [{mark}] {}{note}", inert(&line.item.text)));
            }
            if rows.len() > 1 {
                parts.push(rows);
            }
        }
        Some(parts)
    }

    /// What is said of a list that became whole after its deploy ended, or is so no more.
    pub(crate) fn checklist_turned(&self, before: &Deploy, now: &Deploy) -> Option<&'static str> {
        let open = |deploy: &Deploy| {
            let all = self.checklist(deploy);
            let late = all.iter().filter(|line| line.part != Part::Before && line.stand.is_for_people());
            late.filter(|line| !line.stand.is_ticked()).count()
        };
        match (open(before), open(now)) {
            (0, 0) | (1.., 1..) => None,
            (1.., 0) => Some("Everything is ticked:"),
            (0, 1..) => Some("Not everything is ticked any more:"),
        }
    }

    /// The list as a message that can be copied.
    pub(crate) fn checklist_page(&self, deploy: &Deploy, title: &str) -> Message {
        let message =
            Message::line(Tone::Neutral, Text::plain(title.to_owned()).and(" ").text(self.title(deploy)));
        match self.markdown(deploy) {
            Some(parts) => parts.into_iter().fold(message, Message::code),
            None => message.paragraph(format!("{} has no checklist.", what(deploy))),
        }
    }

    /// Somebody pressed boxes of items that others tick.
    pub(crate) fn may_not_tick(&self, items: &[String], of: &[GroupName], people: &[PersonId]) -> Message {
        let title = format!("You may not tick {}. It was not changed.", quoted(items));
        let message = Message::line(Tone::Bad, title);
        let text = Text::plain(format!("Only {} may", groups(of)));
        message.paragraph(match people {
            [] => text.and("."),
            people => text.and(". Ask ").text(self.some_of(people)).and("."),
        })
    }

    /// Somebody pressed boxes whose time is over, or that are not theirs to tick any more.
    pub(crate) fn not_due(&self, deploy: &Deploy, items: &[String]) -> Message {
        let items = if items.is_empty() { "This".to_owned() } else { quoted(items) };
        let what = what(deploy);
        let state = deploy.state.name().replace('_', " ");
        Message::line(Tone::Bad, format!("{items} cannot be ticked now: {what} is {state}. Nothing changed."))
            .paragraph("The card shows what of its checklist is open.")
    }

    /// The commit, the rules or the workflow changed since the boxes were drawn.
    pub(crate) fn other_digest(&self, deploy: &Deploy) -> Message {
        let title = format!("What would be deployed with {} changed before you ticked it.", what(deploy));
        Message::line(Tone::Bad, format!("{title} Nothing was ticked."))
            .paragraph("The card shows the list anew: tick what is true of it now.")
    }
}

/// Who may tick an item that not everybody may; nothing otherwise.
fn whose(item: &Item) -> String {
    if item.who.is_empty() { String::new() } else { format!("for {}", groups(&item.who)) }
}

fn quoted(items: &[String]) -> String {
    let all: Vec<String> = items.iter().map(|item| format!("“{item}”")).collect();
    all.join(", ")
}

fn as_markdown(text: &Text) -> String {
    let spans = text.0.iter().map(|span| match span {
        Span::Plain(text) | Span::Bold(text) | Span::Code(text) => inert(text),
        Span::Link { label, url } => match url.contains(['<', '>', ' ', '\n', '\\']) {
            true => inert(label),
            false => format!("[{}](<{url}>)", inert(label)),
        },
        Span::Person { name, .. } => inert(name),
    });
    spans.collect()
}

/// Text in which Markdown reads nothing: whoever named a thing formats, links and mentions nothing with it.
fn inert(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => safe.push(' '),
            c if is_hidden_in_prose(c) => {}
            '@' => safe.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&' => {
                safe.push('\\');
                safe.push(c);
            }
            // An address would become a link by itself.
            ':' => {
                safe.push_str(if safe.ends_with("http") || safe.ends_with("https") { "&#58;" } else { ":" })
            }
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_format_link_and_mention_nothing() {
        let hostile = "a\n- [x] **b** _c_ `d` <script> [e](https://evil.example) @team #1 | ~~f~~ &amp;";
        let safe = inert(hostile);
        assert!(!safe.contains('\n') && !safe.contains("@team") && !safe.contains("https://"), "{safe}");
        for sign in ['*', '_', '`', '<', '[', '#', '|', '~'] {
            let bare = safe.match_indices(sign).any(|(at, _)| !safe[..at].ends_with(['\\', '&']));
            assert!(!bare, "{sign} in {safe}");
        }
        let text = Text::plain("x").link("l]", Some("https://ci.example/1")).link("m", Some("https://a> b"));
        assert_eq!(as_markdown(&text), "x[l\\]](<https://ci.example/1>)m");
    }
}
