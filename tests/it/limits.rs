//! Too much from one person or from everybody: told so, and nothing that was acknowledged is lost. Not here: how it is
//! counted (`app::limits`).

use crate::harness::{Bot, DEPLOYMENTS};
use crate::read;
use crate::setup::{Transport, world};

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_too_much_is_told_to_wait_and_what_was_taken_is_done() {
    for transport in [Transport::Http, Transport::Socket] {
        let world = world().await;
        let mut bot = Bot::start(&world, transport, |setup| {
            setup.limits = "person_each_second = 0\nperson_each_minute = 3\nall_each_second = 0".into();
        })
        .await;
        let (mut taken, mut refused) = (0, 0);
        for _ in 0..12 {
            let delivery = bot.slash("ada", "/shipgate", "history").await;
            match delivery.json()["text"].as_str() {
                Some(said) => {
                    assert!(said.contains("More comes from you than Shipgate takes"), "{said}");
                    assert!(said.contains("Try again in"), "{said}");
                    refused += 1;
                }
                None => taken += 1,
            }
        }
        assert!(taken >= 3 && refused >= 1, "{taken} taken, {refused} refused by {transport:?}");
        let answered = || {
            let all = world.slack.ephemerals().into_iter().filter(|e| e.user == "U0ADA");
            all.filter(|e| read::private(e).contains("No deploys yet")).count()
        };
        bot.until("what was taken is answered", |_| (answered() == taken).then_some(())).await;
        // Others are not held up.
        bot.ask("grace", "/shipgate", "history", "No deploys yet").await;
        let (_, figures) = bot.get("/metrics").await;
        let line = format!("shipgate_too_many_total{{who=\"person\"}} {refused}");
        assert!(figures.contains(&line), "{figures}");
        bot.end(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_too_many_is_not_acknowledged_and_the_person_is_told_privately_once() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.limits = "person_each_second = 0\nperson_each_minute = 1\nall_each_second = 0".into();
        setup.production = "approvals = { needed = 1, from = [\"release-managers\"] }".into();
    })
    .await;
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    let approve = bot.button("api v1.2.3 → production", "Hold").await;
    bot.press("grace", &approve).await;
    for _ in 0..3 {
        let delivery = world.slack.press("grace", &approve).await.unwrap();
        assert_eq!(delivery.status, Some(503), "{delivery:?}");
        assert!(delivery.body.contains("nothing was done"), "{delivery:?}");
    }
    bot.next_private("grace", 0, "More comes from you than Shipgate takes").await;
    let told = || {
        let all = world.slack.ephemerals().into_iter().filter(|e| e.user == "U0GRACE");
        all.filter(|e| read::private(e).contains("More comes from you")).count()
    };
    assert_eq!(told(), 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_together_is_limited_and_a_mention_does_not_come_again_by_itself() {
    let world = world().await;
    let bot = Bot::start(&world, Transport::Http, |setup| {
        setup.limits = "person_each_second = 0\nperson_each_minute = 0\nall_each_second = 1".into();
    })
    .await;
    let people = ["ada", "grace", "linus", "max", "eve"];
    let mut refused = 0;
    for person in people.iter().cycle().take(40) {
        let delivery = world.slack.mention(person, DEPLOYMENTS, "history").await.unwrap();
        if delivery.status == Some(503) {
            assert_eq!(delivery.header("x-slack-no-retry"), Some("1"), "{delivery:?}");
            refused += 1;
        }
    }
    assert!(refused > 0);
    let (_, figures) = bot.get("/metrics").await;
    assert!(
        figures.contains(&format!("shipgate_too_many_total{{who=\"everybody\"}} {refused}")),
        "{figures}"
    );
    bot.end(&world).await;
}
