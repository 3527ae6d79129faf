//! Requests that are almost Slack's or GitHub's: a million of them, none let in. `./test` sends a tenth;
//! `SHIPGATE_MUTANTS=1000000 cargo nextest run -p shipgate-guard mutants` sends all.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use shipgate_guard::doors::{Knock, NOW, doors};

/// How many are sent where nothing else is asked for.
const USUAL: u64 = 100_000;

/// One true request for each door of the platforms.
pub fn originals() -> Vec<Knock> {
    let command = "token=x&team_id=T0123&api_app_id=A0123&channel_id=C0DEPLOY&user_id=U0ADA&user_name=ada\
        &command=%2Fdeploy&text=staging+v1.2.3&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT0123%2F1%2Fx&trigger_id=1.2.x";
    let click = r#"{"type":"block_actions","team":{"id":"T0123"},"api_app_id":"A0123","user":{"id":"U0ADA"},"actions":[{"type":"button","action_id":"press.approve","action_ts":"1.2","value":"01J.x"}]}"#;
    let event = r#"{"type":"event_callback","team_id":"T0123","api_app_id":"A0123","event_id":"Ev1","event":{"type":"app_mention","user":"U0ADA","text":"<@U0BOT> deploy staging v1.2.3","channel":"C1"}}"#;
    let click: String = click.bytes().map(|b| format!("%{b:02X}")).collect();
    vec![
        Knock::slack("/slack/commands", command.as_bytes()),
        Knock::slack("/slack/interactions", format!("payload={click}").as_bytes()),
        Knock::slack("/slack/events", event.as_bytes()),
        Knock::github(br#"{"action":"completed","workflow_run":{"id":7,"display_title":"deploy staging"}}"#),
    ]
}

fn spoil(bytes: &mut Vec<u8>, dice: &mut ChaCha8Rng) {
    let place = |dice: &mut ChaCha8Rng, len: usize| (dice.next_u64() as usize) % len.max(1);
    let at = place(dice, bytes.len());
    match dice.next_u32() % 7 {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << (dice.next_u32() % 8),
        1 => bytes.insert(at, dice.next_u32() as u8),
        2 if !bytes.is_empty() => drop(bytes.remove(at)),
        3 => bytes.truncate(at),
        4 => bytes.extend_from_slice(b"&text=production"),
        5 if bytes.len() > 1 => {
            let next = (at + 1) % bytes.len();
            bytes.swap(at, next);
        }
        _ => bytes.push(b'\n'),
    }
}

fn spoil_text(text: &mut String, dice: &mut ChaCha8Rng) {
    let mut bytes = std::mem::take(text).into_bytes();
    spoil(&mut bytes, dice);
    *text = String::from_utf8_lossy(&bytes).into_owned();
}

fn mutant(original: &Knock, all: &[Knock], dice: &mut ChaCha8Rng) -> Knock {
    let mut knock = original.clone();
    for _ in 0..=dice.next_u32() % 3 {
        match dice.next_u32() % 8 {
            0..=2 => spoil(&mut knock.body, dice),
            3 | 4 => spoil_text(&mut knock.signature, dice),
            5 => spoil_text(&mut knock.timestamp, dice),
            6 => knock.timestamp = (NOW + i64::from(dice.next_u32() % 1200) - 600).to_string(),
            // The signature of another true request.
            _ => knock.signature.clone_from(&all[dice.next_u32() as usize % all.len()].signature),
        }
    }
    knock
}

/// Whether a mutant says the same as a true request: what the mutation touched does not count there.
fn is_same(mutant: &Knock, original: &Knock) -> bool {
    let is_github = original.path == "/github/webhooks";
    let trimmed = |text: &str| text.trim_matches([' ', '\t']).to_owned();
    mutant.body == original.body
        && trimmed(&mutant.signature).eq_ignore_ascii_case(&original.signature)
        && (is_github || trimmed(&mutant.timestamp) == original.timestamp)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_spoilt_request_is_let_in() {
    let wanted: u64 = std::env::var("SHIPGATE_MUTANTS").ok().and_then(|n| n.parse().ok()).unwrap_or(USUAL);
    let halves = (0..2).map(|half| {
        tokio::spawn(async move {
            let ((doors, taken), originals) = (doors(), originals());
            let mut dice = ChaCha8Rng::seed_from_u64(half);
            let mut sent = 0;
            while sent < wanted / 2 {
                for original in &originals {
                    let knock = mutant(original, &originals, &mut dice);
                    if is_same(&knock, original) {
                        continue;
                    }
                    let Some(status) = knock.knock(&doors).await else { continue };
                    assert!(!status.is_success(), "{status}: {knock:?}");
                    sent += 1;
                }
            }
            assert_eq!(taken.count(), 0, "something was taken in");
            sent
        })
    });
    let mut sent = 0;
    for half in halves.collect::<Vec<_>>() {
        sent += half.await.unwrap();
    }
    assert!(sent >= wanted, "{sent} of {wanted}");
    // The originals are let in: the mutants could have been.
    let (doors, taken) = doors();
    for original in originals() {
        assert!(original.knock(&doors).await.unwrap().is_success(), "{original:?}");
    }
    assert_eq!(taken.count(), 4);
}
