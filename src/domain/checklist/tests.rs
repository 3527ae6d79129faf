//! Two people press boxes at once, each on what they see; and what facts tick while a deploy runs and after. Not here:
//! the gate (`gates::tests::checklist`).

use super::{Checklist, Drawn, Evidence, Fact, Item, Marks, Part, Stand, lines};
use crate::deploy::{Ask, Deploy};
use crate::gates::Gate;
use crate::ids::Account;
use crate::people::Action;
use crate::samples::{self, after, deploy_after, grant, slack};
use proptest::prelude::*;
use std::collections::BTreeSet;

const ITEMS: [&str; 3] = ["a", "b", "c"];

/// Somebody's screen: the drawing, what it showed, and what their platform shows ticked to them now.
struct Screen {
    account: Account,
    drawing: String,
    shown: Vec<(String, bool)>,
    ticked: BTreeSet<String>,
}

impl Screen {
    /// The card is drawn anew.
    fn draw(account: &str, deploy: &Deploy, number: usize) -> Self {
        let is_ticked = |item: &str| !deploy.ticks_of(item).is_empty();
        let shown: Vec<_> = ITEMS.iter().map(|item| ((*item).to_owned(), is_ticked(item))).collect();
        let ticked = shown.iter().filter(|(_, is)| *is).map(|(item, _)| item.clone()).collect();
        Self { account: slack(account), drawing: format!("{account}/{number}"), shown, ticked }
    }

    /// They press a box; their platform shows it at once, and tells everything that is ticked there.
    fn press(&mut self, item: &str) -> Vec<String> {
        if !self.ticked.remove(item) {
            self.ticked.insert(item.to_owned());
        }
        self.ticked.iter().cloned().collect()
    }

    fn send(&self, deploy: &Deploy, selected: &[String]) -> (Deploy, Marks) {
        let drawn = Drawn { drawing: &self.drawing, boxes: &self.shown };
        let marks = drawn.meant(deploy, &self.account, selected);
        let ask = Ask::Mark {
            digest: deploy.digest().unwrap().clone(),
            drawing: self.drawing.clone(),
            marks: marks.clone(),
        };
        let step = deploy.ask(&grant(&self.account, Action::Tick), ask, after(samples::THURSDAY, 10));
        (step.unwrap().deploy, marks)
    }
}

fn ticked(deploy: &Deploy) -> BTreeSet<&'static str> {
    ITEMS.into_iter().filter(|item| !deploy.ticks_of(item).is_empty()).collect()
}

#[derive(Clone, Copy, Debug)]
enum Move {
    /// `who` presses box `item`.
    Press(usize, usize),
    /// The card is drawn anew for `who`.
    Draw(usize),
}

fn a_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        4 => (0..2_usize, 0..3_usize).prop_map(|(who, item)| Move::Press(who, item)),
        1 => (0..2_usize).prop_map(Move::Draw),
    ]
}

proptest! {
    /// However two people press, on however old drawings: a press changes the box that was pressed and no other, and
    /// the box says what the presser's screen says then, unless it is a tick of the other that they never saw.
    #[test]
    fn a_press_changes_the_pressed_box_only(moves in proptest::collection::vec(a_move(), 1..24)) {
        let mut deploy = deploy_after(&["pinned"]);
        let names = ["U0ADA", "U0GRACE"];
        let mut screens = names.map(|name| Screen::draw(name, &deploy, 0));
        for (number, one) in moves.into_iter().enumerate() {
            match one {
                Move::Draw(who) => screens[who] = Screen::draw(names[who], &deploy, number + 1),
                Move::Press(who, item) => {
                    let item = ITEMS[item];
                    let before = ticked(&deploy);
                    let selected = screens[who].press(item);
                    let (next, marks) = screens[who].send(&deploy, &selected);
                    prop_assert!(marks.items().all(|changed| changed == item), "{marks:?} by pressing {item}");
                    let now = ticked(&next);
                    for other in ITEMS.iter().filter(|other| **other != item) {
                        prop_assert_eq!(before.contains(other), now.contains(other), "{} changed", other);
                    }
                    let wants = selected.iter().any(|one| one == item);
                    if wants {
                        prop_assert!(now.contains(item));
                    } else {
                        let left = next.ticks_of(item);
                        let of_screen = |tick: &&&super::Stroke| tick.drawing == screens[who].drawing;
                        prop_assert!(!left.iter().any(|tick| of_screen(&tick)), "their own tick is gone");
                        let was_shown = screens[who].shown.iter().any(|(name, is)| name == item && *is);
                        prop_assert!(!was_shown || left.is_empty(), "what was shown is taken away");
                    }
                    deploy = next;
                }
            }
        }
    }
}

