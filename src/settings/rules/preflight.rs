//! What environments and services demand of a change: soak, checks, reviews, migrations, artifacts. Not here: judging by it.

use super::super::near::advice;
use super::super::problem::Finding;
use super::super::reader::{Section, Word, clip};
use super::environments::{Voters, no_group};
use super::{Names, group_list};
use shipgate_domain::calendar::Length;
use shipgate_domain::ids::ServiceName;
use shipgate_domain::migrations::Pattern;
use shipgate_domain::policy::{
    CheckRule, MigrationRule, Preflight, Provider, ReviewRule, Service, ServicePreflight,
};
use std::collections::BTreeMap;
use std::ops::Range;

type Services = BTreeMap<ServiceName, Service>;

/// What an environment demands besides its checks. `checks` gives the ignored ones.
pub(super) fn preflight(
    section: &Section<'_>,
    names: &Names,
    voters: &Voters<'_>,
    services: &Services,
    ignored_checks: Vec<String>,
) -> Preflight {
    let soak = section.parsed::<Length>("soak", "bad_length", "1h").map(Length::total);
    if let (Some(place), None) = (section.place_of("soak"), section.place_of("after")) {
        let found =
            Finding::at(place, "contradiction", format!("`{}.soak` has nothing to wait for", section.title));
        section.note(
            found.why("no environment comes before").instead("add after = \"staging\", or leave it out"),
        );
    }
    Preflight {
        soak: soak.filter(|soak| soak.is_positive()),
        ignored_checks,
        reviews: reviews(section, services),
        migrations: migrations(section, names, voters),
        seen: seen(section),
        // Read when all environments are.
        checklist: None,
    }
}

fn reviews(section: &Section<'_>, services: &Services) -> ReviewRule {
    let Some(place) = section.place_of("reviews") else { return ReviewRule::None };
    let rule = if section.is_number("reviews") {
        section.count("reviews").map(|(count, _)| ReviewRule::Count(count))
    } else {
        section.choice("reviews", &[("required", ReviewRule::Required), ("none", ReviewRule::None)])
    };
    let rule = rule.unwrap_or_default();
    if !rule.is_none() {
        by_command(
            section,
            services,
            place,
            "has no pull requests, and this environment demands reviews",
            "reviews",
        );
    }
    rule
}

/// Notes that a service of this machine's own folders could never fulfil a rule.
fn by_command(section: &Section<'_>, services: &Services, place: Range<usize>, why: &str, key: &str) {
    let service = services.values().find(|service| service.pipeline.provider == Provider::Command);
    if let Some(service) = service {
        let what = format!("{} can never be deployed to {}", service.name, section.title);
        let why = format!("a service of provider \"command\" {why}");
        let instead = format!("write {key} = \"none\"");
        section.note(Finding::at(place, "never_opens", what).why(why).instead(instead));
    }
}

fn migrations(section: &Section<'_>, names: &Names, voters: &Voters<'_>) -> Option<MigrationRule> {
    let table = section.section("migrations")?;
    let needed = table.count("needed");
    let from = group_list(&table, "from", names)?;
    let (needed, place) = needed.unwrap_or((1, table.place.clone()));
    if needed > 0 && from.is_empty() {
        no_group(&table, "from", "nobody could agree", "[\"database\"]");
    } else {
        voters.check(needed, place, &from, false, "a migration");
    }
    Some(MigrationRule { needed, from })
}

fn seen(section: &Section<'_>) -> Option<String> {
    let word = section.text("seen", "github")?;
    let own = section.title.rsplit('.').next().unwrap_or_default();
    match word.text.split_once(':') {
        None if word.text == "github" => Some(own.to_owned()),
        Some(("github", name)) if !name.is_empty() && name.len() <= 255 => Some(name.to_owned()),
        _ => {
            let what = format!("`{}.seen` cannot be “{}”", section.title, clip(&word.text));
            let instead = "write \"github\", or \"github:Name\" if the environment is called otherwise there";
            section.note(Finding::at(word.place, "unknown_word", what).instead(instead));
            None
        }
    }
}

/// Which checks must be green, and which are not looked at.
pub(super) fn checks(section: &Section<'_>, services: &Services) -> (CheckRule, Vec<String>) {
    let Some(place) = section.place_of("checks") else {
        let rule = CheckRule::All;
        return (demanding(section, services, rule, section.place.clone()), Vec::new());
    };
    if !section.is_table("checks") {
        let rule = check_rule(section, "checks");
        return (demanding(section, services, rule, place), Vec::new());
    }
    let Some(table) = section.section("checks") else { return (CheckRule::All, Vec::new()) };
    let rule = check_rule(&table, "rule");
    let ignored = table.list("ignore", "[\"codecov/*\"]");
    let words = ignored.map(|list| list.words).unwrap_or_default();
    if let (Some(word), false) = (words.first(), rule == CheckRule::All) {
        let what = format!("`{}.ignore` ignores checks that are not looked at anyway", table.title);
        let found = Finding::at(word.place.clone(), "contradiction", what);
        table.note(found.instead("write rule = \"all\", or leave out `ignore`"));
    }
    let mut ignored = Vec::new();
    for word in words {
        if word.text.chars().all(|c| c == '*') {
            let found = Finding::at(word.place, "never_opens", "every check is ignored");
            let why = "with rule = \"all\" at least one must be there";
            table
                .note(found.why(why).instead("name some, such as \"codecov/*\", or write checks = \"none\""));
        } else {
            ignored.push(word.text);
        }
    }
    (demanding(section, services, rule, place), ignored)
}

