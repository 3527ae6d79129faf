//! What people type and what is shown to them.

use super::text;
use crate::hostile::literal;
use shipgate_app::commands::{Entry, Grammar, Names, Parsed};
use shipgate_app::words::{Block, Body, Message, Text, Tone};
use shipgate_chat::slack::probe;
use shipgate_domain::calendar::Length;
use shipgate_domain::hidden::is_hidden_in_prose;
use shipgate_domain::ids::{
    CommitId, DeployId, Digest, EnvironmentName, PersonId, RunId, ServiceName, Version,
};
use shipgate_pipelines::probe::{by_version, inert, last_lines, pull_of};
use std::fmt::Display;
use std::str::FromStr;
use std::sync::LazyLock;

static GRAMMAR: LazyLock<Grammar> = LazyLock::new(Grammar::builtin);

/// What can be named.
pub fn names() -> Names {
    Names {
        services: vec!["api".into(), "web".into()],
        default_service: Some("api".into()),
        environments: vec![("staging".into(), vec![]), ("production".into(), vec!["prod".into()])],
        people: vec!["ada".into(), "grace".into()],
        freezes: vec!["Black Friday".into()],
        deploys: vec!["01J00000000000000000007K2M".into()],
    }
}

/// Whatever is typed is understood, asked about or refused; the same words always mean the same; what is understood
/// names only what exists; what is stored reads back.
pub fn grammar(data: &[u8]) {
    let (text, names) = (text(data), names());
    for entry in [Entry::Mention, Entry::Slash("shipgate"), Entry::Slash("deploy"), Entry::Slash("freeze")] {
        let parsed = GRAMMAR.parse(&text, &names, entry);
        assert_eq!(parsed, GRAMMAR.parse(&text, &names, entry));
        let (Parsed::Understood(said) | Parsed::Missing { invocation: said, .. }) = &parsed else {
            if let Parsed::Refused(refusal) = &parsed {
                assert!(!refusal.what.is_empty() && !refusal.next.is_empty(), "{text:?}");
                let shown = format!("{}{}{}", refusal.what, refusal.why, refusal.next);
                assert!(!shown.contains(['\u{1b}', '\u{202e}', '\u{0}']), "{shown:?}");
            }
            continue;
        };
        assert!(said.service().is_none_or(|s| names.services.iter().any(|n| n == s)), "{said:?}");
        let exists =
            |e: &str| names.environments.iter().any(|(n, aliases)| n == e || aliases.iter().any(|a| a == e));
        assert!(said.environment().is_none_or(exists), "{said:?}");
        for arg in ["reason", "emergency", "name"] {
            assert!(said.text(arg).is_none_or(|t| !t.chars().any(is_hidden_in_prose)), "{said:?}");
        }
        let stored = serde_json::to_string(said).expect("it can be stored");
        assert_eq!(
            serde_json::from_str::<shipgate_app::commands::Invocation>(&stored).expect("and read back"),
            *said
        );
    }
}

pub fn times(data: &[u8]) {
    let text = text(data);
    if let Ok(length) = Length::from_str(&text) {
        assert!(!length.total().is_negative());
    }
    let names = names();
    for sentence in [
        format!("explain production at {text}"),
        format!("freeze add x production from {text} for 2h"),
        format!("freeze add x production until {text}"),
        format!("lock production x --for {text}"),
    ] {
        let parsed = GRAMMAR.parse(&sentence, &names, Entry::Mention);
        let Parsed::Understood(said) = parsed else { continue };
        let zone = jiff::tz::TimeZone::UTC;
        let now = jiff::Timestamp::from_second(crate::doors::NOW).expect("a moment");
        for name in ["at", "from", "until"] {
            if let Some(time) = said.time(name) {
                // Resolving may fail, and must not panic.
                let _ = time.resolve(now, &zone);
            }
        }
        assert!(said.duration("for").is_none_or(|length| length.is_positive()), "{said:?}");
    }
}

/// Whatever is an id says itself again, and can stand in a path, an argument and an address.
pub fn ids(data: &[u8]) {
    fn check<T: FromStr + Display + PartialEq + std::fmt::Debug>(text: &str)
    where
        T::Err: std::fmt::Debug + Display,
    {
        match text.parse::<T>() {
            Ok(id) => {
                let said = id.to_string();
                assert_eq!(said.parse::<T>().expect("it says itself"), id);
                assert!(!said.is_empty() && said.len() <= 256, "{said:?}");
                let is_safe = |c: char| c.is_ascii_graphic() && !"\"'`$;&|<>(){}[]*?!#~\\ ".contains(c);
                assert!(said.chars().all(is_safe), "{said:?}");
                assert!(!said.starts_with('-'), "{said:?} would be an option");
            }
            Err(why) => assert!(!why.to_string().is_empty()),
        }
    }
    let text = text(data);
    check::<CommitId>(&text);
    check::<Version>(&text);
    check::<DeployId>(&text);
    check::<RunId>(text.trim_start_matches('-'));
    check::<Digest>(&text);
    check::<ServiceName>(&text);
    check::<EnvironmentName>(&text);
    check::<PersonId>(text.trim_start_matches('-'));
    let (a, b) = text.split_at(text.floor_char_boundary(text.len() / 2));
    assert_eq!(by_version(a, b), by_version(b, a).reverse(), "{a:?} {b:?}");
}

/// What is drawn for Slack reads back as the literal text, and nothing in it acts on readers.
pub fn rendering(data: &[u8]) {
    let text: String = text(data).chars().take(600).collect();
    let message = Message {
        tone: Tone::Neutral,
        title: Text::plain(text.clone()),
        blocks: vec![
            Block::Paragraph(Text::plain(text.clone()).bold(text.clone()).code(text.clone())),
            Block::List(vec![Text::plain(text.clone())]),
            Block::Fields(vec![("reason".into(), Text::plain(text.clone()))]),
            Block::Code(vec![text.clone()]),
        ],
        buttons: Vec::new(),
    };
    let (fallback, blocks) = probe::draw(&Body::Message(message));
    literal(&text, &fallback, &blocks);
}

/// Logs, commit messages: one harmless line each.
pub fn logs(data: &[u8]) {
    let text = text(data);
    for line in last_lines(&text, 20) {
        assert!(!line.chars().any(is_hidden_in_prose) && line.chars().count() <= 300, "{line:?}");
    }
    let line = inert(&text, 80);
    assert!(!line.chars().any(is_hidden_in_prose) && line.chars().count() <= 80, "{line:?}");
    assert_eq!(inert(&line, 80), line, "twice is once");
    if let Some((_, title)) = pull_of(&text) {
        assert!(!title.chars().any(is_hidden_in_prose) && title.chars().count() <= 200, "{title:?}");
    }
}
