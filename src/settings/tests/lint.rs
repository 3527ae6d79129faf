//! What is legal but surely wrong, one small file for each. Not here: what cannot be read at all.

use super::super::check::check_with;
use super::{NOW, good_env};
use std::process::ExitCode;

/// Rules with nothing to say against; the parts of the tests come after it, or into `window` and `more`.
fn file(windows: &str, approvals: &str, more: &str) -> String {
    format!(
        r#"timezone = "Europe/Berlin"
[http]
public_url = "https://shipgate.example.com"
[slack]
team = "T1"
[people.ada]
slack = "U1"
[people.grace]
slack = "U2"
[people.linus]
slack = "U3"
[groups]
deployers = ["ada", "grace"]
release-managers = ["grace", "linus"]
[services.api]
provider = "github"
repo = "acme/api"
workflow = "deploy.yml"
ref = "main"
inputs = {{ environment = "{{environment}}", sha = "{{sha}}", deployment_id = "{{deploy}}" }}
[environments.production]
schedule = "office"
deployers = ["deployers"]
approvals = {approvals}
[schedules.office]
open = [{windows}]
{more}"#
    )
}

const WINDOWS: &str = r#""Mon-Thu 00:00-24:00", "Fri 00:00-14:00""#;
const APPROVALS: &str = r#"{ needed = 1, from = ["release-managers"] }"#;

/// Severity, code and the text at the place of everything that `check --json` says of these rules.
fn said(text: &str) -> Vec<(String, String, String)> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("shipgate.toml");
    std::fs::write(&path, text).expect("written");
    let env = good_env();
    let (answer, code) =
        check_with(&path, true, &|name| env.get(name).cloned(), NOW.parse().expect("an instant"));
    let found: Vec<serde_json::Value> = serde_json::from_str(&answer).unwrap_or_default();
    let is_fatal = found.iter().any(|problem| problem["severity"] == "error");
    assert_eq!(code, if is_fatal { ExitCode::FAILURE } else { ExitCode::SUCCESS }, "{answer}");
    found
        .iter()
        .map(|problem| {
            for part in ["what", "why", "instead"] {
                assert!(problem[part].as_str().is_some_and(|said| !said.is_empty()), "{part}: {problem}");
            }
            let word = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
            let number =
                |key: &str| usize::try_from(problem[key].as_u64().expect("a number")).expect("small");
            let line = text.lines().nth(number("line") - 1).expect("a line of the file");
            let at: String = line.chars().skip(number("column") - 1).collect();
            (word("severity"), word("code"), at)
        })
        .collect()
}

#[track_caller]
fn only(text: &str, severity: &str, code: &str, at: &str) {
    let said = said(text);
    assert!(
        said.len() == 1 && said[0].0 == severity && said[0].1 == code && said[0].2.starts_with(at),
        "{said:#?}"
    );
}

fn with(freezes: &str) -> String {
    file(WINDOWS, APPROVALS, freezes)
}

#[test]
fn good_rules_are_good() {
    let freeze = "[[freezes]]\nname = \"Black Friday\"\nfrom = \"2026-11-26\"\nuntil = \"2026-12-01\"\n";
    assert_eq!(said(&with(freeze)), []);
}

#[test]
fn a_freeze_that_is_over_is_told() {
    let text = with("[[freezes]]\nname = \"Old\"\nfrom = \"2025-11-26\"\nuntil = \"2025-12-01\"\n");
    only(&text, "warning", "freeze_never", "until = \"2025-12-01\"");
}

#[test]
fn a_freeze_of_more_than_thirty_days_is_told() {
    let month = with("[[freezes]]\nname = \"F\"\nfrom = \"2027-03-01\"\nuntil = \"2027-03-31\"\n");
    assert_eq!(said(&month), [], "thirty days, one of them with 23 hours");
    let autumn = with("[[freezes]]\nname = \"F\"\nfrom = \"2027-10-01\"\nuntil = \"2027-10-31T00:00\"\n");
    assert_eq!(said(&autumn), [], "thirty days, one of them with 25 hours");
    let longer = with("[[freezes]]\nname = \"F\"\nfrom = \"2027-03-01\"\nuntil = \"2027-04-01\"\n");
    only(&longer, "warning", "freeze_long", "until = \"2027-04-01\"");
}

#[test]
fn two_freezes_end_to_end_that_are_long_together_are_told_once() {
    let freeze = |name: &str, from: &str, until: &str| {
        format!("[[freezes]]\nname = \"{name}\"\nfrom = \"{from}\"\nuntil = \"{until}\"\n")
    };
    let first = freeze("A", "2027-03-01", "2027-03-20");
    let text = with(&format!("{first}{}", freeze("B", "2027-03-20", "2027-04-05")));
    only(&text, "warning", "freeze_together", "from = \"2027-03-20\"");
    assert!(told(&text).contains("“A” and “B”") && told(&text).contains("35 days"), "{}", told(&text));
    let with_a_gap = with(&format!("{first}{}", freeze("B", "2027-03-21", "2027-04-05")));
    assert_eq!(said(&with_a_gap), []);
    let short = with(&format!("{first}{}", freeze("B", "2027-03-20", "2027-03-25")));
    assert_eq!(said(&short), []);
}

