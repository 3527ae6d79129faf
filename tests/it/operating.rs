//! The program as its operators meet it: checks, health, figures, a second process, a clean end. Not here: Slack.

use crate::harness::Bot;
use crate::setup::{Transport, world};

#[tokio::test(flavor = "multi_thread")]
async fn health_and_figures_can_be_read() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    assert_eq!(bot.get("/healthz").await.0, 200);
    assert_eq!(bot.get("/readyz").await.0, 200);
    let (status, figures) = bot.get("/metrics").await;
    assert_eq!(status, 200);
    for name in ["shipgate_commit_seconds", "shipgate_sends_total", "shipgate_deploys_open"] {
        assert!(figures.contains(name), "{name} is missing:\n{figures}");
    }
    assert_eq!(bot.get("/nothing-here").await.0, 404);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_name_is_answered_by_nothing_but_health() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.rewrite(|text| text.replace("[http]\n", "[http]\nhosts = [\"Figures.internal\"]\n"));
    bot.crash().await;
    let port = bot.address().rsplit(':').next().unwrap_or_default().to_owned();
    for host in ["evil.example", &format!("evil.example:{port}"), "shipgate.example.com.evil.example"] {
        let (status, said) = bot.get_as(host, "/metrics").await;
        assert_eq!(status, 421, "{host}: {said}");
        assert!(said.contains("[http] hosts") && !said.contains("evil"), "{said}");
        for path in ["/healthz", "/readyz"] {
            assert_eq!(bot.get_as(host, path).await.0, 200, "{host} {path}");
        }
    }
    for host in ["127.0.0.1", "10.0.0.7:9", "localhost:1", "figures.INTERNAL:8080", "shipgate.example.com"] {
        assert_eq!(bot.get_as(host, "/metrics").await.0, 200, "{host}");
    }
    let (_, figures) = bot.get("/metrics").await;
    assert!(figures.contains("shipgate_http_refused_total{reason=\"foreign_host\"} 3"), "{figures}");
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_database_refuses_to_start() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    let second = bot.output(&["serve"]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success(), "{said}");
    assert!(said.contains("another") && said.contains("shipgate.db"), "{said}");
    // The first goes on, undisturbed.
    bot.deploy("ada", "staging", "v1.2.3").await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn good_settings_pass_the_check_and_bad_ones_are_told_all_at_once() {
    let world = world().await;
    let bot = Bot::prepared(&world, Transport::Http, |_| {});
    let good = bot.output(&["check"]);
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stdout));
    bot.rewrite(|text| {
        text.replace("timezone = \"UTC\"", "timezone = \"Europe/Atlantis\"")
            + "\ncolour = \"red\"\n[schedules.never]\nopen = []\n\
               [[freezes]]\nname = \"Backwards\"\nfrom = \"2026-12-02T00:00\"\nuntil = \"2026-12-01T00:00\"\n"
    });
    bot.rewrite(|text| text.replace("deployers = [\"ada\", \"linus\", \"grace\"]", "deployers = []"));
    let bad = bot.output(&["check"]);
    let said = String::from_utf8_lossy(&bad.stdout).into_owned();
    assert_eq!(bad.status.code(), Some(1), "{said}");
    for part in ["shipgate.toml", "Atlantis", "colour", "never", "ends_before_start", "deployers"] {
        assert!(said.contains(part), "“{part}” is missing:\n{said}");
    }
    let served = bot.output(&["serve"]);
    let said = String::from_utf8_lossy(&served.stderr).into_owned();
    assert!(!served.status.success() && said.contains("Atlantis") && said.contains("not started"), "{said}");
    assert!(!bot.folder().join("shipgate.db").exists(), "nothing was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_secret_is_named_and_never_shown() {
    let world = world().await;
    let bot = Bot::prepared(&world, Transport::Http, |_| {});
    let output = bot.command(&["serve"]).env_remove("SLACK_SIGNING_SECRET").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("SLACK_SIGNING_SECRET"), "{said}");
    for secret in [&world.slack.config().bot_token, &world.github.config().token] {
        assert!(!said.contains(secret.as_str()), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_finishes_what_is_in_hand_and_the_next_start_goes_on() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Socket, |_| {}).await;
    bot.slash("ada", "/deploy", "staging v1.2.3").await;
    assert!(bot.terminate().await.success(), "{}", bot.log());
    bot.run().await;
    let run = bot.run_of_dispatch(0).await;
    assert!(bot.terminate().await.success(), "{}", bot.log());
    bot.finish(run).await;
    bot.run().await;
    bot.announced(&["staging now runs api v1.2.3"]).await;
    assert_eq!(world.github.dispatches().len(), 1);
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_change_across_a_restart_take_the_approvals_back() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.production = "approvals = { needed = 2, from = [\"release-managers\"] }".into();
    })
    .await;
    let headline = "api v1.2.3 → production";
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    bot.click("grace", headline, "Approve").await;
    bot.card_says(headline, &["so far grace"]).await;
    let old = bot.button(headline, "Approve").await;
    assert!(bot.terminate().await.success());
    bot.rewrite(|text| text.replace("needed = 2", "needed = 1"));
    bot.run().await;
    let card = bot.card_says(headline, &["needs 1 approval"]).await;
    bot.thread_says(&card, "The rules changed. Approvals so far no longer count").await;
    bot.press_and_read("max", &old, "The card changed before you pressed").await;
    assert_eq!(world.github.dispatches().len(), 0);
    bot.click("max", headline, "Approve").await;
    let run = bot.run_of_dispatch(0).await;
    bot.finish(run).await;
    bot.announced(&["production now runs api v1.2.3"]).await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifest_names_every_command_and_address() {
    let world = world().await;
    for (transport, has_address) in [(Transport::Http, true), (Transport::Socket, false)] {
        let bot = Bot::prepared(&world, transport, |_| {});
        let output = bot.output(&["manifest", "slack"]);
        assert!(output.status.success());
        let manifest: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let commands = manifest["features"]["slash_commands"].as_array().unwrap();
        for name in ["/deploy", "/rollback", "/freeze", "/lock", "/unlock", "/shipgate"] {
            assert!(commands.iter().any(|c| c["command"] == name), "{name} is missing: {manifest}");
        }
        let text = manifest.to_string();
        assert_eq!(text.contains("https://shipgate.example.com/slack/commands"), has_address, "{text}");
        assert_eq!(manifest["settings"]["socket_mode_enabled"], !has_address);
        // What the stories use, the app asks for.
        for scope in ["commands", "chat:write", "users:read", "usergroups:read", "app_mentions:read"] {
            assert!(text.contains(scope), "the scope {scope} is missing: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_can_be_made_while_the_bot_works() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    bot.deploy("ada", "staging", "v1.2.3").await;
    let made = bot.output(&["backup", "copy.db"]);
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success() && bot.folder().join("copy.db").exists(), "{said}");
    let verified = bot.output(&["audit", "verify"]);
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success(), "{said}");
    bot.deploy("ada", "staging", "v1.2.2 --older \"to have another one\"").await;
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_asks_its_own_health() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |_| {}).await;
    let address = bot.address().to_owned();
    bot.rewrite(|text| text.replace("127.0.0.1:0", &address));
    let asked = bot.output(&["healthcheck"]);
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    bot.kill9();
    let asked = bot.output(&["healthcheck"]);
    assert!(!asked.status.success());
}
