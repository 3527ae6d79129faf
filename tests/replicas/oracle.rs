//! What must hold whatever happened, seen from outside: in Slack, in GitHub's book, in the record. Not here: how it
//! came to this.

use crate::ci::Book;
use crate::fleet::Fleet;
use crate::people::{People, card, deploy_of_card, key_of};
use crate::record::{Life, Record};
use crate::replica::Replica;
use crate::settings::{DEPLOYMENTS, needed, place_name};
use crate::shared::read;
use shipgate_world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Waits until everything is told, then judges everything.
pub async fn judge(fleet: &mut Fleet, people: &Arc<People>, book: impl Fn() -> Book, looker: &Replica) {
    everybody_is_answered(fleet, people).await;
    // A suspended replica may take what it had in hand long after somebody sent it again: nobody decides about that.
    loop {
        for place in 0..fleet.plan.places {
            people.clear(place).await;
        }
        if people.ledger.is_all_over() {
            break;
        }
    }
    let record = Record::export(looker);
    let lives = record.lives();
    everything_is_announced(fleet, &lives).await;
    let (world, book) = (fleet.world.clone(), book());
    one_active_deploy_in_each_place(&record);
    nothing_starts_without_its_approvals(&record, fleet.plan.places);
    every_approval_counts_once(&record);
    every_deploy_ends_once(&lives);
    nothing_is_started_twice(&world, &lives, &book);
    runs_of_a_place_follow_each_other(&world, &book);
    nothing_is_said_twice(fleet, &lives);
    for replica in &fleet.replicas {
        assert_eq!(replica.figure("shipgate_inbox_dead").await, 0.0, "commands were given up");
    }
    assert_eq!(world.violations(), Vec::<String>::new());
    for replica in &mut fleet.replicas {
        let stopped = replica.terminate().await;
        assert!(stopped.success(), "it did not stop well: {stopped}\n{}", replica.log());
        no_password_got_out(replica);
    }
    the_chain_is_whole(looker);
}

/// Everything that was acknowledged is answered, privately, to who asked.
async fn everybody_is_answered(fleet: &Fleet, people: &People) {
    let all = people.acknowledged();
    fleet
        .until("an answer to everything that was acknowledged", |world| {
            let calls = world.slack.calls();
            let answered: BTreeSet<&str> = (calls.iter())
                .filter(|call| call.status == Some(200))
                .filter_map(|call| call.path.strip_prefix("/response/"))
                .collect();
            let private = world.slack.ephemerals();
            let mut of: BTreeMap<&str, usize> = BTreeMap::new();
            all.iter().for_each(|one| *of.entry(&one.user).or_default() += 1);
            let account = crate::settings::account;
            let enough = |(user, count): (&&str, &usize)| {
                private.iter().filter(|e| e.user == account(user)).count() >= *count
            };
            let by_name = |one: &crate::people::Acknowledged| {
                one.answers_to.as_ref().is_none_or(|token| answered.contains(token.as_str()))
            };
            (all.iter().all(by_name) && of.iter().all(enough)).then_some(())
        })
        .await;
}

/// Whether people in the channel hear how a deploy ended.
fn is_announced(life: &Life) -> bool {
    ["ended", "send_refused", "given_up", "resolved"].iter().any(|event| life.count(event) > 0)
}

/// Every result is in the channel, and every card shows the end.
async fn everything_is_announced(fleet: &Fleet, lives: &BTreeMap<String, Life>) {
    const ENDS: [&str; 6] = ["Succeeded", "Failed", "Cancelled by", "Rejected by", "Refused: ", "Given up: "];
    for (id, life) in lives {
        fleet
            .until(&format!("the end on the card of {id}, {life:?}"), |world| {
                let said = read::message(&card(world, id)?);
                ENDS.iter().any(|end| said.contains(end)).then_some(())
            })
            .await;
        if is_announced(life) {
            let key = format!("final/{id}");
            fleet
                .until(&format!("the result of {id}, {life:?}"), |world| {
                    world.slack.messages(DEPLOYMENTS).iter().any(|m| key_of(m) == key).then_some(())
                })
                .await;
        }
    }
}

/// No deploy is started while another is active in the same place.
fn one_active_deploy_in_each_place(record: &Record) {
    record.replay(|entry, lives| {
        if entry.event != "intent_made" {
            return;
        }
        let there =
            lives.iter().filter(|(_, l)| l.is_active && Some(&l.environment) == entry.environment.as_ref());
        let active: Vec<_> = there.map(|(id, _)| id).collect();
        assert!(active.len() <= 1, "active at once in {:?}: {active:?}", entry.environment);
    });
}

