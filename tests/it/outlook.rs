//! `explain`, `simulate`, what `check` finds surely wrong, and the calendar that a running server shows. Not here: the
//! arithmetic (`domain::calendar`), or how a picture is drawn (`shipgate-web`).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::commandline::{Place, Said};
use crate::harness::Bot;
use crate::setup::{Transport, world};
use serde_json::Value;
use std::fs;

/// Staging has hours in another zone, and a freeze that is far away from them.
const RULES: &str = r#"
[environments.hall]
checks = "none"
deployers = ["deployers"]
schedule = "office"
[schedules.office]
timezone = "America/New_York"
open = ["Mon-Thu 00:00-24:00", "Fri 00:00-14:00"]
emergency_only = ["Sat-Sun 00:00-24:00"]
[[freezes]]
name = "Winter"
cron = "0 0 20 12 *"
lasts = "14d"
environments = ["hall"]
"#;

fn place() -> Place {
    Place::new(RULES)
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}{}", said.out, said.err))
}

#[test]
fn explain_ends_with_what_holds_and_says_why() {
    let place = place();
    let open = place.run(&["explain", "hall", "--at", "2026-11-24 12:00"]);
    assert_eq!(open.good().code, Some(0));
    for part in [
        "api on hall",
        "Tue 24 Nov 2026, 12:00 UTC: open",
        "Closes Fri 27 Nov, 19:00: end of the window",
        "the windows of office are America/New_York",
        "Mon-Thu 00:00-24:00",
        "Permission",
        "NOT included",
    ] {
        assert!(open.out.contains(part), "“{part}” is missing: {}", open.out);
    }
    let closed = place.run(&["explain", "hall", "--at", "2026-12-24 12:00"]);
    assert_eq!(closed.code, Some(3), "{}{}", closed.out, closed.err);
    assert!(closed.out.contains("Winter, Sun 20 Dec, 00:00 to Sun 3 Jan 2027, 00:00"), "{}", closed.out);

    let told = json(&place.run(&["explain", "hall", "--at", "2026-12-24T12:00Z", "--json"]));
    assert_eq!((&told["format"], &told["open"]), (&Value::from(1), &Value::from(false)));
    assert_eq!(told["freezes"][0]["name"], "Winter");
    assert_eq!(told["next_opening"]["at"], "2027-01-04T05:00:00Z");
    assert_eq!(told["next_opening"]["because"][0]["kind"], "window_opens");
    assert_eq!(told["chat_freezes_included"], false);
    assert!(!place.path("shipgate.db").exists(), "looking made a database");
}

#[test]
fn what_cannot_be_explained_is_refused_with_what_can() {
    let place = place();
    place.run(&["explain", "hull"]).refused(&["“hull”", "hall", "staging"]);
    place.run(&["explain", "hall", "--service", "apii"]).refused(&["“apii”", "api"]);
    place.run(&["explain", "hall", "--at", "noonish"]).refused(&["“noonish”", "tomorrow 9:00"]);
    place.run(&["explain", "hall", "--at", "2040-01-01"]).refused(&["out of reach", "two years"]);
    place.run(&["simulate"]).refused(&["--environment", "hall", "staging"]);
    place.run(&["simulate", "--environment", "hall", "--days", "0"]).refused(&["1..=366"]);
    place
        .run(&["simulate", "--environment", "hall", "--svg", "no/such/folder.svg"])
        .refused(&["no/such/folder.svg"]);
    fs::write(place.path("bad.toml"), "[schedules.office]\nopen = [\"Mon 9-5\"]\n").unwrap();
    place.run(&["simulate", "--config", "bad.toml"]).refused(&["bad.toml", "Mon 9-5"]);
}

#[test]
fn simulate_tells_every_second_of_the_days_once() {
    let place = place();
    let said = place.run(&["simulate", "--environment", "hall", "--svg", "a.svg", "--ics", "a.ics"]);
    for part in [
        "api on hall",
        "Mon",
        "█ open",
        "Closed:",
        "Open ",
        " of 60 days",
        "Longest closed stretch",
        "Wrote a.svg and a.ics",
    ] {
        assert!(said.good().out.contains(part), "“{part}” is missing: {}", said.out);
    }
    assert!(said.out.lines().all(|line| line.chars().count() <= 200));
    assert!(fs::read_to_string(place.path("a.svg")).unwrap().starts_with("<svg "));
    assert!(fs::read_to_string(place.path("a.ics")).unwrap().starts_with("BEGIN:VCALENDAR\r\n"));

    let told = json(&place.run(&["simulate", "--environment", "hall", "--days", "90", "--json"]));
    let stretches = told["stretches"].as_array().unwrap();
    assert_eq!(stretches[0]["from"], told["from"]);
    assert_eq!(stretches.last().unwrap()["until"], told["until"]);
    assert!(stretches.windows(2).all(|pair| pair[0]["until"] == pair[1]["from"]));
    let sums: i64 = told["seconds"].as_object().unwrap().values().map(|sum| sum.as_i64().unwrap()).sum();
    assert_eq!(sums, 90 * 86_400, "the days of UTC");
    assert!(told["closures"].as_array().unwrap().iter().all(|closure| closure["why"] != ""));
}

/// The weeks of a calendar file with one event.
const COMPANY: &str = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nSUMMARY:Offsite\r\nDTSTART:20261124T080000Z\r\n\
                       DTEND:20261124T100000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

