//! When one of the `[[freezes]]` holds: dates, a cron line, a recurrence rule, a day of the year, public holidays, or a
//! calendar that others keep. Not here: its name and scope (`times`), what all this means (`shipgate_domain::calendar`).

use super::super::problem::Finding;
use super::super::reader::{Section, Word, clip};
use jiff::SignedDuration;
use shipgate_domain::calendar::words::parse_civil;
use shipgate_domain::calendar::{
    BadRule, FeedSource, FiveFieldCron, FreezeWhen, HolidayList, Length, Recurrence, RelativeDay,
};

/// What says when a freeze holds, with what may stand beside it. Only one may.
const KINDS: [(&str, &[&str]); 6] = [
    ("cron", &["lasts"]),
    ("rrule", &["from", "lasts"]),
    ("on", &["lasts"]),
    ("holidays", &[]),
    ("ics", &["refresh", "max_age"]),
    ("gitlab", &["refresh", "max_age"]),
];
const BESIDE: [&str; 5] = ["from", "until", "lasts", "refresh", "max_age"];
const GITLAB: &str = "https://gitlab.com";
const RULE: &str = "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH";

/// `[gitlab] url`, without a slash at the end.
pub(super) fn gitlab_url(root: &Section<'_>) -> String {
    let Some(section) = root.section("gitlab") else { return GITLAB.to_owned() };
    let Some(word) = section.text("url", GITLAB) else { return GITLAB.to_owned() };
    if !is_safe_address(&word.text) || word.text.contains(['?', '#']) {
        let what = format!("`gitlab.url` is no https address: {}", clip(&word.text));
        let why = "the token travels there";
        let found = Finding::at(word.place, "bad_address", what).why(why);
        section.note(found.instead(format!("write url = \"{GITLAB}\", or the address of your own server")));
    }
    word.text.trim_end_matches('/').to_owned()
}

/// Encrypted, or on this machine.
fn is_safe_address(text: &str) -> bool {
    let is_here = |host: &str| host == "localhost" || host == "127.0.0.1" || host == "[::1]";
    let host = |rest: &str| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') || authority.is_empty() { None } else { Some(authority.to_owned()) }
    };
    let without_port = |authority: String| match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host.to_owned(),
        _ => authority,
    };
    if !text.bytes().all(|b| b.is_ascii_graphic()) || text.parse::<axum::http::Uri>().is_err() {
        return false;
    }
    match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => host(rest).is_some(),
        (None, Some(rest)) => host(rest).is_some_and(|authority| is_here(&without_port(authority))),
        (None, None) => false,
    }
}

/// None when it cannot be read; what is wrong is noted.
pub(super) fn when(section: &Section<'_>, gitlab: &str) -> Option<FreezeWhen> {
    let place = |key: &str| section.place_of(key);
    let kinds: Vec<_> = KINDS.iter().filter(|(key, _)| place(key).is_some()).collect();
    let has_dates = place("from").is_some() || place("until").is_some();
    let kind = match kinds.as_slice() {
        [(key, beside), ..] => {
            if let [_, (second, _), ..] = kinds.as_slice() {
                let what = format!("this freeze has `{key}` and `{second}`");
                let found = Finding::at(place(second)?, "contradiction", what);
                section.note(found.instead("leave one of them out; write two freezes if both are meant"));
                return None;
            }
            let is_dated_cron = *key == "cron" && has_dates;
            let foreign = BESIDE.iter().find(|other| place(other).is_some() && !beside.contains(other));
            if let Some(foreign) = foreign.filter(|_| !is_dated_cron) {
                let what = format!("`{foreign}` means nothing beside `{key}`");
                let found = Finding::at(place(foreign)?, "contradiction", what);
                section.note(found.instead("leave it out, or write two freezes"));
                return None;
            }
            *key
        }
        [] if place("lasts").is_some() => "cron",
        [] => "",
    };
    let lasts = section.parsed::<Length>("lasts", "bad_length", "3d");
    match kind {
        "cron" => cron(section, lasts, has_dates),
        "rrule" => rule(section, lasts),
        "on" => {
            let day = section.parsed::<RelativeDay>("on", "bad_day", "4th Thu of November + 1d")?;
            let day_long = || "1d".parse().expect("a day is a length");
            Some(FreezeWhen::On { day, lasts: if place("lasts").is_some() { lasts? } else { day_long() } })
        }
        "holidays" => {
            let list = section.parsed::<HolidayList>("holidays", "unknown_holidays", "DE-BE")?;
            Some(FreezeWhen::Holidays { list })
        }
        "ics" => {
            let word = section.text("ics", "holidays.ics")?;
            feed(section, ics(section, word))
        }
        "gitlab" => {
            let word = section.text("gitlab", "acme/api")?;
            feed(section, project(section, word, gitlab))
        }
        _ => {
            let from = section.time("from", "2026-11-26T00:00");
            let until = section.time("until", "2026-12-01T00:00");
            missing(section, [("from", "2026-11-26T00:00"), ("until", "2026-12-01T00:00")]);
            dates(section, from?, until?)
        }
    }
}

fn missing(section: &Section<'_>, pairs: [(&str, &str); 2]) {
    for (key, example) in pairs.iter().filter(|(key, _)| section.place_of(key).is_none()) {
        section.missing(key, "", &format!("\"{example}\""));
    }
}

