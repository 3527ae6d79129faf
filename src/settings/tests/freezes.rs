//! `[[freezes]]`: every way to write one, and what is refused. Not here: when they hold (`domain::calendar`).

use crate::settings::Settings;
use shipgate_domain::calendar::{FeedSource, FreezeWhen};
use std::path::Path;

/// The settings with these freezes; what is wrong, as its codes and sentences.
fn read(freezes: &str) -> Result<Vec<FreezeWhen>, String> {
    let text = format!(
        "timezone = \"Europe/Berlin\"\n[services.api]\nprovider = \"command\"\nrepo = \"./api\"\n\
         command = [\"./deploy\", \"{{environment}}\", \"{{sha}}\"]\n[groups]\ndev = [\"ada\"]\n[people.ada]\n\
         [environments.production]\ndeployers = [\"dev\"]\nchecks = \"none\"\n{freezes}"
    );
    let environment = |name: &str| (name == "GITLAB_TOKEN").then(|| "glpat-a-token-of-the-test".to_owned());
    match Settings::from_text(Path::new("shipgate.toml"), &text, &environment) {
        Ok(settings) => Ok(settings.policy.freezes.into_iter().map(|freeze| freeze.when).collect()),
        Err(problems) => Err(problems.to_json()),
    }
}

fn one(keys: &str) -> Result<FreezeWhen, String> {
    read(&format!("[[freezes]]\nname = \"F\"\n{keys}\n")).map(|mut all| all.remove(0))
}

#[test]
fn every_kind_of_freeze_is_read() {
    assert_eq!(
        one("rrule = \"FREQ=YEARLY;BYMONTH=11;BYDAY=4TH\"\nlasts = \"5d\""),
        Ok(FreezeWhen::rule("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", None, "5d").expect("a rule"))
    );
    assert_eq!(
        one("rrule = \"FREQ=DAILY;INTERVAL=2\"\nfrom = 2026-01-05T18:00:00\nlasts = \"1h\""),
        Ok(FreezeWhen::rule("FREQ=DAILY;INTERVAL=2", Some("2026-01-05T18:00"), "1h").expect("a rule"))
    );
    assert_eq!(one("on = \"Easter + 1d\""), Ok(FreezeWhen::on("Easter + 1d", "1d").expect("a day")));
    assert_eq!(
        one("on = \"25 December\"\nlasts = \"36h\""),
        Ok(FreezeWhen::on("25 December", "36h").expect("a day"))
    );
    assert_eq!(one("holidays = \"de-be\""), Ok(FreezeWhen::holidays("DE-BE").expect("a list")));
    let feed = |source, refresh: &str, max_age: &str| {
        let length =
            |text: &str| text.parse::<shipgate_domain::calendar::Length>().expect("a length").total();
        FreezeWhen::Feed { source, refresh: length(refresh), max_age: length(max_age) }
    };
    let file = FeedSource::File { path: "a/b.ics".to_owned() };
    assert_eq!(one("ics = \"a/b.ics\""), Ok(feed(file, "1h", "24h")));
    let address = FeedSource::Address { url: "https://cal.example.com/a.ics?key=1".to_owned() };
    assert_eq!(
        one("ics = \"https://cal.example.com/a.ics?key=1\"\nrefresh = \"5m\"\nmax_age = \"2d\""),
        Ok(feed(address, "5m", "48h"))
    );
    let gitlab = |url: &str| FeedSource::Gitlab { url: url.to_owned(), project: "acme/shop/api".to_owned() };
    assert_eq!(one("gitlab = \"acme/shop/api\""), Ok(feed(gitlab("https://gitlab.com"), "1h", "24h")));
    assert_eq!(
        one("gitlab = \"acme/shop/api\"\n[gitlab]\nurl = \"https://git.example.com/\""),
        Ok(feed(gitlab("https://git.example.com"), "1h", "24h"))
    );
}

#[test]
fn what_is_wrong_with_a_freeze_is_told_by_its_code() {
    for (keys, code) in [
        ("rrule = \"FREQ=DAILY\"", "missing"),
        ("rrule = \"FREQ=WEEKLY;INTERVAL=2;BYDAY=MO\"\nlasts = \"1d\"", "missing"),
        ("rrule = \"FREQ=SECONDLY\"\nlasts = \"1d\"", "bad_rule"),
        ("rrule = \"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\"\nlasts = \"1d\"", "never_freezes"),
        ("rrule = \"FREQ=DAILY\"\nfrom = \"soon\"\nlasts = \"1d\"", "bad_time"),
        ("rrule = \"FREQ=DAILY\"\nlasts = \"1d\"\nuntil = \"2026-12-01\"", "contradiction"),
        ("rrule = \"FREQ=DAILY\"\ncron = \"0 0 * * *\"\nlasts = \"1d\"", "contradiction"),
        ("on = \"30 February\"", "bad_day"),
        ("on = \"Easter\"\nfrom = \"2026-01-01\"", "contradiction"),
        ("holidays = \"DE-XX\"", "unknown_holidays"),
        ("holidays = \"DE\"\nlasts = \"1d\"", "contradiction"),
        ("ics = \"http://cal.example.com/a.ics\"", "bad_address"),
        ("ics = \"webcal://cal.example.com/a.ics\"", "bad_address"),
        ("ics = \"\"", "bad_address"),
        ("ics = \"a.ics\"\nrefresh = \"1s\"", "out_of_range"),
        ("ics = \"a.ics\"\nrefresh = \"2d\"", "contradiction"),
        ("ics = \"a.ics\"\nmax_age = \"400d\"", "bad_length"),
        ("gitlab = \"api\"", "bad_name"),
        ("gitlab = \"acme/../api\"", "bad_name"),
        ("gitlab = \"acme/api\"\n[gitlab]\nurl = \"http://git.example.com\"", "bad_address"),
        ("gitlab = \"acme/api\"\n[gitlab]\nurl = \"https://me:secret@git.example.com\"", "secret_in_file"),
    ] {
        let told = one(keys).expect_err(keys);
        assert!(told.contains(&format!("\"{code}\"")), "{keys}: {told}");
    }
}

#[test]
fn check_warns_a_year_before_the_lists_of_holidays_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("shipgate.toml");
    let last = shipgate_domain::calendar::HolidayList::years().1;
    let at = |year: i16| format!("{year}-06-01T00:00:00Z").parse().expect("an instant");
    std::fs::write(&path, "[[freezes]]\nname = \"Public holidays\"\nholidays = \"DE\"\n").expect("written");
    assert!(crate::settings::check::ending_holidays(&path, at(last - 1)).is_none());
    let told = crate::settings::check::ending_holidays(&path, at(last)).expect("it ends soon");
    assert_eq!((told.code, told.line), ("holidays_end", Some(3)));
    std::fs::write(&path, "[[freezes]]\nname = \"F\"\non = \"Easter\"\n").expect("written");
    assert!(crate::settings::check::ending_holidays(&path, at(last)).is_none());
}
