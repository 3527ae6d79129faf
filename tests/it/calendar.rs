//! Freezes, locks, schedules and reminders. Not here: when exactly they hold (`domain::calendar`).

use crate::harness::Bot;
use crate::setup::{Transport, world};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

const STAGING: &str = "api v1.2.3 → staging";

/// A local time as the settings want it; the zone of the tests is UTC.
fn local(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

fn from_now(seconds: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_secs(seconds)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_in_the_settings_refuses_and_says_until_when() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.more = format!(
            "[[freezes]]\nname = \"Black Friday\"\nfrom = \"{}\"\nuntil = \"{}\"\n",
            local(from_now(-3600)),
            local(from_now(6 * 24 * 3600)),
        );
    })
    .await;
    let end = from_now(6 * 24 * 3600).to_zoned(TimeZone::UTC).strftime("%-d %b").to_string();
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    bot.card_says(STAGING, &["Refused: freeze", "Black Friday", "until", &end, "Ask again"]).await;
    let when = bot.ask("ada", "/shipgate", "when staging", "api on staging: opens").await;
    assert!(when.contains("frozen (Black Friday)"), "{when}");
    bot.ask("ada", "/shipgate", "freeze list", "Black Friday").await;
    bot.ask("grace", "/shipgate", "freeze end Black Friday", "cannot be ended in chat").await;
    assert_eq!(world.github.dispatches().len(), 0);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_from_chat_stops_deploys_until_somebody_ends_it() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.production = "approvals = { needed = 0, from = [\"release-managers\"] }".into();
        setup.more = "[reminders]\nfreeze = [\"start\"]".into();
    })
    .await;
    let card = "api v1.2.3 → production";
    bot.ask("ada", "/freeze", "add \"Incident 42\" production for 2h", "You may not").await;
    bot.ask("grace", "/freeze", "add \"Incident 42\" production for 2h", "added the freeze Incident 42")
        .await;
    bot.announced(&["grace", "added the freeze Incident 42", "No deploys to production"]).await;
    bot.announced(&["Incident 42 has started"]).await;
    let list = bot.ask("ada", "/freeze", "list", "Incident 42: now").await;
    assert!(list.contains("production"), "{list}");
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    bot.card_says(card, &["Refused: freeze", "Incident 42"]).await;
    bot.ask("grace", "/freeze", "end Incident 42 because it is over", "ended the freeze Incident 42").await;
    bot.announced(&["ended the freeze Incident 42: it is over"]).await;
    bot.ask("ada", "/freeze", "list", "none").await;
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["production now runs api v1.2.3"]).await;
    assert_eq!(bot.announcements(&["Incident 42 has started"]).len(), 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_from_chat_whose_times_make_no_sense_is_refused() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.ask(
        "grace",
        "/freeze",
        "add Backwards production from 2030-01-02 until 2030-01-01",
        "would end before it starts",
    )
    .await;
    bot.ask("grace", "/freeze", "add Endless production", "needs an end").await;
    bot.ask("ada", "/freeze", "list", "none").await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_passes_a_freeze_with_the_yes_of_the_override_group() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.staging = "overrides = { needed = 1, from = [\"release-managers\"] }".into();
        setup.more = format!(
            "[[freezes]]\nname = \"Audit\"\nfrom = \"{}\"\nuntil = \"{}\"\n",
            local(from_now(-3600)),
            local(from_now(24 * 3600)),
        );
    })
    .await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    bot.card_says(STAGING, &["Refused: freeze", "--emergency"]).await;
    bot.slash("ada", "/deploy", "staging v1.2.3 --emergency \"checkout is down\"").await;
    let card = "EMERGENCY api v1.2.3 → staging";
    bot.card_says(card, &["checkout is down", "needs 1 yes from release-managers"]).await;
    let approve = bot.button(card, "Approve").await;
    bot.press_and_read("ada", &approve, "You may not").await;
    bot.press("grace", &approve).await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.card_says(card, &["passed as an emergency by grace", "Succeeded"]).await;
    bot.announced(&["staging now runs api v1.2.3", "Approved by"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_keeps_others_out_until_it_is_lifted() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.ask("eve", "/lock", "staging mine", "You may not").await;
    bot.ask("linus", "/lock", "staging load test --for 2h", "staging is locked by linus: load test").await;
    bot.announced(&["staging is locked by linus: load test"]).await;
    bot.ask("ada", "/lock", "staging me too", "staging is already locked by linus").await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    bot.card_says(STAGING, &["Refused: lock", "locked by linus: load test", "Ask again"]).await;
    bot.ask("ada", "/shipgate", "status staging", "locked by linus: load test").await;
    // The holder's own deploys pass.
    bot.deploy("linus", "staging", "v1.2.2").await;
    bot.ask("linus", "/unlock", "staging", "staging was unlocked by linus").await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    let run = bot.run_of_dispatch(1).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    bot.ask("linus", "/unlock", "staging", "staging is not locked").await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_that_was_asked_for_before_the_lock_waits_for_its_end() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3 --hold").await;
    bot.card_says(STAGING, &["On hold"]).await;
    bot.ask("linus", "/lock", "staging load test --for 2h", "staging is locked by linus").await;
    bot.click("ada", STAGING, "Resume").await;
    bot.card_says(STAGING, &["Waiting for lock", "locked by linus: load test"]).await;
    assert_eq!(world.github.dispatches().len(), 0);
    bot.ask("linus", "/unlock", "staging", "staging was unlocked by linus").await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lifting_somebody_elses_lock_needs_a_reason() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.ask("linus", "/lock", "production migrating", "production is locked by linus").await;
    bot.ask("grace", "/unlock", "production", "Lifting it needs a reason").await;
    bot.ask("grace", "/unlock", "production because linus is away", "production was unlocked by grace").await;
    bot.announced(&["production was unlocked by", "linus", "is away"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reminder_comes_once_also_across_a_kill() {
    let world = world().await;
    let start = from_now(8);
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.more = format!(
            "[[freezes]]\nname = \"Quarter end\"\nfrom = \"{}\"\nuntil = \"{}\"\n\
             [[freezes]]\nname = \"Short break\"\nfrom = \"{}\"\nuntil = \"{}\"\n\
             [reminders]\nfreeze = [\"1h\", \"start\", \"end\"]",
            local(start),
            local(from_now(24 * 3600)),
            // Its first reminder is due an hour before: in a moment.
            local(from_now(3600 + 8)),
            local(from_now(2 * 3600)),
        );
    })
    .await;
    let soon = bot.announced(&["Short break starts in", "No deploys to all environments"]).await;
    bot.announced(&["Quarter end has started"]).await;
    assert!(soon.thread_ts.is_none());
    bot.crash().await;
    bot.ask("ada", "/freeze", "list", "Quarter end").await;
    bot.crash().await;
    bot.ask("ada", "/freeze", "list", "Quarter end").await;
    assert_eq!(bot.announcements(&["Quarter end has started"]).len(), 1, "{}", bot.picture());
    assert_eq!(bot.announcements(&["Short break starts in"]).len(), 1, "{}", bot.picture());
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_that_came_due_while_the_bot_was_down_is_made_up_for_once() {
    let world = world().await;
    let start = from_now(6);
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.more = format!(
            "[[freezes]]\nname = \"Quarter end\"\nfrom = \"{}\"\nuntil = \"{}\"\n[reminders]\nfreeze = [\"start\"]",
            local(start),
            local(from_now(24 * 3600)),
        );
    })
    .await;
    bot.ask("ada", "/freeze", "list", "Quarter end").await;
    bot.kill9();
    bot.until("the freeze has begun", |_| (Timestamp::now() > start).then_some(())).await;
    bot.run().await;
    bot.announced(&["Quarter end has started"]).await;
    bot.crash().await;
    bot.ask("ada", "/freeze", "list", "Quarter end").await;
    assert_eq!(bot.announcements(&["Quarter end has started"]).len(), 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_its_windows_an_environment_is_closed_and_says_when_it_opens() {
    let world = world().await;
    // Open on one day only, which is neither today nor tomorrow.
    let opens = from_now(3 * 24 * 3600).to_zoned(TimeZone::UTC).strftime("%a").to_string();
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.staging = "schedule = \"rarely\"".into();
        setup.more = format!("[schedules.rarely]\nopen = [\"{opens} 09:00-17:00\"]\n");
    })
    .await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    bot.card_says(STAGING, &["Refused: schedule", "closed; opens", &opens, "09:00"]).await;
    bot.ask("ada", "/shipgate", "when staging", "api on staging: opens").await;
    let explained = bot.ask("ada", "/shipgate", "explain staging", "Schedule").await;
    assert!(explained.contains("closed"), "{explained}");
    assert_eq!(world.github.dispatches().len(), 0);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_by_the_calendar_comes_at_its_minute() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.more = format!(
            "[[freezes]]\nname = \"Quarter end\"\nfrom = \"{}\"\nuntil = \"{}\"\n[reminders]\nfreeze = []\n\
             [[reminders.cron]]\nat = \"* * * * *\"\nsay = \"freezes this week\"",
            local(from_now(24 * 3600)),
            local(from_now(48 * 3600)),
        );
    })
    .await;
    bot.announced(&["Freezes in the next 7 days", "Quarter end"]).await;
    let minute = Timestamp::now().as_second() / 60;
    bot.crash().await;
    bot.ask("ada", "/freeze", "list", "Quarter end").await;
    let said = bot.announcements(&["Freezes in the next 7 days"]).len();
    let passed = usize::try_from(Timestamp::now().as_second() / 60 - minute).unwrap();
    assert!(said <= 1 + passed, "once a minute at most: {}", bot.picture());
    bot.end(&world).await;
}
