//! `[checklists]`: what people and facts tick before, during and after a deploy. Not here: which of it is ticked.

use super::super::near::advice;
use super::super::problem::Finding;
use super::super::reader::{Log, Section, Word, clip};
use super::environments::no_group;
use super::{Kind, Names, group_list};
use shipgate_domain::checklist::{Checklist, Fact, Item, LONGEST, MOST, Part};
use shipgate_domain::ids::EnvironmentName;
use shipgate_domain::policy::{Environment, MigrationRule};
use std::collections::BTreeMap;
use toml::de::DeTable;

/// The lists that come with Shipgate, in the form of settings.
const BUILTIN: &str = include_str!("../checklists.toml");
/// The list that comes on top when the change contains migrations.
const MIGRATIONS: &str = "migrations";
/// For an environment that wants no further items for migrations.
const NONE: &str = "none";

type Lists = BTreeMap<String, Checklist>;

/// The key of a part.
fn key_of(part: Part) -> &'static str {
    match part {
        Part::Before => "before",
        Part::During => "during",
        Part::After => "after",
    }
}

/// Reads all lists and gives each environment its own.
pub(super) fn checklists(
    root: &Section<'_>,
    names: &Names,
    environments: &mut BTreeMap<EnvironmentName, Environment>,
) {
    let mut lists = builtin();
    for (name, section) in root.sections("checklists") {
        lists.insert(name.text, checklist(&section, Some(names)));
    }
    let Some(table) = root.section("environments") else { return };
    for word in table.names() {
        let environment = word.text.parse::<EnvironmentName>().ok();
        let Some(environment) = environment.and_then(|name| environments.get_mut(&name)) else { continue };
        let Some(section) = table.is_table(&word.text).then(|| table.section(&word.text)).flatten() else {
            continue;
        };
        environment.preflight.checklist = of(&section, names, &lists, environment);
    }
}

/// The lists of this version, by name.
pub(super) fn builtin() -> Lists {
    let log = Log::default();
    let (document, errors) = DeTable::parse_recoverable(BUILTIN);
    debug_assert!(errors.is_empty(), "the built-in lists are read by a test");
    let root = Section::root(document.get_ref(), &log);
    let lists = root.sections("checklists").into_iter();
    lists.map(|(name, section)| (name.text, checklist(&section, None))).collect()
}

/// The list of one environment, with what is added for migrations.
fn of(section: &Section<'_>, names: &Names, lists: &Lists, environment: &Environment) -> Option<Checklist> {
    let own = section.text("checklist", "release");
    let rule = section.is_table("migrations").then(|| section.section("migrations")).flatten();
    let extra = rule.and_then(|rule| {
        let word = rule.text("checklist", MIGRATIONS)?;
        Some((rule, word))
    });
    let own = own.and_then(|word| named(section, names, lists, &word));
    let extra = match extra {
        Some((_, word)) if word.text == NONE => None,
        Some((rule, word)) => named(&rule, names, lists, &word),
        // Whoever looks at a list before a deploy looks at its migrations too.
        None if own.is_some() => {
            names.uses(Kind::Checklist, MIGRATIONS);
            lists.get(MIGRATIONS)
        }
        None => None,
    };
    if own.is_none() && extra.is_none() {
        return None;
    }
    let mut list = own.cloned().unwrap_or_default();
    if let Some(extra) = extra {
        add(&mut list, extra, environment.preflight.migrations.as_ref());
    }
    for part in [&mut list.before, &mut list.during, &mut list.after] {
        for item in part.iter_mut() {
            item.text = with_environment(&item.text, environment.name.as_str());
        }
    }
    let place = section.place_of("checklist").unwrap_or_else(|| section.place.clone());
    let texts: Vec<&str> = list.items().map(|(_, item)| item.text.as_str()).collect();
    let twice = texts.iter().enumerate().find(|(i, text)| texts[..*i].contains(text));
    if let Some((_, text)) = twice {
        let what = format!("“{}” would stand twice on the checklist of {}", clip(text), section.title);
        let found = Finding::at(place.clone(), "duplicate", what);
        section.note(found.why("the list for migrations has it too").instead("call one of them otherwise"));
    }
    if let Some(long) = texts.iter().find(|text| text.chars().count() > LONGEST) {
        let what = format!("“{}” is longer than {LONGEST} characters with its environment", clip(long));
        section.note(Finding::at(place, "out_of_range", what).instead("write a shorter item"));
    }
    Some(list)
}

fn with_environment(text: &str, name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    match text.strip_prefix("{environment}") {
        Some(rest) => format!("{first}{}{}", letters.as_str(), rest.replace("{environment}", name)),
        None => text.replace("{environment}", name),
    }
}

/// Adds items that are there with migrations only. Who agrees to migrations ticks what is said of them.
fn add(list: &mut Checklist, extra: &Checklist, rule: Option<&MigrationRule>) {
    let keepers = rule.map(|rule| rule.from.clone()).unwrap_or_default();
    let with_migrations = |item: &Item| Item {
        with_migrations: true,
        who: if item.who.is_empty() { keepers.clone() } else { item.who.clone() },
        ..item.clone()
    };
    list.before.extend(extra.before.iter().map(with_migrations));
    list.during.extend(extra.during.iter().map(with_migrations));
    list.after.extend(extra.after.iter().map(with_migrations));
}

