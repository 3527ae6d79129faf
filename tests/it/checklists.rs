//! Boxes of a checklist on the whole program: people press them in Slack, facts tick the others, and the list goes into
//! the thread. Not here: each fact (`domain::gates`), every way of pressing at once (`domain::checklist`).

use crate::harness::Bot;
use crate::setup::{Transport, world};
use shipgate_world::World;

const CARD: &str = "api v1.2.3 → production";
const LIST: &str = "checklist = \"own\"\n\
    [checklists.own]\n\
    before = [{ item = \"Tests passing\", fact = \"checks\" }, { item = \"Way back _known_\" }, \
              { item = \"Support knows\", who = [\"release-managers\"] }, { item = \"Cake\", needed = false }]\n\
    during = [{ item = \"{environment} deployed\", fact = \"succeeded\" }, { item = \"Flags set\" }]\n\
    after = [{ item = \"Metrics normal\" }]";

/// Waits until the card shows exactly these boxes ticked; gives the card's message.
async fn ticked(bot: &mut Bot, world: &World, expected: &[&str]) -> (String, String) {
    let what = format!("the card shows {expected:?} ticked");
    bot.until(&what, |bot| {
        let card = bot.card(CARD)?;
        (world.slack.ticked(&card.channel, &card.ts) == expected).then_some((card.channel, card.ts))
    })
    .await
}

async fn tick(world: &World, user: &str, (channel, ts): &(String, String), label: &str) {
    let delivery = world.slack.tick(user, channel, ts, label).await.expect("the box is there");
    assert!(delivery.acknowledged(), "the press was not acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_starts_when_its_list_is_ticked_and_the_list_is_told_when_it_ends() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| setup.production = LIST.into()).await;
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    bot.card_says(CARD, &["Checklist", "1 of 3 ticked", "to tick: Way back _known_, Support knows"]).await;
    bot.card_says(CARD, &["Tests passing — "]).await;
    let at = ticked(&mut bot, &world, &[]).await;
    // Somebody in no group, and somebody who may not tick this one: told privately who may, and nothing is ticked.
    let seen = bot.private_count("eve");
    tick(&world, "eve", &at, "Way back _known_").await;
    bot.next_private("eve", seen, "You may not tick checklists on production").await;
    let seen = bot.private_count("linus");
    tick(&world, "linus", &at, "Support knows").await;
    let told = bot.next_private("linus", seen, "You may not tick “Support knows”").await;
    assert!(told.contains("grace"), "{told}");
    // Two people press on the same drawing, neither of whom sees what the other pressed.
    let row = world.slack.row_with(&at.0, &at.1, "Cake").expect("there");
    world.slack.press_box("ada", &row, "Way back _known_").await.expect("delivered");
    world.slack.press_box("grace", &row, "Cake").await.expect("delivered");
    let at = ticked(&mut bot, &world, &["Way back _known_", "Cake"]).await;
    assert_eq!(bot.dispatches_sent(), 0, "an item is open");
    // Whoever sees a tick may take it away; then the last item that must be ticked is, and it starts.
    tick(&world, "linus", &at, "Cake").await;
    let at = ticked(&mut bot, &world, &["Way back _known_"]).await;
    tick(&world, "grace", &at, "Support knows").await;
    let run = bot.run_of_dispatch(0).await;
    let at = ticked(&mut bot, &world, &[]).await;
    tick(&world, "ada", &at, "Flags set").await;
    ticked(&mut bot, &world, &["Flags set"]).await;
    bot.finish(run).await;
    bot.announced(&["production now runs api v1.2.3"]).await;
    let card = bot.card_says(CARD, &["Succeeded", "Production deployed — "]).await;
    let list = bot.thread_says(&card, "## Deployment: api").await;
    for line in [
        "- Version: v1.2.3",
        "- Deployer: ada",
        "### Pre-deployment",
        "- [x] Tests passing — ",
        "- [x] Way back \\_known\\_ — ada, ",
        "- [x] Support knows — grace, ",
        "- [ ] Cake",
        "### Deployment",
        "- [x] Production deployed — [the run](<",
        "- [x] Flags set — ada, ",
        "### Post-deployment",
        "- [ ] Metrics normal",
    ] {
        assert!(list.contains(line), "no “{line}” in\n{list}");
    }
    // What comes after can be ticked for a while, and the whole list is told once more.
    let at = ticked(&mut bot, &world, &["Flags set"]).await;
    tick(&world, "linus", &at, "Metrics normal").await;
    bot.thread_says(&card, "Everything is ticked").await;
    bot.ask("eve", "/shipgate", "checklist", "- [x] Metrics normal — linus, ").await;
    bot.end(&world).await;
}