fn check_rule(section: &Section<'_>, key: &str) -> CheckRule {
    let rules = [("all", CheckRule::All), ("none", CheckRule::None), ("required", CheckRule::Required)];
    match section.text_or_list(key, "all") {
        None => CheckRule::All,
        Some(Ok(word)) => match rules.into_iter().find(|(name, _)| *name == word.as_str()) {
            Some((_, rule)) => rule,
            None => {
                let what = format!("`{}.{key}` cannot be “{}”", section.title, clip(&word.text));
                let instead = format!(
                    "write \"all\", \"required\", \"none\", or a list such as [\"{}\"]",
                    clip(&word.text)
                );
                section.note(Finding::at(word.place, "unknown_word", what).instead(instead));
                CheckRule::All
            }
        },
        Some(Err(list)) if list.words.is_empty() => {
            let found = Finding::at(list.place, "contradiction", "the list of checks is empty");
            section.note(found.instead("write checks = \"none\", if no check is to be looked at"));
            CheckRule::None
        }
        Some(Err(list)) => CheckRule::Named(list.words.into_iter().map(|word| word.text).collect()),
    }
}

fn demanding(section: &Section<'_>, services: &Services, rule: CheckRule, place: Range<usize>) -> CheckRule {
    if rule != CheckRule::None {
        let why = "has no checks on its commits, and this environment demands some";
        by_command(section, services, place, why, "checks");
    }
    rule
}

/// What is looked for in a service's changes, and what must exist.
pub(super) fn of_service(
    section: &Section<'_>,
    placeholders: impl Fn(&Section<'_>, &Word),
) -> ServicePreflight {
    let migrations = patterns(section, "migrations");
    let reversible = patterns(section, "reversible");
    let irreversible = patterns(section, "irreversible");
    for key in ["reversible", "irreversible"] {
        if let (Some(place), true) = (section.place_of(key), migrations.is_empty()) {
            let what = format!("`{}.{key}` speaks of migrations, and none are looked for", section.title);
            let found = Finding::at(place, "contradiction", what);
            section.note(found.instead("add migrations = [\"rails\"], or leave it out"));
        }
    }
    let artifacts = match section.text_or_list("artifact", "https://files.example.com/{sha}.tar.gz") {
        None => Vec::new(),
        Some(Ok(word)) => vec![word],
        Some(Err(list)) => list.words,
    };
    let artifacts = artifacts.into_iter().filter_map(|word| {
        placeholders(section, &word);
        artifact(section, word)
    });
    let artifacts = artifacts.collect();
    let image = section.text("image", "registry.example.com/acme/api:{version}");
    let image = image.and_then(|word| {
        placeholders(section, &word);
        self::image(section, word)
    });
    ServicePreflight { migrations, reversible, irreversible, artifacts, image }
}

fn patterns(section: &Section<'_>, key: &str) -> Vec<Pattern> {
    let words = section.list(key, "[\"rails\"]").map(|list| list.words).unwrap_or_default();
    let mut patterns = Vec::new();
    for word in words {
        let named = Pattern::NAMED.into_iter().find(|(name, _)| *name == word.text);
        match named {
            Some((_, pattern)) => patterns.push(pattern),
            None if word.text.contains('/') && !word.text.starts_with('/') => {
                patterns.push(Pattern::Path(word.text));
            }
            None => {
                let what = format!("`{}.{key}` cannot hold “{}”", section.title, clip(&word.text));
                let why = "it is no known kind of migrations, and no path in the repository";
                let near = advice(&word.text, Pattern::NAMED.into_iter().map(|(name, _)| name));
                let instead = format!("{near}, or a path such as \"db/changes/*.sql\"");
                section.note(Finding::at(word.place, "unknown_word", what).why(why).instead(instead));
            }
        }
    }
    patterns
}

/// An address whose host nobody chooses with what they type.
fn artifact(section: &Section<'_>, word: Word) -> Option<String> {
    let rest = word.text.strip_prefix("https://").or_else(|| word.text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split_once('/')).map(|(host, _)| host);
    if host.is_some_and(|host| !host.is_empty() && !host.contains(['{', '@', ' '])) {
        return Some(word.text);
    }
    let what = format!("“{}” is not the address of an artifact", clip(&word.text));
    let instead = "write https://, a host without placeholders and without a password, and a path with {sha} or {version}";
    section.note(Finding::at(word.place, "bad_address", what).instead(instead));
    None
}

/// `registry/name:tag` or `registry/name@digest`; the registry has a point or a port, as everywhere.
fn image(section: &Section<'_>, word: Word) -> Option<String> {
    let parts =
        word.text.split_once('/').filter(|(host, _)| host.contains(['.', ':']) && !host.contains(['{', '@']));
    let has_tag = parts.is_some_and(|(_, name)| {
        name.rsplit('/').next().is_some_and(|last| last.contains([':', '@'])) && !name.starts_with([':', '@'])
    });
    if has_tag {
        return Some(word.text);
    }
    let what = format!("“{}” is not a container image with a tag", clip(&word.text));
    let instead = "write registry, name and tag: image = \"registry.example.com/acme/api:{version}\"";
    section.note(Finding::at(word.place, "bad_name", what).instead(instead));
    None
}