#[test]
fn two_people_at_once_never_undo_each_other() {
    for (first, second) in [("a", "b"), ("b", "a"), ("a", "a")] {
        for order in [[0, 1], [1, 0]] {
            let start = deploy_after(&["pinned"]);
            let mut screens = ["U0ADA", "U0GRACE"].map(|name| Screen::draw(name, &start, 0));
            let selected = [screens[0].press(first), screens[1].press(second)];
            let mut deploy = start;
            for who in order {
                deploy = screens[who].send(&deploy, &selected[who]).0;
            }
            assert_eq!(ticked(&deploy), BTreeSet::from([first, second]), "{first} {second} {order:?}");
        }
    }
}

#[test]
fn a_tick_that_is_taken_back_at_once_goes_alone() {
    let start = deploy_after(&["pinned"]);
    let mut ada = Screen::draw("U0ADA", &start, 0);
    let mut grace = Screen::draw("U0GRACE", &start, 0);
    let selected = ada.press("a");
    let (deploy, _) = ada.send(&start, &selected);
    let selected = grace.press("a");
    let (deploy, _) = grace.send(&deploy, &selected);
    let selected = ada.press("a");
    let (deploy, marks) = ada.send(&deploy, &selected);
    assert_eq!(marks.taken_back, ["a"]);
    let left: Vec<_> = deploy.ticks_of("a").into_iter().map(|tick| tick.by.as_str()).collect();
    assert_eq!(left, ["grace"]);
    // Whoever sees the tick takes it away, whoever set it.
    let mut anew = Screen::draw("U0ADA", &deploy, 1);
    let selected = anew.press("a");
    let (deploy, marks) = anew.send(&deploy, &selected);
    assert_eq!(marks.unticked, ["a"]);
    assert_eq!(ticked(&deploy), BTreeSet::new());
}

#[test]
fn each_part_can_be_ticked_in_its_time() {
    let ended = deploy_after(&["pinned", "intent_made", "sent", "bound", "ended: success"]);
    let soon = after(samples::THURSDAY, 60);
    let rows: [(Deploy, [bool; 3]); 5] = [
        (deploy_after(&[]), [false, false, false]),
        (deploy_after(&["pinned"]), [true, false, false]),
        (deploy_after(&["pinned", "intent_made"]), [false, true, false]),
        (ended.clone(), [false, true, true]),
        (deploy_after(&["pinned", "refused"]), [false, false, false]),
    ];
    for (deploy, expected) in rows {
        assert_eq!(Part::ALL.map(|part| deploy.can_tick(part, soon)), expected, "{}", deploy.state.name());
    }
    let a_day_later = after(samples::THURSDAY, 24 * 3600 + 10);
    assert!(!ended.can_tick(Part::After, a_day_later));
    assert!(ended.can_tick(Part::After, a_day_later - jiff::SignedDuration::from_secs(1)));
}

/// The words of an item's stand after these steps, for one fact.
fn stand(fact: Fact, steps: &[&str]) -> Stand {
    let policy = samples::policy();
    let mut environment = policy.environment("production").unwrap().clone();
    let item = Item {
        text: "It".to_owned(),
        fact: Some(fact),
        who: Vec::new(),
        with_migrations: false,
        optional: false,
    };
    environment.preflight.checklist = Some(Checklist { during: vec![item], ..Checklist::default() });
    let (deploy, service) = (deploy_after(steps), samples::service());
    let none = |_: Gate| None;
    lines(&deploy, &policy, (&environment, &service), &none).remove(0).stand
}

#[test]
fn the_run_ticks_its_items_as_it_goes() {
    let bound = ["pinned", "intent_made", "sent", "bound"];
    let with = |more: &'static str| [&bound[..], &[more]].concat();
    let url = || Some("https://ci.example/4711".to_owned());
    assert_eq!(stand(Fact::Started, &bound[..3]), Stand::Unproven);
    let since = after(samples::THURSDAY, 10);
    assert_eq!(stand(Fact::Started, &bound), Stand::Proven(Evidence::Run { at: since, url: url() }));
    assert_eq!(stand(Fact::Succeeded, &bound), Stand::Unproven);
    assert_eq!(stand(Fact::Succeeded, &with("ended: failure")), Stand::Unproven);
    assert!(stand(Fact::Succeeded, &with("ended: success")).is_ticked());
    let job = |name: &str| Fact::Job(name.to_owned());
    assert_eq!(stand(job("dep*"), &with("progressed")), Stand::Unproven, "it is at work");
    assert!(stand(job("dep*"), &with("ended: success")).is_ticked());
    assert_eq!(stand(job("dep*"), &with("ended: failure")), Stand::Unproven);
    assert_eq!(stand(job("migrate"), &with("ended: success")), Stand::Unproven, "no job of this name");
    assert_eq!(stand(Fact::Announced, &bound), Stand::Unproven);
    assert!(stand(Fact::Announced, &with("ended: failure")).is_ticked());
    assert_eq!(stand(Fact::Announced, &["pinned", "expired"]), Stand::Unproven, "nothing ran");
}