/// The list that a word names; noted when there is none.
fn named<'a>(section: &Section<'_>, names: &Names, lists: &'a Lists, word: &Word) -> Option<&'a Checklist> {
    if names.gives(Kind::Checklist, &word.text) {
        names.check(section, Kind::Checklist, word);
        return lists.get(&word.text);
    }
    let found = lists.get(&word.text);
    if found.is_none() {
        let what = format!("there is no checklist “{}”", clip(&word.text));
        let near = advice(&word.text, lists.keys().map(String::as_str));
        let found = Finding::at(word.place.clone(), "unknown_name", what);
        section.note(found.instead(format!("{near}, or add [checklists.{}]", clip(&word.text))));
    }
    found
}

fn checklist(section: &Section<'_>, names: Option<&Names>) -> Checklist {
    let mut seen: Vec<String> = Vec::new();
    let before = part(section, Part::Before, names, &mut seen);
    let during = part(section, Part::During, names, &mut seen);
    let after = part(section, Part::After, names, &mut seen);
    let is_written = Part::ALL.iter().any(|part| section.place_of(key_of(*part)).is_some());
    if seen.is_empty() && !is_written {
        let what = format!("the checklist {} has no items", section.title);
        let found = Finding::at(section.place.clone(), "missing", what).why("there is nothing to tick");
        section.note(found.instead("write before = [{ item = \"Rollback plan ready\" }]"));
    }
    Checklist { before, during, after }
}

fn part(section: &Section<'_>, part: Part, names: Option<&Names>, seen: &mut Vec<String>) -> Vec<Item> {
    let key = key_of(part);
    let tables = section.tables(key);
    if let (Some(place), true, true) = (section.place_of(key), tables.is_empty(), section.is_list(key)) {
        let what = format!("`{}.{key}` is empty", section.title);
        section.note(Finding::at(place, "missing", what).instead("add an item, or leave it out"));
    }
    if tables.len() > MOST {
        let what = format!("`{}.{key}` has {} items", section.title, tables.len());
        let found = Finding::at(tables[MOST].place.clone(), "out_of_range", what);
        let why = format!("nobody looks at more than {MOST}, and chats show no more in one row");
        section.note(found.why(why).instead("join some, or move them to another part"));
    }
    tables.iter().filter_map(|table| item(table, part, names, seen)).collect()
}

fn item(table: &Section<'_>, part: Part, names: Option<&Names>, seen: &mut Vec<String>) -> Option<Item> {
    let Some(word) = table.text("item", "Rollback plan ready") else {
        if table.place_of("item").is_none() {
            table.missing("item", "it says what is ticked", "\"Rollback plan ready\"");
        }
        return None;
    };
    let text = word.text.trim().to_owned();
    if text.is_empty() || text.chars().count() > LONGEST || text != clip(&text) {
        let what = format!("an item cannot be “{}”", clip(&text));
        let instead = format!("write 1 to {LONGEST} characters on one line");
        table.note(Finding::at(word.place, "out_of_range", what).instead(instead));
        return None;
    }
    if seen.iter().any(|other| other.to_lowercase() == text.to_lowercase()) {
        let found =
            Finding::at(word.place, "duplicate", format!("“{}” stands twice on the list", clip(&text)));
        table.note(found.why("a tick could not tell which is meant").instead("call one of them otherwise"));
        return None;
    }
    seen.push(text.clone());
    let fact = fact(table, part);
    let who = names.map_or_else(Vec::new, |names| group_list(table, "who", names).unwrap_or_default());
    if table.place_of("who").is_some() && names.is_some() && table.is_list("who") && who.is_empty() {
        no_group_said(table);
    }
    let with_migrations = table.choice("when", &[("migrations", true)]).unwrap_or(false);
    let needed = table.flag("needed");
    if let (Some(_), Some(place), true) = (needed, table.place_of("needed"), part != Part::Before) {
        let found = Finding::at(place, "contradiction", format!("nothing waits for “{}”", clip(&text)));
        let why = "only items of `before` hold a start";
        table.note(found.why(why).instead("leave `needed` out, or move the item"));
    }
    Some(Item { text, fact, who, with_migrations, optional: needed == Some(false) })
}

/// An empty list of groups, which is no list of groups that do not exist.
fn no_group_said(table: &Section<'_>) {
    if table.list("who", "[\"deployers\"]").is_some_and(|list| list.words.is_empty()) {
        no_group(table, "who", "nobody could tick it", "[\"deployers\"], or leave it out");
    }
}

fn fact(table: &Section<'_>, part: Part) -> Option<Fact> {
    let word = table.text("fact", "checks")?;
    let Some(fact) = Fact::of(&word.text) else {
        let what = format!("Shipgate knows no fact “{}”", clip(&word.text));
        let plain: Vec<String> = Fact::PLAIN.iter().map(Fact::word).collect();
        let near = advice(&word.text, plain.iter().map(String::as_str));
        let instead = format!("{near}, or \"job:NAME\" for a job of the run; without `fact` people tick it");
        table.note(Finding::at(word.place, "unknown_word", what).instead(instead));
        return None;
    };
    if fact.is_late() && part == Part::Before {
        let what = format!("“{}” is never so before the start", clip(&word.text));
        let found = Finding::at(word.place, "never_opens", what).why("the start would wait for itself");
        table.note(found.instead("move the item to `during` or `after`"));
        return None;
    }
    Some(fact)
}