#[test]
fn calendar_files_are_read_and_what_cannot_be_known_is_neither_open_nor_frozen() {
    let company = "[[freezes]]\nname = \"Company\"\nics = \"company.ics\"\nenvironments = [\"hall\"]\n";
    let place = Place::new(&format!("{RULES}{company}"));
    fs::write(place.path("company.ics"), COMPANY).unwrap();
    let closed = place.run(&["explain", "hall", "--at", "2026-11-24 09:00"]);
    assert_eq!(closed.code, Some(3), "{}{}", closed.out, closed.err);
    assert!(closed.out.contains("closed: Company: Offsite, Tue 24 Nov, 08:00 to"), "{}", closed.out);
    let open = place.run(&["explain", "hall", "--at", "2026-11-24 12:00"]);
    assert_eq!(open.good().code, Some(0));
    assert!(open.out.contains("“Company” is read from the file company.ics"), "{}", open.out);
    assert!(place.run(&["simulate", "--environment", "hall"]).good().out.contains("Company: Offsite"));

    let address = place.path("address.toml");
    let settings = fs::read_to_string(place.path("shipgate.toml")).unwrap();
    fs::write(&address, settings.replace("company.ics", "https://calendar.example.com/secret.ics")).unwrap();
    fs::remove_file(place.path("company.ics")).unwrap();
    for (config, why) in [
        ("shipgate.toml", "company.ics cannot be read"),
        ("address.toml", "only a running server reads the calendar at calendar.example.com"),
    ] {
        let ask = |more: &[&str]| place.run(&[&["explain", "hall", "--config", config], more].concat());
        let unknown = ask(&["--at", "2026-11-24 12:00"]);
        assert_eq!(unknown.code, Some(1), "{}{}", unknown.out, unknown.err);
        assert!(
            unknown.out.contains("“Company” cannot be known here: ") && unknown.out.contains(why),
            "{}",
            unknown.out
        );
        assert!(!unknown.out.contains("since ") && !unknown.out.contains("secret"), "{}", unknown.out);
        let told = json(&ask(&["--at", "2026-11-24 12:00", "--json"]));
        assert_eq!((&told["open"], &told["calendars"][0]["known"]), (&Value::Null, &Value::from(false)));
        assert_eq!(told["freezes"][0]["from"], Value::Null);
        // Outside of the windows no calendar makes a difference.
        assert_eq!(ask(&["--at", "2026-11-28 12:00"]).code, Some(3));
        let weeks = place.run(&["simulate", "--environment", "hall", "--config", config]);
        assert!(weeks.good().out.contains('?') && weeks.out.contains("not known"), "{}", weeks.out);
        assert!(weeks.out.contains("cannot be known as long as a calendar is not read"), "{}", weeks.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_of_chat_is_in_all_of_them_while_the_server_runs() {
    let world = world().await;
    let mut bot = Bot::prepared(&world, Transport::Http, |_| {});
    bot.run().await;
    assert_eq!(bot.get("/calendar").await.0, 404, "it is shown only where somebody wants it");
    assert!(bot.terminate().await.success());
    bot.rewrite(|text| text.replacen("[http]\n", "[http]\ncalendar = true\n", 1));
    bot.run().await;
    bot.ask("grace", "/freeze", "add \"Incident 42\" production for 2h", "added the freeze Incident 42")
        .await;
    let said = Said::of(&bot.output(&["explain", "production"]));
    assert_eq!(said.code, Some(3), "{}{}", said.out, said.err);
    for part in ["Incident 42", "1 freeze that was added in chat is included", "Incident 42 ends"] {
        assert!(said.out.contains(part), "“{part}” is missing: {}", said.out);
    }
    let when = bot.ask("ada", "/shipgate", "when production", "api on production: opens").await;
    assert!(when.contains("Incident 42 ends") && when.contains("Times are"), "{when}");
    let explained = bot.ask("ada", "/shipgate", "explain production", "Incident 42").await;
    assert!(explained.contains("Permission") && explained.contains("Next"), "{explained}");
    for path in ["/calendar", "/calendar.svg", "/calendar.ics?environment=production"] {
        let (status, page) = bot.get(path).await;
        assert_eq!(status, 200, "{path}");
        assert!(page.contains("Incident 42"), "{path}: {page}");
    }
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_program_gets_the_feed_by_its_secret_address_and_nobody_else_does() {
    let world = world().await;
    let mut bot = Bot::prepared(&world, Transport::Http, |_| {});
    bot.rewrite(|text| text.replacen("[http]\n", "[http]\ncalendar = \"secret\"\n", 1));
    let key = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
    bot.arm("SHIPGATE_CALENDAR_KEY", key);
    bot.run().await;
    let printed = bot.command(&["calendar-address"]).env("SHIPGATE_CALENDAR_KEY", key).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let path = printed.trim().strip_prefix("https://shipgate.example.com").expect("an address").to_owned();
    let (status, feed) = bot.get(&path).await;
    assert!(status == 200 && feed.starts_with("BEGIN:VCALENDAR"), "{status} {feed}");
    let wrong = path.replace(".ics", "0.ics");
    for other in ["/calendar", "/calendar.ics", "/calendar/feed/", &wrong] {
        assert_eq!(bot.get(other).await.0, 404, "{other}");
    }
    let word = path.rsplit('/').next().and_then(|name| name.strip_suffix(".ics")).expect("a name");
    let log = bot.log();
    assert!(!log.contains(word) && !log.contains(key), "the log tells the address: {log}");
    // Without the key nobody can make it, and the server does not start.
    let without = bot.output(&["calendar-address"]);
    let said = String::from_utf8_lossy(&without.stderr).into_owned();
    assert!(!without.status.success() && said.contains("SHIPGATE_CALENDAR_KEY is not set"), "{said}");
    bot.end(&world).await;
}
