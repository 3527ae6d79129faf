//! Text that wants to be more than text: it must arrive in Slack as words, wherever it came from. Not here: the
//! drawing itself (`chat`).

use crate::harness::{Bot, DEPLOYMENTS};
use crate::read;
use crate::setup::{REPO, Transport, WORKFLOW, world};
use serde_json::Value;
use shipgate_world::World;
use shipgate_world::github::Plan;
use shipgate_world::slack::Person;

/// Mentions of everybody, a link with a false face, markup, code, an escape, a bell, a turn of direction, a
/// zero-width space.
const EVIL: &str =
    "<!channel> <https://evil.example|click> *b* `c` @here &lt;!here&gt; \u{7}\u{202e}txt\u{200b} <@U0EVE>";
const HIDDEN: [char; 4] = ['\u{7}', '\u{202e}', '\u{200b}', '\u{1b}'];

/// Nothing that Slack received acts on its readers but what Shipgate itself put there.
fn assert_inert(world: &World) {
    let messages = world.slack.messages(DEPLOYMENTS).into_iter().filter(|m| m.user == "U0BOT");
    let mut shown: Vec<(String, Vec<Value>)> = messages
        .flat_map(|m| {
            let earlier = m.edits.into_iter().map(|edit| (edit.text, edit.blocks));
            earlier.chain([(m.text, m.blocks)]).collect::<Vec<_>>()
        })
        .collect();
    shown.extend(world.slack.ephemerals().into_iter().map(|e| (e.text, e.blocks)));
    for view in world.slack.views() {
        shown.push((String::new(), view.view["blocks"].as_array().cloned().unwrap_or_default()));
    }
    let github = world.github.url();
    for (text, blocks) in shown {
        for element in read::live_elements(&blocks) {
            let is_ours = match element["type"].as_str() {
                Some("link") => element["url"].as_str().is_some_and(|url| url.starts_with(&github)),
                Some("user") => ["U0ADA", "U0GRACE", "U0MAX"].iter().any(|id| element["user_id"] == *id),
                _ => false,
            };
            assert!(is_ours, "this acts on readers: {element}\nin {blocks:?}");
        }
        // Where Slack reads markup: the fallback text, and mrkdwn.
        let mut marked = vec![text];
        collect_mrkdwn(&blocks, &mut marked);
        for marked in marked {
            for part in marked.split('<').skip(1) {
                let is_ours = part.starts_with(&github);
                assert!(is_ours, "this acts on readers: <{part}\nin {marked}");
            }
        }
        let all = Value::Array(blocks).to_string();
        for hidden in HIDDEN {
            assert!(!all.contains(hidden), "{hidden:?} was passed on: {all}");
        }
    }
}

fn collect_mrkdwn(values: &[Value], into: &mut Vec<String>) {
    for value in values {
        if value["type"] == "mrkdwn" {
            into.push(value["text"].as_str().unwrap_or_default().to_owned());
        }
        match value {
            Value::Object(object) => {
                collect_mrkdwn(&object.values().cloned().collect::<Vec<_>>(), into);
            }
            Value::Array(items) => collect_mrkdwn(items, into),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_commits_pull_requests_names_and_logs_appear_inert() {
    let world = world().await;
    let mut ada = Person::new("U0ADA", "ada");
    (ada.name, ada.real_name) = ("ada".into(), EVIL.into());
    world.slack.add_person(ada);
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    let sha = world.github.commit(REPO, "main", &format!("{EVIL} (#7)\n\n{EVIL}"), "<!everyone>");
    world.github.set_tag(REPO, "v2.0.0", &sha);
    world.github.add_pull(REPO, &sha, 7, EVIL, "<!everyone>");
    world.github.set_check(REPO, &sha, "<!channel> check", Some("failure"));
    bot.slash("ada", "/deploy", "staging v2.0.0").await;
    bot.card_says("api v2.0.0 → staging", &["Refused: checks", "<!channel> check", "<!channel>"]).await;
    world.github.set_check(REPO, &sha, "<!channel> check", Some("success"));
    let mut log = vec![EVIL, "```", "</pre><script>alert(1)</script>", "\u{1b}[31mred\u{1b}[0m"];
    log.push("##[error]<https://evil.example|fix me>");
    world.github.plan(REPO, WORKFLOW, Plan::failing("deploy", "Roll out", &log));
    bot.slash("ada", "/deploy", "staging v2.0.0").await;
    let run = bot.run_of_dispatch(1).await;
    bot.finish(run).await;
    bot.card_says("api v2.0.0 → staging", &["Failed", "<script>alert(1)</script>"]).await;
    bot.announced(&["staging failed to get api v2.0.0"]).await;
    for text in ["logs", "diff staging v2.0.0", "history", "status"] {
        let seen = bot.private_count("ada");
        bot.slash("ada", "/shipgate", text).await;
        bot.next_private("ada", seen, "").await;
    }
    assert_inert(&world);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_words_of_people_appear_inert() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.production = "approvals = { needed = 1, from = [\"release-managers\"] }\n\
                            overrides = { needed = 1, from = [\"release-managers\"] }"
            .into();
    })
    .await;
    let quoted = EVIL.replace('"', "");
    let said = [
        ("/deploy", format!("staging {EVIL}")),
        ("/deploy", "staging <!channel>".to_owned()),
        ("/deploy", "staging v1<https://evil.example|x>".to_owned()),
        ("/deploy", "<!channel> v1.2.3".to_owned()),
        ("/shipgate", EVIL.to_owned()),
        ("/lock", format!("staging {EVIL}")),
        ("/lock", "staging <!channel> <https://evil.example|x>".to_owned()),
        ("/freeze", format!("add \"{quoted}\" staging for 2h")),
        ("/freeze", "add \"<!channel> <https://evil.example|x>\" staging for 2h because <@U0EVE>".to_owned()),
        ("/freeze", "list".to_owned()),
        ("/shipgate", "status".to_owned()),
        ("/unlock", "staging because <!here>".to_owned()),
        ("/shipgate", "help <!channel>".to_owned()),
        ("/shipgate", "approve <!channel>".to_owned()),
    ];
    for (command, text) in said {
        let seen = bot.private_count("grace");
        bot.slash("grace", command, &text).await;
        bot.next_private("grace", seen, "").await;
    }
    // Reasons: of an emergency, of a hold, of a rejection.
    let headline = "api v1.2.3 → production";
    bot.slash("ada", "/deploy", "production v1.2.3 --emergency \"<!channel> <https://evil.example|x>\"")
        .await;
    bot.card_says(headline, &["<!channel>"]).await;
    bot.slash("ada", "/shipgate", "hold <!channel> <@U0EVE>").await;
    bot.card_says(headline, &["held by ada: <!channel>"]).await;
    bot.click("grace", headline, "Reject").await;
    let (view, _) = bot.modal("grace").await;
    world.slack.submit("grace", &view, &[("reason", EVIL)]).await.unwrap();
    let card = bot.card_says(headline, &["Rejected by grace", "click"]).await;
    bot.thread_says(&card, "grace rejected it").await;
    assert_inert(&world);
    bot.end(&world).await;
}
