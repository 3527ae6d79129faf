//! Two replicas on one database whose rules differ for a moment. Not here: processes (`tests/replicas`), settings files
//! (`tests/it/reload.rs`).

use crate::roles::Town;
use shipgate_app::News;

/// Rules by which `dep` may no longer do what deployers may, and `str` may.
fn without_dep(settings: &str) -> String {
    settings
        .replace("deployers = [\"own\", \"dep\",", "deployers = [\"own\", \"str\",")
        .replace("[groups]", "str = { slack = \"U1STR\" }\n[groups]")
}

#[tokio::test]
async fn what_people_decide_is_allowed_by_the_rules_in_force_whichever_replica_hears_it() {
    let mut old = Town::found().await;
    old.say("own", "deploy production v1 --hold").await;
    let new = old.joined_with(without_dep).await;
    // The old one does not know yet that it is old.
    assert!(!old.app().is_aside());
    let answers = old.answers();
    old.say("dep", "lock production migrating").await;
    assert!(old.app().is_aside(), "it learns of the new rules by the write that was refused");
    assert_eq!((old.answers(), old.waiting().await), (answers, 1), "{}: given back in silence", old.told());
    assert!(old.locks().await.is_empty());
    new.work().await;
    assert_eq!(new.waiting().await, 0);
    assert!(new.told().contains("You may not lock"), "refused by the new rules: {}", new.told());
    assert!(new.locks().await.is_empty());
}

#[tokio::test]
async fn nobody_is_refused_by_rules_that_are_no_longer_in_force() {
    let mut old = Town::found().await;
    let new = old.joined_with(without_dep).await;
    let answers = old.answers();
    old.say("str", "lock production migrating").await;
    assert_eq!((old.answers(), old.waiting().await), (answers, 1), "{}", old.told());
    new.work().await;
    assert_eq!(new.locks().await.len(), 1, "{}", new.told());
    assert!(!new.events().await.contains(&"denied".to_owned()), "the record knows of no refusal");
}

#[tokio::test]
async fn an_item_that_was_given_back_often_is_not_put_away() {
    let mut old = Town::found().await;
    for again in 0..5 {
        // Others come with newer rules again and again, and die before they did anything.
        let new = old.joined_with(without_dep).await;
        if again == 0 {
            old.say("dep", "lock production migrating").await;
        } else {
            old.work().await;
        }
        assert!(old.app().is_aside());
        new.app().leave().await.unwrap();
        old.app().renew().await.unwrap();
        assert!(!old.app().is_aside());
    }
    old.work().await;
    assert_eq!((old.locks().await.len(), old.waiting().await), (1, 0), "{}", old.told());
}

#[tokio::test]
async fn a_refusal_is_told_once_with_its_reason_however_many_replicas_refuse_and_so_is_its_end() {
    let one = Town::found().await;
    let two = one.joined_with(str::to_owned).await;
    let (told, applied, mended) = ("changed settings are refused", "new ones are in force", "in order again");
    let tell = async |fingerprint: &str, news: &News| {
        let (first, second) = tokio::join!(
            one.app().tell_settings(fingerprint, news),
            two.app().tell_settings(fingerprint, news)
        );
        first.and(second).unwrap();
        one.work().await;
        two.work().await;
        [told, applied, mended].map(|words| one.posts(words))
    };
    let refused = |why: &str| News::Refused { problems: vec![why.to_owned()] };
    assert_eq!(tell("good", &News::Started).await, [0, 0, 0]);
    assert_eq!(tell("bad", &refused("shipgate.toml:3: colour is unknown")).await, [1, 0, 0]);
    let said = one.said(told);
    assert!(said[0].contains("shipgate.toml:3: colour is unknown"), "{said:?}");
    assert_eq!(tell("bad", &refused("shipgate.toml:3: colour is unknown")).await, [1, 0, 0]);
    // One of them is asked to look again at a file of its own that is as it was.
    assert_eq!(tell("good", &News::Same).await, [1, 0, 0]);
    assert_eq!(tell("worse", &refused("shipgate.toml:4: no TOML")).await, [2, 0, 0]);
    assert_eq!(tell("good", &News::Mended).await, [2, 0, 1]);
    assert_eq!(tell("good", &News::Mended).await, [2, 0, 1]);
    let changed = News::Applied { changed: vec!["groups changed".to_owned()] };
    assert_eq!(tell("better", &changed).await, [2, 1, 1]);
    let events = one.events().await;
    let written = |event: &str| events.iter().filter(|known| *known == event).count();
    assert_eq!((written("settings_refused"), written("settings_applied")), (2, 1), "{events:?}");
}