fn cron(section: &Section<'_>, lasts: Option<Length>, has_dates: bool) -> Option<FreezeWhen> {
    let place = |key: &str| section.place_of(key);
    let line = section.parsed::<FiveFieldCron>("cron", "bad_cron", "0 18 28 * *");
    if has_dates {
        let at = place("cron").or(place("lasts")).unwrap_or(section.place.clone());
        let found = Finding::at(at, "contradiction", "this freeze has dates and a cron line");
        section.note(found.instead("write from and until, or cron and lasts; two freezes if both are meant"));
        return None;
    }
    missing(section, [("cron", "0 18 28 * *"), ("lasts", "3d")]);
    Some(FreezeWhen::Cron { line: line?, lasts: lasts? })
}

fn rule(section: &Section<'_>, lasts: Option<Length>) -> Option<FreezeWhen> {
    let word = section.text("rrule", RULE)?;
    missing(section, [("rrule", RULE), ("lasts", "5d")]);
    let from = match section.time("from", "2026-01-05T18:00") {
        Some(from) => Some(civil(section, &from)?),
        None if section.place_of("from").is_some() => return None,
        None => None,
    };
    match Recurrence::new(&word.text, from) {
        Ok(rule) => Some(FreezeWhen::Rule { rule, lasts: lasts? }),
        Err(why) => {
            let code = match why {
                BadRule::NeverFires => "never_freezes",
                BadRule::NeedsStart { .. } => "missing",
                BadRule::Part { .. } | BadRule::NoFrequency | BadRule::TwoEnds | BadRule::TooEarly { .. } => {
                    "bad_rule"
                }
            };
            section.refuse(word.place, code, &why.to_string(), &format!("rrule = \"{RULE}\""));
            None
        }
    }
}

fn feed(section: &Section<'_>, source: Option<FeedSource>) -> Option<FreezeWhen> {
    let (hour, day) = (SignedDuration::from_hours(1), SignedDuration::from_hours(24));
    let refresh = length(section, "refresh", "1h", SignedDuration::from_mins(1), hour);
    let max_age = length(section, "max_age", "24h", SignedDuration::from_mins(2), day);
    let (source, refresh, max_age) = (source?, refresh?, max_age?);
    if max_age <= refresh {
        let place = section.place_of("max_age").or(section.place_of("refresh"));
        let what = "`max_age` is not longer than `refresh`";
        let why = "the calendar would count as unreadable before it is read again";
        let found = Finding::at(place.unwrap_or(section.place.clone()), "contradiction", what).why(why);
        section.note(found.instead("write for example refresh = \"1h\" and max_age = \"24h\""));
        return None;
    }
    Some(FreezeWhen::Feed { source, refresh, max_age })
}

/// A length between a least one and 31 days.
fn length(
    section: &Section<'_>,
    key: &str,
    example: &str,
    least: SignedDuration,
    usual: SignedDuration,
) -> Option<SignedDuration> {
    if section.place_of(key).is_none() {
        return Some(usual);
    }
    let word = section.text(key, example)?;
    let length = section.parse::<Length>(&word, "bad_length", example)?.total();
    if length < least || length > SignedDuration::from_hours(31 * 24) {
        let what = format!("`{key}` is {}", clip(&word.text));
        let instead = format!("write {} minutes to 31 days, such as {key} = \"{example}\"", least.as_mins());
        section.note(Finding::at(word.place, "out_of_range", what).instead(instead));
        return None;
    }
    Some(length)
}

/// A path, or an address. An address may be a secret: it is not repeated.
fn ics(section: &Section<'_>, word: Word) -> Option<FeedSource> {
    let text = word.text.trim();
    let is_address = text.contains("://");
    if is_address && is_safe_address(text) {
        return Some(FeedSource::Address { url: text.to_owned() });
    }
    if !is_address && !text.is_empty() && clip(text) == text {
        return Some(FeedSource::File { path: text.to_owned() });
    }
    let what = "`ics` is neither a file nor an https address";
    let instead =
        "write ics = \"holidays.ics\", or an address that begins with https:// (also for webcal://)";
    section.note(Finding::at(word.place, "bad_address", what).instead(instead));
    None
}

fn project(section: &Section<'_>, word: Word, url: &str) -> Option<FeedSource> {
    let parts: Vec<&str> = word.text.split('/').collect();
    let is_part = |part: &&str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    if (2..=21).contains(&parts.len()) && word.text.len() <= 255 && parts.iter().all(is_part) {
        return Some(FeedSource::Gitlab { url: url.to_owned(), project: word.text });
    }
    let what = format!("“{}” is not a project of GitLab", clip(&word.text));
    let instead = "write it with its groups, such as gitlab = \"acme/api\"";
    section.note(Finding::at(word.place, "bad_name", what).instead(instead));
    None
}

fn civil(section: &Section<'_>, word: &Word) -> Option<jiff::civil::DateTime> {
    let civil = parse_civil(&word.text).ok();
    if civil.is_none() {
        let what = format!("“{}” is not a date and time", clip(&word.text));
        let why = "freezes are written in local time, whose zone is `timezone`";
        let found = Finding::at(word.place.clone(), "bad_time", what).why(why);
        section.note(found.instead("write \"2026-11-26T00:00\" or \"2026-11-26\", without an offset"));
    }
    civil
}

fn dates(section: &Section<'_>, from: Word, until: Word) -> Option<FreezeWhen> {
    // Both are looked at before one that is wrong ends it.
    if !(civil(section, &from).is_some() & civil(section, &until).is_some()) {
        return None;
    }
    match FreezeWhen::dates(&from.text, &until.text) {
        Ok(when) => Some(when),
        Err(why) => {
            section.refuse(until.place, "ends_before_start", &why.to_string(), "\"2026-12-01T00:00\"");
            None
        }
    }
}
