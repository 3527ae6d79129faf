//! What must be true after any number of kills, seen from outside: in Slack, in GitHub, in the record. Not here: how
//! it came to this.

use crate::harness::{Bot, DEPLOYMENTS};
use crate::people::{End, People, approvals, deploy_of_card, key_of};
use crate::read;
use serde_json::Value;
use shipgate_world::World;
use std::collections::BTreeMap;

/// Everything that holds at the end of a story.
pub async fn judge(world: &World, people: &People, mut bot: Bot) {
    // One more question is answered after everything that was under way.
    bot.ask("ada", "/deploy", "status", "What runs where").await;
    nothing_is_announced_twice(world, people, &bot);
    nothing_is_dispatched_twice(world, people);
    let stopped = bot.terminate().await;
    assert!(stopped.success(), "it did not stop well: {stopped}\n{}", bot.log());
    nothing_acknowledged_is_lost(world, people, &bot);
    bot.end(world).await;
}

/// Every message has its own name, every deploy one card, and one result if it had a run.
fn nothing_is_announced_twice(world: &World, people: &People, bot: &Bot) {
    let messages = world.slack.messages(DEPLOYMENTS);
    let ours: Vec<_> = messages.iter().filter(|m| m.user == "U0BOT").collect();
    let mut keys: BTreeMap<String, usize> = BTreeMap::new();
    for message in &ours {
        let key = key_of(message);
        assert!(!key.is_empty(), "a message without a name: {message:?}");
        *keys.entry(key).or_default() += 1;
    }
    let twice: Vec<_> = keys.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "posted more than once: {twice:?}\n{}", bot.picture());
    for asked in &people.asked {
        let cards = ours.iter().filter(|m| deploy_of_card(m).as_ref() == Some(&asked.id)).count();
        assert_eq!(cards, 1, "cards of {asked:?}\n{}", bot.picture());
        let results = usize::from(keys.contains_key(&format!("final/{}", asked.id)));
        let expected = usize::from(asked.end != End::CancelledWaiting);
        assert_eq!(results, expected, "results of {asked:?}\n{}", bot.picture());
    }
}

/// No deploy is sent twice, whatever became of the first time.
fn nothing_is_dispatched_twice(world: &World, people: &People) {
    let mut sent: BTreeMap<String, usize> = BTreeMap::new();
    for call in world.github.calls().iter().filter(|c| c.path.ends_with("/dispatches")) {
        let id = call.json()["inputs"]["deployment_id"].as_str().unwrap_or_default().to_owned();
        *sent.entry(id).or_default() += 1;
    }
    let twice: Vec<_> = sent.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "sent more than once: {twice:?}");
    for asked in &people.asked {
        let accepted = world.github.dispatches_accepted("deployment_id", &asked.id);
        let expected = usize::from(asked.end != End::CancelledWaiting);
        assert_eq!(accepted, expected, "runs of {asked:?}, by hand: {:?}", people.by_hand);
    }
}

/// Every request that was acknowledged is exactly one deploy, was answered to who asked, and is in the record; every
/// approval counts once.
fn nothing_acknowledged_is_lost(world: &World, people: &People, bot: &Bot) {
    let cards = world.slack.messages(DEPLOYMENTS).iter().filter_map(deploy_of_card).count();
    assert_eq!(cards, people.asked.len(), "{}", bot.picture());
    let answers: Vec<String> = world.slack.ephemerals().iter().map(read::private).collect();
    for asked in &people.asked {
        let wanted = people.asked.iter().filter(|other| other.answer == asked.answer).count();
        let got = answers.iter().filter(|said| said.contains(&asked.answer)).count();
        assert!(got >= wanted, "“{}” was said {got} times of {wanted}: {answers:#?}", asked.answer);
        assert_eq!(approvals(world, &asked.id), usize::from(asked.is_approved), "approvals of {asked:?}");
    }
    let record = record(bot);
    for asked in &people.asked {
        let of = |event: &str| {
            let is_it = |e: &&Value| e["deploy"] == asked.id.as_str() && e["event"] == event;
            record.iter().filter(is_it).count()
        };
        let has_run = usize::from(asked.end != End::CancelledWaiting);
        assert_eq!((of("sent"), of("bound"), of("ended")), (has_run, has_run, has_run), "{asked:?}");
        assert_eq!(of("approved"), usize::from(asked.is_approved), "{asked:?}");
    }
}

/// What `shipgate audit export` says.
fn record(bot: &Bot) -> Vec<Value> {
    let export = bot.output(&["audit", "export"]);
    assert!(export.status.success(), "{}", String::from_utf8_lossy(&export.stderr));
    let text = String::from_utf8_lossy(&export.stdout).into_owned();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a row is JSON"));
    rows.map(|row| {
        let body = row["body"].as_str().expect("a row has a body");
        serde_json::from_str(body).expect("a body is JSON")
    })
    .collect()
}
