//! Calendars that others keep, on the whole program. Not here: what they may say (`calendars`, `domain::calendar`).

use crate::harness::Bot;
use crate::setup::{Transport, world};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use shipgate_world::gitlab::{GitLab, TOKEN};
use shipgate_world::pages::{Page, Pages};
use tokio_util::sync::CancellationToken;

const STAGING: &str = "api v1.2.3 → staging";

/// A calendar with one whole-day event from yesterday until tomorrow, and with one that is over.
fn calendar(is_today: bool) -> Page {
    let day = |days: i64| {
        let at = Timestamp::now() + SignedDuration::from_hours(24 * days);
        at.to_zoned(TimeZone::UTC).strftime("%Y%m%d").to_string()
    };
    let (from, until) = if is_today { (-1, 2) } else { (-9, -8) };
    Page::Text(format!(
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Trade fair\r\nDTSTART;VALUE=DATE:{}\r\n\
         DTEND;VALUE=DATE:{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        day(from),
        day(until)
    ))
}

fn settings(pages: &Pages) -> String {
    format!(
        "[[freezes]]\nname = \"Company events\"\nics = \"{}\"\nexcept_services = [\"api\"]\nenvironments = [\"production\"]\n\
         [[freezes]]\nname = \"Fairs\"\nics = \"{}\"\nenvironments = [\"staging\"]\n[reminders]\nfreeze = [\"end\"]\n",
        pages.url("/company.ics"),
        pages.url("/fairs.ics"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_another_calendar_freezes_also_after_a_restart_without_it() {
    let (world, stop) = (world().await, CancellationToken::new());
    let pages = Pages::start(stop.clone()).await.expect("a port");
    pages.set("/company.ics", calendar(false));
    pages.set("/fairs.ics", calendar(true));
    let more = settings(&pages);
    let mut bot = Bot::start(&world, Transport::Http, |setup| setup.more = more).await;
    bot.ask("ada", "/freeze", "list", "Fairs: Trade fair: now").await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    bot.card_says(STAGING, &["Refused: freeze", "Fairs: Trade fair", "until"]).await;
    // What was read is in the database: neither the restart nor the loss of the other side forgets it.
    pages.set("/fairs.ics", Page::Status(503));
    bot.crash().await;
    bot.ask("ada", "/shipgate", "when staging", "frozen (Fairs: Trade fair)").await;
    assert_eq!(world.github.dispatches().len(), 0);
    bot.end(&world).await;
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_that_cannot_be_read_closes_its_scope_until_it_can() {
    let (world, stop) = (world().await, CancellationToken::new());
    let pages = Pages::start(stop.clone()).await.expect("a port");
    pages.set("/company.ics", calendar(false));
    pages.set("/fairs.ics", Page::Status(503));
    let more = settings(&pages);
    let mut bot = Bot::start(&world, Transport::Http, |setup| setup.more = more).await;
    bot.announced(&[
        "Fairs",
        "cannot read the calendar at 127.0.0.1",
        "it answers 503",
        "no deploys to staging",
    ])
    .await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    bot.card_says(
        STAGING,
        &["cannot tell whether it is frozen", "Fairs", "it answers 503", "asking again by itself"],
    )
    .await;
    bot.ask("ada", "/freeze", "list", "so it counts as frozen").await;
    assert_eq!(world.github.dispatches().len(), 0);
    // The calendar comes back, and who waited starts without anybody doing anything.
    pages.set("/fairs.ics", calendar(false));
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    bot.announced(&["Fairs", "can be read again"]).await;
    assert_eq!(bot.announcements(&["cannot read the calendar"]).len(), 1);
    bot.end(&world).await;
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_period_of_a_gitlab_project_freezes() {
    let (world, stop) = (world().await, CancellationToken::new());
    let gitlab = GitLab::start(stop.clone()).await.expect("a port");
    let cron = |hours: i64| {
        let at = Timestamp::now() + SignedDuration::from_hours(hours);
        at.to_zoned(TimeZone::UTC).strftime("%-M %-H %-d %-m *").to_string()
    };
    gitlab.project("acme/platform/api");
    gitlab.freeze("acme/platform/api", &cron(-24), &cron(24), "UTC");
    let more = format!(
        "[gitlab]\nurl = \"{}\"\n[[freezes]]\nname = \"As in GitLab\"\ngitlab = \"acme/platform/api\"\n\
         environments = [\"staging\"]\n[reminders]\nfreeze = []\n",
        gitlab.url()
    );
    let mut bot = Bot::prepared(&world, Transport::Http, |setup| setup.more = more);
    bot.arm("GITLAB_TOKEN", TOKEN);
    bot.run().await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    bot.card_says(STAGING, &["Refused: freeze", "As in GitLab", "until"]).await;
    assert_eq!(world.github.dispatches().len(), 0);
    assert_eq!(gitlab.violations(), Vec::<String>::new());
    bot.end(&world).await;
    stop.cancel();
}
