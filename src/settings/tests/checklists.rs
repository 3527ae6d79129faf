//! Checklists: what is read, what is refused, what is surely wrong. Not here: what ticks an item.

use super::{LEAST, good_env, read, told};
use shipgate_domain::checklist::{Checklist, Fact, Part};
use std::path::Path;

fn with(lists: &str, service: &str, environment: &str) -> String {
    let inside = format!("{service}\n[environments.production]\n{environment}");
    LEAST.replace("[environments.production]", &inside)
        + "[environments.staging]\ndeployers = [\"all\"]\n"
        + lists
}

fn of_production(text: &str) -> Option<Checklist> {
    let policy = read(text, &good_env()).unwrap_or_else(|problems| panic!("{problems}")).policy;
    policy.environment("production").expect("there").preflight.checklist.clone()
}

fn items(list: &Checklist, part: Part) -> Vec<&str> {
    list.part(part).iter().map(|item| item.text.as_str()).collect()
}

#[test]
fn the_release_list_comes_with_shipgate_and_brings_items_for_migrations() {
    let list = of_production(&with("", "", "checklist = \"release\"")).expect("a list");
    let before = items(&list, Part::Before);
    assert_eq!(before[..4], ["Tests passing", "Code reviewed", "Staging tested", "Rollback plan ready"]);
    assert_eq!(before[4..].len(), 4);
    assert!(list.before[4..].iter().all(|item| item.with_migrations));
    assert!(list.before[..4].iter().all(|item| !item.with_migrations && !item.optional));
    assert_eq!(items(&list, Part::During), ["Production deployed", "Migrations run", "Feature flags set"]);
    assert_eq!(list.before[0].fact, Some(Fact::Checks));
    assert_eq!(
        items(&list, Part::After),
        ["Metrics normal", "No error spike", "Key flows tested", "Team notified"]
    );
    assert_eq!(of_production(&with("", "", "")), None, "no list without a word");
}

#[test]
fn the_example_shows_the_built_in_lists_as_they_are() {
    let example =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("shipgate.example.toml"));
    let example = example.expect("there");
    let from = example.find("# [checklists.release]").expect("the list");
    let until = example.find("# item: at most").expect("what follows");
    let shown: String = example[from..until].lines().map(|line| format!("{}\n", &line[2..])).collect();
    let written = of_production(&with(&shown, "", "checklist = \"release\""));
    assert_eq!(written, of_production(&with("", "", "checklist = \"release\"")));
}

#[test]
fn a_list_of_ones_own_is_read_whole() {
    let lists = "[checklists.own]\nbefore = [{ item = \"Support knows\", who = [\"all\"], needed = false }]\n\
                 during = [{ item = \"Caches warmed\", fact = \"job:warm*\" }]\n\
                 after = [{ item = \"Table shrunk\", when = \"migrations\" }]\n";
    let list =
        of_production(&with(lists, "migrations = [\"rails\"]", "checklist = \"own\"")).expect("a list");
    let first = &list.before[0];
    assert!(first.optional && first.who == ["all".parse().expect("a name")]);
    assert_eq!(list.during[0].fact, Some(Fact::Job("warm*".to_owned())));
    assert!(list.after[0].with_migrations);
    assert_eq!(list.before.len(), 5, "and what migrations ask for");
    // The same, without further items for migrations; and those alone, for whoever agrees to them.
    let none = "checklist = \"own\"\nmigrations = { needed = 0, from = [\"all\"], checklist = \"none\" }";
    assert_eq!(of_production(&with(lists, "", none)).expect("a list").before.len(), 1);
    let alone = "migrations = { needed = 0, from = [\"all\"], checklist = \"migrations\" }";
    let list = of_production(&with("", "", alone)).expect("a list");
    assert_eq!(list.before.len(), 4);
    assert!(list.before.iter().all(|item| item.who.len() == 1));
    let without = "migrations = { needed = 0, from = [\"all\"] }";
    assert_eq!(of_production(&with("", "", without)), None, "nobody asked for a list");
}

#[test]
fn lists_that_cannot_be_are_refused() {
    let many = (0..11).map(|n| format!("{{ item = \"{n}\" }}")).collect::<Vec<_>>().join(", ");
    let long = "x".repeat(76);
    let rows = [
        ("before = [{ item = \"A\", fact = \"check\" }]".to_owned(), "knows no fact “check”"),
        ("before = [{ item = \"A\", fact = \"job:\" }]".to_owned(), "knows no fact “job:”"),
        ("before = [{ item = \"A\", fact = \"succeeded\" }]".to_owned(), "never so before the start"),
        ("before = [{ item = \"A\", who = [\"nobody\"] }]".to_owned(), "there is no group “nobody”"),
        ("before = [{ item = \"A\", who = [] }]".to_owned(), "names no group"),
        ("before = [{ item = \"A\" }]\nafter = [{ item = \"a\" }]".to_owned(), "stands twice"),
        ("before = [{ item = \"Database backed up\" }]".to_owned(), "would stand twice"),
        ("before = [{ fact = \"checks\" }]".to_owned(), "`item` is missing"),
        ("before = [{ item = \" \" }]".to_owned(), "an item cannot be"),
        (format!("before = [{{ item = \"{long}\" }}]"), "an item cannot be"),
        (format!("before = [{many}]"), "has 11 items"),
        ("before = []".to_owned(), "is empty"),
        (String::new(), "has no items"),
        ("after = [{ item = \"A\", needed = true }]".to_owned(), "nothing waits for"),
        ("before = [{ item = \"A\", when = \"always\" }]".to_owned(), "cannot be “always”"),
        ("before = [\"A\"]".to_owned(), "not a list of tables"),
        ("befor = [{ item = \"A\" }]".to_owned(), "befor"),
    ];
    for (list, expected) in rows {
        let text = with(&format!("[checklists.own]\n{list}\n"), "", "checklist = \"own\"");
        let problems = match read(&text, &good_env()) {
            Ok(_) => panic!("“{list}” was taken"),
            Err(problems) => problems.to_string(),
        };
        assert!(problems.contains(expected), "{list}: {problems}");
    }
    let unknown = with("", "", "checklist = \"relase\"");
    let problems = read(&unknown, &good_env()).expect_err("refused").to_string();
    assert!(
        problems.contains("there is no checklist “relase”") && problems.contains("release"),
        "{problems}"
    );
}

#[test]
fn a_list_that_nothing_names_is_told() {
    let text = with("[checklists.own]\nbefore = [{ item = \"A\" }]\n", "", "");
    let said = told(read(&text, &good_env()));
    assert!(said.contains("checklist “own” is used nowhere"), "{said}");
    let lists = "[checklists.migrations]\nbefore = [{ item = \"Backup\" }]\n";
    let said = told(read(&with(lists, "", "checklist = \"release\""), &good_env()));
    assert!(!said.contains("used nowhere"), "{said}");
}
