//! Builds a database with a long past, to measure how soon a start is ready: `history FILE [deploys] [audit rows]`.
//! Not here: measuring (`bench/ready`).

#[path = "../tests/contract/samples.rs"]
#[allow(clippy::unwrap_used, reason = "shared with tests")]
mod samples;

use jiff::SignedDuration;
use samples::{at, commit, deploy_to, ended, entry, pinned, row};
use shipgate_app::store::{CardRow, Changes, Store as _};
use shipgate_domain::deploy::Deploy;
use shipgate_domain::ids::DeployId;
use shipgate_store::SqliteStore;
use std::error::Error;
use std::path::PathBuf;

/// Deploys of one write.
const TOGETHER: u64 = 250;
/// Deploys that are not over.
const OPEN: u64 = 50;

/// The `n`th deploy of this past, one every five minutes: over, or waiting if it is one of the last.
fn nth(n: u64, of: u64) -> Result<Deploy, Box<dyn Error>> {
    let asked = at(0) + SignedDuration::from_mins(5 * i64::try_from(n)?);
    let places = ["staging", "production", "development"];
    let mut deploy = deploy_to(1, places[usize::try_from(n)? % places.len()]);
    let mut random = [7; 10];
    random[..8].copy_from_slice(&n.to_be_bytes());
    deploy.id = DeployId::new(asked, random);
    deploy.request.at = asked;
    deploy.request.version = format!("v1.{n}.0").parse()?;
    let digit = ['a', 'b', 'c', 'd', 'e', 'f'][usize::try_from(n)? % 6];
    let mut deploy = pinned(deploy, commit(digit));
    if n + OPEN < of {
        deploy =
            ended(deploy, &n.to_string(), !n.is_multiple_of(9), asked + SignedDuration::from_mins(4), 180);
    }
    deploy.revision = 0;
    Ok(deploy)
}

fn card(deploy: &Deploy) -> CardRow {
    CardRow {
        deploy: deploy.id.clone(),
        revision: 1,
        posts: Vec::new(),
        buttons: Vec::new(),
        generation: 1,
        shown: "0".repeat(64),
        edited: Some(deploy.request.at),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let path = PathBuf::from(args.next().ok_or("which file?")?);
    let deploys: u64 = args.next().map_or(Ok(100_000), |word| word.parse())?;
    let rows: u64 = args.next().map_or(Ok(1_000_000), |word| word.parse())?;
    let store = SqliteStore::open(&path, at(0))?;
    let epoch = store.replica_enter("history", at(0), at(1)).await?;
    let mut first = 0;
    while first < deploys {
        let last = (first + TOGETHER).min(deploys);
        let mut changes = Changes::by(epoch, at(0));
        for n in first..last {
            let deploy = nth(n, deploys)?;
            let events =
                ["requested", "pinned", "judged", "intent_made", "sent", "bound", "progressed", "ended"];
            let share = rows * (n + 1) / deploys - rows * n / deploys;
            for event in events.iter().cycle().take(usize::try_from(share)?) {
                changes.audit.push(entry(event, Some(&deploy)));
            }
            changes.cards.push(card(&deploy));
            changes.deploys.push(row(&deploy));
        }
        store.commit(changes).await?;
        first = last;
    }
    store.replica_leave(epoch).await?;
    drop(store);
    // What was said and answered leaves a key for ever: about ten for each deploy.
    let db = rusqlite::Connection::open(&path)?;
    db.execute(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
         INSERT INTO effects (key, effect, lane, repeat, state, due, asked, attempts, ended_at)
         SELECT 'note/' || n, '', 'chat', 'once', 'done', n, n, 1, n FROM n",
        [deploys * 10],
    )?;
    println!("{} deploys, {rows} audit rows, {} MiB", deploys, std::fs::metadata(&path)?.len() / 1024 / 1024);
    Ok(())
}
