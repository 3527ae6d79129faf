//! Every command, button and form by every role, against the table in `expected/roles.txt`. What there is comes from
//! the code: a new command, button or form without a line in the table fails. Not here: routes (`routes`).

mod town;

use shipgate_app::LockPress;
use shipgate_app::cards::Press;
use std::collections::{BTreeMap, BTreeSet};
pub use town::Town;
use town::{ROLES, Scene};

const TABLE: &str = include_str!("../expected/roles.txt");

/// The table: by what, who may.
fn expected() -> BTreeMap<String, BTreeSet<&'static str>> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines
        .map(|line| {
            let (what, marks) = line.split_at(26);
            let marks: Vec<&str> = marks.split_whitespace().collect();
            assert_eq!(marks.len(), ROLES.len(), "{line}");
            assert!(marks.iter().all(|mark| matches!(*mark, "y" | "-")), "{line}");
            let may = ROLES.into_iter().zip(marks).filter(|(_, mark)| *mark == "y").map(|(role, _)| role);
            (what.trim().to_owned(), may.collect())
        })
        .collect()
}

/// Everything that people can do, as the code lists it.
fn everything() -> BTreeSet<String> {
    let grammar = town::grammar();
    let commands = grammar.commands().iter().flat_map(|command| {
        command.forms.iter().map(|form| match &form.word {
            Some(word) => format!("command {} {word}", command.name),
            None => format!("command {}", command.name),
        })
    });
    let of_locks = LockPress::ALL.into_iter().map(LockPress::name);
    let buttons = Press::ALL.into_iter().map(Press::name).chain(of_locks);
    let buttons = buttons.map(|name| format!("button {name}"));
    let forms = shipgate_app::FORMS.into_iter().map(|form| format!("form {form}"));
    // Boxes of a checklist: for those who deploy or approve, and for the groups that an item names.
    let boxes = ["box tick", "box tick named"].map(str::to_owned);
    commands.chain(buttons).chain(forms).chain(boxes).collect()
}

#[test]
fn the_table_says_something_about_everything_and_about_nothing_else() {
    assert_eq!(expected().into_keys().collect::<BTreeSet<_>>(), everything());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_can_do_exactly_what_the_table_says() {
    let table = expected();
    let mut wrong = Vec::new();
    for what in everything() {
        for role in ROLES {
            let mut town = Town::found().await;
            let scene = Scene::of(&what);
            let before = scene.prepare(&mut town).await;
            town.attempt(&what, role, &before).await;
            let did = town.has_done(&what, &before).await;
            let may = table[&what].contains(role);
            if did != may {
                wrong.push(format!(
                    "{what}: {role} {} it: {}",
                    if did { "did" } else { "did not do" },
                    town.told()
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cells:\n{}",
        wrong.len(),
        table.len() * ROLES.len(),
        wrong.join("\n")
    );
}