#[test]
fn a_cron_freeze_that_runs_together_is_told_once() {
    let text = with("[[freezes]]\nname = \"F\"\ncron = \"0 * 15 JAN *\"\nlasts = \"24h\"\n");
    only(&text, "warning", "freeze_runs_together", "lasts = \"24h\"");
}

#[test]
fn the_same_freeze_under_two_names_is_told_at_the_second() {
    let dates = "from = \"2026-11-26\"\nuntil = \"2026-12-01\"\n";
    let text = with(&format!("[[freezes]]\nname = \"A\"\n{dates}[[freezes]]\nname = \"B\"\n{dates}"));
    only(&text, "warning", "freeze_twice", "name = \"B\"");
    let elsewhere = with(&format!(
        "[[freezes]]\nname = \"A\"\n{dates}[[freezes]]\nname = \"B\"\ntimezone = \"Asia/Tokyo\"\n{dates}"
    ));
    assert_eq!(said(&elsewhere), []);
}

#[test]
fn a_freeze_whose_services_are_all_excepted_is_told() {
    let text = with(
        "[[freezes]]\nname = \"F\"\nfrom = \"2026-11-26\"\nuntil = \"2026-12-01\"\nexcept_services = [\"api\"]\n",
    );
    only(&text, "warning", "freeze_of_nothing", "except_services");
}

#[test]
fn a_window_that_a_freeze_always_covers_is_told() {
    let text = with("[[freezes]]\nname = \"F\"\ncron = \"0 0 * * FRI\"\nlasts = \"1d\"\n");
    only(&text, "warning", "window_never_opens", "\"Fri 00:00-14:00\"");
    let for_another = with(
        "[environments.staging]\ndeployers = [\"deployers\"]\nschedule = \"office\"\n[[freezes]]\nname = \"F\"\n\
         cron = \"0 0 * * FRI\"\nlasts = \"1d\"\nenvironments = [\"production\"]\n",
    );
    assert_eq!(said(&for_another), []);
}

#[test]
fn an_environment_that_is_never_open_is_an_error() {
    let text = file(
        "\"Fri 00:00-14:00\"",
        APPROVALS,
        "[[freezes]]\nname = \"F\"\ncron = \"0 0 * * FRI\"\nlasts = \"1d\"\n",
    );
    only(&text, "error", "never_opens", "schedule = \"office\"");
}

