//! The lists of mistakes that are planted in the product: each still fits the source. Not here: planting them, which
//! needs a build of its own (`cargo run --profile sim -p shipgate-sim --bin mistakes`).

use shipgate_sim::Mistake;
use shipgate_sim::planted::{Planted, all, of_gates, plant};
use std::collections::BTreeSet;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn every_planted_mistake_still_fits_the_source() {
    fits(&all().expect("the lists can be read"));
}

#[test]
fn every_mistake_in_the_gates_still_fits_the_source() {
    let mistakes = of_gates().expect("the list can be read");
    assert!(mistakes.len() >= 40, "only {}", mistakes.len());
    fits(&mistakes);
}

fn fits(mistakes: &[Planted]) {
    let files = plant(root(), mistakes).unwrap_or_else(|misfits| panic!("{misfits}"));
    for mistake in mistakes {
        let question = format!("planted(\"{}\")", mistake.name);
        assert!(files.values().any(|text| text.contains(&question)), "{} is asked nowhere", mistake.name);
    }
}

#[test]
fn an_edit_that_does_not_fit_is_named() {
    let mut mistakes = all().expect("the lists can be read");
    mistakes.push(mistakes[0].clone());
    let misfits = plant(root(), &mistakes).expect_err("the first mistake cannot be planted twice");
    assert!(misfits.contains(&mistakes[0].name), "{misfits}");
}

#[test]
fn there_are_at_least_sixty_mistakes_with_names_of_their_own() {
    let mut mistakes = all().expect("the lists can be read");
    mistakes.extend(of_gates().expect("the list can be read"));
    let names: BTreeSet<&str> = mistakes.iter().map(|mistake| mistake.name.as_str()).collect();
    assert_eq!(names.len(), mistakes.len(), "two mistakes share a name");
    assert!(mistakes.len() + Mistake::ALL.len() >= 60);
    for mistake in &mistakes {
        let is_known = |promise: &str| promise.starts_with('S') || promise.starts_with('L');
        assert!(mistake.breaks.split(' ').all(is_known), "{} breaks “{}”", mistake.name, mistake.breaks);
        assert!(mistake.what.ends_with('.'), "{}: “{}” is no sentence", mistake.name, mistake.what);
    }
}
