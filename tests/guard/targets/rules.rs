//! What operators write, and what is stored.

use super::text;
use crate::doors::NOW;
use jiff::Timestamp;
use shipgate::settings::Settings;
use shipgate_app::cards::presses;
use shipgate_app::commands::{BUILTIN, Grammar};
use shipgate_app::effects::Effect;
use shipgate_domain::audit::{Actor, Entry, Row, Verifier, link};
use shipgate_domain::calendar::{
    Calendar, FiveFieldCron, Freeze, FreezeId, FreezeOrigin, FreezeScope, FreezeWhen, Schedule, WeeklySpan,
};
use shipgate_domain::deploy::Deploy;
use shipgate_domain::zone::Zone;
use std::collections::BTreeMap;
use std::path::Path;

/// Lines of windows, cron lines and freezes: what can be read has answers at once, and they agree with each other.
pub fn calendar(data: &[u8]) {
    let (text, now) = (text(data), Timestamp::from_second(NOW).expect("a moment"));
    let zone = Zone::named("Europe/Berlin").expect("it is built in");
    let mut spans: Vec<WeeklySpan> = Vec::new();
    let mut freezes = Vec::new();
    let mut freeze = |when: FreezeWhen| {
        freezes.push(Freeze {
            id: FreezeId(format!("f{}", freezes.len())),
            name: "x".into(),
            scope: FreezeScope { environments: vec![], services: vec![], except_services: vec![] },
            zone: zone.clone(),
            when,
            origin: FreezeOrigin::Settings,
        });
    };
    for line in text.lines().take(8) {
        if let Ok(span) = line.parse::<WeeklySpan>() {
            assert_eq!(span.to_string().parse::<WeeklySpan>().expect("it says itself"), span, "{line}");
            spans.push(span);
        }
        if let Ok(cron) = line.parse::<FiveFieldCron>() {
            let next: Vec<Timestamp> = cron.upcoming(now, &zone).take(3).collect();
            assert!(next.iter().all(|at| *at > now) && next.windows(2).all(|two| two[0] < two[1]), "{line}");
        }
        if let Some((from, until)) = line.split_once(" until ") {
            let _ = FreezeWhen::dates(from, until).map(&mut freeze);
        }
        if let Some((cron, lasts)) = line.split_once(" for ") {
            let _ = FreezeWhen::cron(cron, lasts).map(&mut freeze);
            let _ = FreezeWhen::rule(cron, None, lasts).map(&mut freeze);
            let _ = FreezeWhen::rule(cron, Some("2026-01-05T18:00"), lasts).map(&mut freeze);
            let _ = FreezeWhen::on(cron, lasts).map(&mut freeze);
        }
    }
    let Ok(schedule) = Schedule::new("office", zone, spans, vec![]) else { return };
    if let Some(opens) = schedule.next_open(now, false) {
        assert!(opens >= now);
        assert!(schedule.at(opens).lets_through(false), "it is open when it opens");
    }
    let calendar = Calendar::compile(&BTreeMap::from([("office".to_owned(), schedule)]), &freezes, now);
    assert!(calendar.covers(now));
}

/// A settings file: read, or refused with every problem told, and no control characters in what is told.
pub fn settings(data: &[u8]) {
    let environment = |name: &str| match name {
        "SLACK_BOT_TOKEN" => Some("xoxb-canary-0123456789".to_owned()),
        "SLACK_SIGNING_SECRET" => Some("canary-signing".to_owned()),
        "SLACK_APP_TOKEN" => Some("xapp-canary-0123456789".to_owned()),
        "GITHUB_TOKEN" => Some("ghp_canary0123456789".to_owned()),
        _ => None,
    };
    let text = text(data);
    match Settings::from_text(Path::new("shipgate.toml"), &text, &environment) {
        Ok(settings) => {
            let again =
                Settings::from_text(Path::new("shipgate.toml"), &text, &environment).expect("it was read");
            assert_eq!(settings.policy.version(), again.policy.version());
        }
        Err(problems) => {
            let told = problems.to_string();
            assert!(!told.is_empty());
            for canary in ["xoxb-canary", "canary-signing", "xapp-canary", "ghp_canary"] {
                assert!(!told.contains(canary) || text.contains(canary), "{told}");
            }
        }
    }
}

/// A command file of a user.
pub fn commands_toml(data: &[u8]) {
    match Grammar::load(BUILTIN, vec![("mine.toml".into(), text(data).into_owned())]) {
        Ok(grammar) => {
            assert_eq!(grammar.commands().len(), BUILTIN.len() + 1);
            let own = grammar.commands().last().expect("there is one").name.clone();
            assert!(grammar.command(&own).is_some());
        }
        Err(problems) => assert!(problems.iter().all(|problem| !problem.what.is_empty())),
    }
}

/// A chain of what the bytes say, tampered with where they say: found, at or before the place.
pub fn audit(data: &[u8]) {
    let [how, place, rest @ ..] = data else { return };
    let at = Timestamp::from_second(NOW).expect("a moment");
    let mut rows: Vec<Row> = Vec::new();
    let mut verifier = Verifier::default();
    for piece in rest.chunks(16).take(12) {
        let entry = Entry {
            at,
            actor: Actor::Shipgate,
            deploy: None,
            environment: None,
            event: "denied".into(),
            data: serde_json::Value::String(text(piece).into_owned()),
        };
        let (seq, head) = verifier.head();
        let row = link(seq + 1, head, &entry);
        verifier.check(&row).expect("a true chain");
        assert_eq!(serde_json::from_str::<Entry>(&row.body).expect("it reads back"), entry);
        let exported = serde_json::to_string(&row).expect("it can be written");
        assert!(!exported.contains('\n'), "one line each");
        let exported: Row = serde_json::from_str(&exported).expect("it reads back");
        // The columns beside the text are the database's own, and no part of what is exported.
        assert_eq!(Row { deploy: row.deploy.clone(), at_millis: row.at_millis, ..exported }, row);
        rows.push(row);
    }
    if rows.len() < 2 {
        return;
    }
    let n = usize::from(*place) % rows.len();
    let before = rows.clone();
    match how % 6 {
        0 => rows[n].body.push(' '),
        1 => drop(rows.remove(n)),
        2 => rows.insert(n, before[n].clone()),
        3 => rows.swap(n, (n + 1) % before.len()),
        4 => rows[n].seq += 1,
        _ => rows[n].hash = before[(n + 1) % before.len()].hash.clone(),
    }
    if rows == before || (how % 6 == 1 && n + 1 == before.len()) {
        // A cut tail is whole by itself: the head's anchor tells.
        return;
    }
    let mut verifier = Verifier::default();
    let found = rows.iter().find_map(|row| verifier.check(row).err());
    assert!(found.is_some(), "tampering {how} at {n} was not found");
}

/// What is stored is read, or refused; what was read is written as it was.
pub fn stored(data: &[u8]) {
    if let Ok(deploy) = serde_json::from_slice::<Deploy>(data) {
        let written = serde_json::to_string(&deploy).expect("it can be written");
        assert_eq!(serde_json::from_str::<Deploy>(&written).expect("it reads back"), deploy);
        assert!(presses(&deploy).len() <= 4);
        let _ = (deploy.is_done(), deploy.is_active(), deploy.digest());
    }
    if let Ok(effect) = serde_json::from_slice::<Effect>(data) {
        let written = serde_json::to_string(&effect).expect("it can be written");
        assert_eq!(serde_json::from_str::<Effect>(&written).expect("it reads back"), effect);
    }
    if let Ok(row) = serde_json::from_slice::<Row>(data) {
        let _ = Verifier::default().check(&row);
    }
}
