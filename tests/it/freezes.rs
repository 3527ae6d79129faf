//! What people are told of freezes as they come, move and go. Not here: what a freeze stops (`calendar`).

use crate::harness::Bot;
use crate::setup::{Transport, world};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

fn from_now(seconds: i64) -> Timestamp {
    let at = Timestamp::now() + SignedDuration::from_secs(seconds);
    Timestamp::from_second(at.as_second()).expect("a second")
}

/// A local time as the settings want it; the zone of the tests is UTC.
fn local(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_lists_what_is_merged_and_not_deployed_and_who_wrote_it() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.production = String::new();
        setup.more = "[reminders]\nfreeze = [\"1h\", \"start\", \"end\"]".into();
    })
    .await;
    bot.deploy("ada", "production", "v1.2.2").await;
    let from = from_now(3600 + 3);
    let added = "added the freeze Sale";
    bot.ask("grace", "/freeze", &format!("add Sale production --from {from} --for 2h"), added).await;
    bot.announced(&[
        "Sale starts in 1 h",
        "api on production: 1 change merged, not deployed since",
        "v1.2.2",
        "Gift cards",
        "ada",
    ])
    .await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_start_names_who_waits_and_the_end_who_goes_on() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.more = "[reminders]\nfreeze = [\"start\", \"end\"]".into();
    })
    .await;
    bot.slash("ada", "/deploy", "staging v1.2.3 --hold").await;
    bot.card_says("api v1.2.3 → staging", &["On hold"]).await;
    let until = from_now(8);
    let added = "added the freeze Sale";
    bot.ask("grace", "/freeze", &format!("add Sale staging --until {until}"), added).await;
    bot.announced(&["Sale has started", "These wait:", "api v1.2.3 → staging, asked by"]).await;
    bot.announced(&["Sale is over", "These waited", "api v1.2.3 → staging, asked by"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_that_moves_or_goes_away_after_it_was_announced_is_corrected() {
    let world = world().await;
    let freeze = |at: Timestamp| {
        format!(
            "[[freezes]]\nname = \"Sale\"\nfrom = \"{}\"\nuntil = \"{}\"\n[reminders]\nfreeze = [\"1h\"]",
            local(at),
            local(at + SignedDuration::from_hours(5)),
        )
    };
    let (first, second) = (from_now(3600 + 4), from_now(7200));
    let mut bot = Bot::start(&world, Transport::Http, |setup| setup.more = freeze(first)).await;
    bot.announced(&["Sale starts in 1 h"]).await;
    bot.terminate().await;
    bot.rewrite(|text| text.replace(&freeze(first), &freeze(second)));
    bot.run().await;
    bot.announced(&["Sale moved: it starts", "It was announced to start"]).await;
    bot.terminate().await;
    bot.rewrite(|text| text.replace(&freeze(second), "[reminders]\nfreeze = [\"1h\"]"));
    bot.run().await;
    bot.announced(&["Sale is cancelled"]).await;
    assert_eq!(bot.announcements(&["Sale moved"]).len(), 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_topic_of_the_channel_tells_which_freeze_holds() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.announce = "channel = \"#deployments\"\ntopic = true".into();
    })
    .await;
    let slack = world.slack.clone();
    let topic_is = |start: &'static str| {
        let slack = slack.clone();
        move |_: &mut Bot| slack.topic("deployments").starts_with(start).then_some(())
    };
    bot.until("no freeze in the topic", topic_is("No freeze now")).await;
    bot.ask("grace", "/freeze", "add Sale staging for 2h", "added the freeze Sale").await;
    bot.until("the freeze in the topic", topic_is("Frozen: Sale (staging) until")).await;
    bot.ask("grace", "/freeze", "end Sale", "ended the freeze Sale").await;
    bot.until("no freeze in the topic again", topic_is("No freeze now")).await;
    assert_eq!(world.slack.count("conversations.setTopic"), 3);
    bot.end(&world).await;
}