#[test]
fn an_approval_that_nobody_could_give_to_somebody_is_told() {
    let text = file(WINDOWS, r#"{ needed = 2, from = ["release-managers"] }"#, "");
    only(&text, "warning", "approval_of_nobody", "needed = 2");
    let own = file(WINDOWS, r#"{ needed = 2, from = ["release-managers"], own = true }"#, "");
    assert_eq!(said(&own), []);
}

/// Rules with one of whom much is asked: ada, who may deploy, alone in `solo`.
fn solo(approvals: &str, environment: &str, service: &str) -> String {
    file(WINDOWS, approvals, "")
        .replace("[services.api]\n", &format!("[services.api]\n{service}\n"))
        .replace("[groups]\n", "[groups]\nsolo = [\"ada\"]\n")
        .replace("[schedules.office]\n", &format!("{environment}\n[schedules.office]\n"))
}

/// The whole of the only thing that `check` finds.
fn told(text: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("shipgate.toml");
    std::fs::write(&path, text).expect("written");
    let env = good_env();
    check_with(&path, false, &|name| env.get(name).cloned(), NOW.parse().expect("an instant")).0
}

#[test]
fn a_yes_of_any_kind_that_nobody_could_give_to_somebody_is_told() {
    let also = r#"{ needed = 1, from = ["release-managers"], also = [{ needed = 1, from = ["solo"] }] }"#;
    let text = solo(also, "", "");
    only(&text, "warning", "approval_of_nobody", "needed = 1");
    let said = told(&text);
    for part in ["nobody could approve what ada asks for on production", "without ada", "solo"] {
        assert!(said.contains(part), "“{part}” is missing: {said}");
    }
    let overrides = "overrides = { needed = 1, from = [\"solo\"] }";
    let text = solo(APPROVALS, overrides, "");
    only(&text, "warning", "approval_of_nobody", "needed = 1, from = [\"solo\"]");
    assert!(told(&text).contains("ada asks for on production as an emergency"), "{}", told(&text));
    let migrations = "migrations = { needed = 1, from = [\"solo\"] }";
    let text = solo(APPROVALS, migrations, "migrations = [\"rails\"]");
    only(&text, "warning", "approval_of_nobody", "needed = 1, from = [\"solo\"]");
    assert!(told(&text).contains("ada asks for on production when it contains"), "{}", told(&text));
    let nothing_looked_for = solo(APPROVALS, migrations, "");
    assert!(said_codes(&nothing_looked_for).iter().all(|code| code != "approval_of_nobody"));
}

fn said_codes(text: &str) -> Vec<String> {
    said(text).into_iter().map(|(_, code, _)| code).collect()
}

#[test]
fn two_places_that_only_one_person_could_fill_are_told() {
    // grace is asked for both, and linus for one of them; whatever linus asks for, grace would have to say yes twice.
    let text = file(
        WINDOWS,
        r#"{ needed = 1, from = ["release-managers"], also = [{ needed = 1, from = ["second"] }] }"#,
        "",
    )
    .replace("[groups]\n", "[groups]\nsecond = [\"grace\"]\n")
    .replace("deployers = [\"ada\", \"grace\"]", "deployers = [\"ada\", \"linus\"]");
    only(&text, "warning", "approval_of_nobody", "needed = 1");
    let said = told(&text);
    assert!(
        said.contains("what linus asks for") && said.contains("each person fills one place only"),
        "{said}"
    );
}

#[test]
fn a_reminder_before_every_beginning_is_told() {
    let freeze = "[[freezes]]\nname = \"F\"\nfrom = \"2026-11-26\"\nuntil = \"2026-11-27\"\n";
    let text = with(&format!("[reminders]\nfreeze = [\"1h before end\", \"2d before end\"]\n{freeze}"));
    only(&text, "warning", "reminder_never", "\"2d before end\"");
}

#[test]
fn a_freeze_that_begins_again_before_it_is_over_for_ever_has_no_invented_end() {
    for (when, place) in [
        ("cron = \"0 0 * * *\"\nlasts = \"2d\"\n", "lasts = \"2d\""),
        ("cron = \"*/30 * * * *\"\nlasts = \"1h\"\n", "lasts = \"1h\""),
        ("rrule = \"FREQ=DAILY\"\nfrom = \"2026-01-08T13:00\"\nlasts = \"1d\"\n", "lasts = \"1d\""),
    ] {
        let text = with(&format!("[[freezes]]\nname = \"F\"\nservices = [\"api\"]\n{when}"));
        let found = said(&text);
        assert!(found.iter().any(|(_, code, at)| code == "freeze_endless" && at == place), "{found:?}");
        assert!(!found.iter().any(|(_, code, _)| code == "freeze_long" || code == "freeze_runs_together"));
    }
}

#[test]
fn a_day_that_comes_in_some_years_only_is_not_over() {
    for when in ["cron = \"0 0 29 2 *\"\nlasts = \"1d\"\n", "on = \"29 February\"\n"] {
        assert_eq!(said(&with(&format!("[[freezes]]\nname = \"F\"\n{when}"))), [], "{when}");
    }
    let over = with(
        "[[freezes]]\nname = \"F\"\nrrule = \"FREQ=DAILY;COUNT=2\"\nfrom = \"2026-01-08\"\nlasts = \"1d\"\n",
    );
    only(&over, "warning", "freeze_never", "rrule = \"FREQ=DAILY;COUNT=2\"");
}

#[test]
fn calendar_files_are_looked_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("company.ics");
    let shown = file.display().to_string();
    let text = with(&format!("[[freezes]]\nname = \"F\"\nics = \"{shown}\"\n"));
    let place = format!("ics = \"{shown}\"");
    only(&text, "error", "calendar_unreadable", &place);
    let event =
        "BEGIN:VEVENT\r\nUID:a\r\nDTSTART:20261201T080000Z\r\nDTEND:20261201T100000Z\r\nEND:VEVENT\r\n";
    let calendar = |events: &str| format!("BEGIN:VCALENDAR\r\n{events}END:VCALENDAR\r\n");
    for (content, found) in [
        ("no calendar".to_owned(), Some(("error", "calendar_unreadable"))),
        (String::new(), Some(("error", "calendar_unreadable"))),
        (calendar(""), Some(("warning", "calendar_empty"))),
        (calendar(event), None),
    ] {
        std::fs::write(&file, &content).expect("written");
        match found {
            Some((severity, code)) => only(&text, severity, code, &place),
            None => assert_eq!(said(&text), []),
        }
    }
}

#[test]
fn items_that_nothing_ticks_here_are_told_and_the_built_in_lists_are_not() {
    let list = "[checklists.own]\nbefore = [{ item = \"Reviewed\", fact = \"reviews\" }, { item = \"Approved\", fact = \"approvals\" }]\n\
                after = [{ item = \"Shrunk\", when = \"migrations\" }]\n";
    let with = |name: &str, list: &str| {
        file(WINDOWS, APPROVALS, list).replace(
            "deployers = [\"deployers\"]\n",
            &format!("deployers = [\"deployers\"]\nchecklist = \"{name}\"\n"),
        )
    };
    let found = said(&with("own", list));
    let codes: Vec<(&str, &str)> = found.iter().map(|(_, code, at)| (code.as_str(), &at[..9])).collect();
    assert_eq!(
        codes,
        [("checklist_unasked", "\"Reviewed"), ("checklist_never", "\"Shrunk\",")],
        "{found:#?}"
    );
    assert!(found.iter().all(|(severity, _, _)| severity == "warning"), "{found:#?}");
    assert_eq!(said(&with("release", "")), []);
}