/// Before each start, enough different people had said yes.
fn nothing_starts_without_its_approvals(record: &Record, places: usize) {
    let needs: BTreeMap<String, u32> = (0..places).map(|n| (place_name(n), needed(n))).collect();
    let mut yes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut rollbacks = BTreeSet::new();
    for entry in &record.entries {
        let (Some(id), Some(environment)) = (&entry.deploy, &entry.environment) else { continue };
        match entry.event.as_str() {
            "requested" if entry.data["kind"]["kind"] == "rollback" => {
                rollbacks.insert(id.clone());
            }
            "approved" => {
                yes.entry(id.clone()).or_default().extend(entry.person.clone());
            }
            "intent_made" if !rollbacks.contains(id) => {
                let said = yes.get(id).map_or(0, BTreeSet::len);
                let needed = needs[environment] as usize;
                assert!(said >= needed, "{id} started in {environment} with {said} of {needed} approvals");
            }
            _ => {}
        }
    }
}

/// However often it was sent and to whichever replicas, a person's yes to a digest is in the record once.
fn every_approval_counts_once(record: &Record) {
    let mut seen = BTreeSet::new();
    for entry in record.entries.iter().filter(|entry| entry.event == "approved") {
        let yes = (entry.deploy.clone(), entry.person.clone(), entry.data["digest"].to_string());
        assert!(seen.insert(yes.clone()), "an approval counts twice: {yes:?}");
    }
}

fn every_deploy_ends_once(lives: &BTreeMap<String, Life>) {
    for (id, life) in lives {
        assert!(life.is_done, "{id} does not end: {life:?}");
        for event in ["requested", "bound", "ended", "rejected", "refused", "expired"] {
            assert!(life.count(event) <= 1, "{id} is {event} more than once: {life:?}");
        }
        assert_eq!(life.count("requested"), 1, "{id} comes from nowhere: {life:?}");
    }
}

/// GitHub accepted at most one start of ours for each deploy, of exactly the commit that was approved; what Shipgate
/// says ran did run.
fn nothing_is_started_twice(world: &World, lives: &BTreeMap<String, Life>, book: &Book) {
    let dispatches = world.github.dispatches();
    for (id, life) in lives {
        let of = dispatches.iter().filter(|d| d.inputs.get("deployment_id") == Some(id));
        let commits: Vec<_> = of.map(|d| d.inputs["sha"].clone()).collect();
        assert!(
            commits.len() <= 1,
            "started {} times: {id} {life:?}, by hand {:?}",
            commits.len(),
            book.by_hand
        );
        assert!(commits.iter().all(|sha| *sha == life.commit), "{id} started {commits:?}, {life:?}");
        assert!(!life.ran() || commits.len() == 1, "{id} ran and was never started: {life:?}");
        assert!(commits.is_empty() || life.ran(), "{id} was started and is not known to have run: {life:?}");
    }
}

/// By GitHub's own book, no run of a place began before the one before it had ended.
fn runs_of_a_place_follow_each_other(world: &World, book: &Book) {
    let dispatches = world.github.dispatches();
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for (at, dispatch) in dispatches.iter().enumerate() {
        let place = dispatch.inputs["environment"].as_str();
        if let Some(before) = last.insert(place, dispatch.run) {
            let ended_at = book.steps.get(&before).copied().unwrap_or(usize::MAX);
            assert!(ended_at <= at, "run {} began in {place} while run {before} was going on", dispatch.run);
        }
    }
}

/// Every message has its own name; every deploy has one card and one result.
fn nothing_is_said_twice(fleet: &Fleet, lives: &BTreeMap<String, Life>) {
    let messages = fleet.world.slack.messages(DEPLOYMENTS);
    let mut keys: BTreeMap<String, usize> = BTreeMap::new();
    for message in messages.iter().filter(|m| m.user == "U0BOT") {
        let key = key_of(message);
        assert!(!key.is_empty(), "a message without a name: {message:?}");
        *keys.entry(key).or_default() += 1;
    }
    let twice: Vec<_> = keys.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "posted more than once: {twice:?}\n{}", fleet.picture());
    for (id, life) in lives {
        let cards = messages.iter().filter(|m| deploy_of_card(m).as_ref() == Some(id)).count();
        assert_eq!(cards, 1, "cards of {id}");
        let results = usize::from(keys.contains_key(&format!("final/{id}")));
        assert_eq!(results, usize::from(is_announced(life)), "results of {id} {life:?}");
    }
}

/// `shipgate audit verify` finds the chain whole.
pub fn the_chain_is_whole(looker: &Replica) {
    let verified = looker.output(&["audit", "verify"]);
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success(), "the audit chain is broken: {said}");
}

/// The database's password is in no log.
fn no_password_got_out(replica: &Replica) {
    let files = std::fs::read_dir(replica.folder()).expect("the folder is there");
    let logs = files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|e| e == "log"));
    for log in logs {
        let text = std::fs::read_to_string(&log).expect("a log can be read");
        for password in ["correct horse", "correct%20horse"] {
            assert!(!text.contains(password), "the password is in {}", log.display());
        }
    }
}
