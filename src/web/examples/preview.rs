//! The playground with one message of every kind, to look at: `cargo run -p shipgate-web --example preview`.
//! Not here: any rule; what it answers is canned.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};
use shipgate_app::inbound::{Content, Inbound, ReplyTo};
use shipgate_app::ports::{Chat, MessageRef, Post};
use shipgate_app::words::*;
use shipgate_domain::gates::Answer;
use shipgate_domain::ids::{Account, DeployId, Platform};
use shipgate_domain::run::{Conclusion, Standing};
use shipgate_web::playground::*;
use std::error::Error;
use std::sync::{Arc, Mutex, OnceLock};
use tokio_util::sync::CancellationToken;

struct Canned {
    page: OnceLock<Playground>,
    now: Mutex<Timestamp>,
    production: Mutex<&'static str>,
}

fn friday() -> Timestamp {
    at(civil::date(2026, 11, 20).at(15, 0, 0, 0))
}

fn new_york() -> TimeZone {
    TimeZone::get("America/New_York").expect("the zone is bundled")
}

fn at(local: civil::DateTime) -> Timestamp {
    local.to_zoned(new_york()).expect("within the years of the example").timestamp()
}

#[async_trait]
impl Sink for Canned {
    async fn accept(&self, inbound: Inbound) -> Result<(), Refusal> {
        let page = self.page.get().ok_or_else(|| Refusal("The preview is still starting.".into()))?;
        let failed = |error: shipgate_app::ports::ChatError| Refusal(error.to_string());
        match &inbound.content {
            Content::Slash { command, .. } if command == "deploy" => {
                page.open_form(&inbound.reply_to, &form()).await.map_err(failed)
            }
            Content::Press { .. } => {
                *self.production.lock().expect("no holder panics") = "v1.2.3";
                page.reply(&inbound.reply_to, &help()).await.map_err(failed)
            }
            Content::Submit { fields, .. } => {
                let message = Message::line(Tone::Good, "This came back from the form").list(
                    fields.iter().map(|(n, v)| Text::plain(format!("{n}: ")).code(v.clone())).collect(),
                );
                page.reply(&inbound.reply_to, &message).await.map_err(failed)
            }
            _ => page.reply(&inbound.reply_to, &help()).await.map_err(failed),
        }
    }
}

#[async_trait]
impl Sites for Canned {
    async fn sites(&self) -> Vec<Site> {
        let site = |environment: &str, version: &str, palette, tagline: &str| Site {
            environment: environment.into(),
            version: version.into(),
            title: "Harbour Coffee".into(),
            tagline: tagline.into(),
            palette,
            healthy: true,
            url: format!("http://127.0.0.1:8080/sites/{environment}"),
        };
        let production = *self.production.lock().expect("no holder panics");
        let palette = if production == "v1.2.1" { 0 } else { 2 };
        vec![
            site("staging", "v1.2.2", 1, "Oat milk is free on Mondays"),
            site("production", production, palette, "Open from seven"),
        ]
    }
}

#[async_trait]
impl ClockControl for Canned {
    fn now(&self) -> Timestamp {
        *self.now.lock().expect("no holder panics")
    }
    fn zone(&self) -> TimeZone {
        new_york()
    }
    fn presets(&self) -> Vec<Preset> {
        let preset = |id: &str, label: &str, description: &str| Preset {
            id: id.into(),
            label: label.into(),
            description: description.into(),
        };
        vec![
            preset("hour", "+1 hour", "Approvals grow old, windows close"),
            preset("friday", "Friday 15:00", "One hour after production has closed"),
            preset("freeze", "First minute of a freeze", "Black Friday begins"),
            preset("dst", "The night the clocks change", "An hour that happens twice"),
        ]
    }
    async fn jump(&self, id: &str) -> Result<(), Refusal> {
        let mut now = self.now.lock().expect("no holder panics");
        *now = match id {
            "hour" => *now + SignedDuration::from_hours(1),
            "freeze" => at(civil::date(2026, 11, 26).at(0, 0, 0, 0)),
            "dst" => at(civil::date(2026, 11, 1).at(0, 59, 0, 0)),
            _ => friday(),
        };
        Ok(())
    }
    async fn set(&self, text: &str) -> Result<(), Refusal> {
        let time = text.parse::<civil::DateTime>();
        let time =
            time.map_err(|_| Refusal(format!("“{text}” is no time. Write it like 2026-11-20T15:00.")))?;
        *self.now.lock().expect("no holder panics") = at(time);
        Ok(())
    }
    async fn reset(&self) -> Result<(), Refusal> {
        *self.now.lock().expect("no holder panics") = friday();
        Ok(())
    }
}

impl OpenTimes for Canned {
    fn environment(&self) -> String {
        "production".into()
    }
    fn spans(&self, from: Timestamp, until: Timestamp) -> Vec<OpenSpan> {
        let marks = [
            (at(civil::date(2026, 10, 1).at(0, 0, 0, 0)), OpenKind::Open, ""),
            (at(civil::date(2026, 11, 20).at(14, 0, 0, 0)), OpenKind::Closed, ""),
            (at(civil::date(2026, 11, 21).at(0, 0, 0, 0)), OpenKind::EmergencyOnly, ""),
            (at(civil::date(2026, 11, 23).at(0, 0, 0, 0)), OpenKind::Open, ""),
            (at(civil::date(2026, 11, 24).at(18, 0, 0, 0)), OpenKind::Frozen, "Black Friday"),
            (at(civil::date(2026, 12, 1).at(0, 0, 0, 0)), OpenKind::Open, ""),
            (at(civil::date(2030, 1, 1).at(0, 0, 0, 0)), OpenKind::Open, ""),
        ];
        let span = |w: &[(Timestamp, OpenKind, &str)]| OpenSpan {
            from: w[0].0.max(from),
            until: w[1].0.min(until),
            kind: w[0].1,
            label: w[0].2.into(),
        };
        marks.windows(2).map(span).filter(|span| span.from < span.until).collect()
    }
}

fn person(name: &str, role: &str, id: &str) -> Person {
    Person {
        id: id.parse().expect("a name"),
        name: name.into(),
        role: role.into(),
        account: Account { platform: Platform::Playground, id: id.into() },
    }
}

fn mention(name: &str, id: &str, notify: bool) -> Span {
    let accounts = vec![Account { platform: Platform::Playground, id: id.into() }];
    Span::Person { name: name.into(), accounts, notify }
}

fn button(label: &str, style: Style, confirm: Option<&str>) -> Button {
    Button {
        label: label.into(),
        value: format!("canned.{label}"),
        style,
        confirm: confirm.map(str::to_owned),
    }
}

fn gate(name: &str, answer: Answer, text: impl Into<Text>) -> GateLine {
    GateLine { name: name.into(), answer, text: text.into() }
}

fn stages(standings: &[Standing]) -> Vec<StageLine> {
    let names = ["Build", "Test", "Security", "Quality", "Deploy", "Verify"];
    let times = ["21 s", "1 min 48 s", "12 s", "9 s", "34 s", "8 s"];
    let line = |((name, time), standing): ((&&str, &str), &Standing)| StageLine {
        name: (*name).into(),
        elapsed: if *standing == Standing::Queued { String::new() } else { time.into() },
        standing: standing.clone(),
    };
    names.iter().zip(times).zip(standings).map(line).collect()
}

fn card(tone: Tone, status: Text) -> Card {
    Card {
        deploy: DeployId::new(friday(), [7; 10]),
        tone,
        title: Text::default().bold("api").and(" ").code("v1.2.3").and(" → production"),
        status,
        facts: vec![
            ("Asked by".into(), Text::default().span(mention("Ada", "ada", false))),
            (
                "Commit".into(),
                Text::default().code("8f3c2e1").and(" Warm the cache before the first visitor"),
            ),
            ("Runs now".into(), Text::default().code("v1.2.1").and(" since Tuesday 10:02")),
        ],
        changes: vec![
            Text::plain("Warm the cache before the first visitor ").code("8f3c2e1").and(" by linus"),
            Text::plain("<script>alert('hostile')</script> <!channel> \u{202e}reversed").and(" by mallory"),
            Text::plain("Show the price of a flat white ").code("12ab9d0").and(" by grace"),
        ],
        more_changes: Text::plain("and 4 more: ").link("compare", Some("https://example.com/compare")),
        gates: Vec::new(),
        checklist: Vec::new(),
        boxes: Vec::new(),
        stages: Vec::new(),
        log: None,
        buttons: Vec::new(),
        footnote: Text::plain("Deploy ")
            .code("7G3KQ2")
            .and(" · digest ")
            .code("51be02aa")
            .and(" · policy ")
            .code("9c1f00d2"),
    }
}

fn open_gates() -> Vec<GateLine> {
    vec![
        gate("Permission", Answer::Open, "Ada is in deployers"),
        gate(
            "Version",
            Answer::Open,
            Text::plain("tag ").code("v1.2.3").and(" is commit ").code("8f3c2e1").and(" on main"),
        ),
        gate("Schedule", Answer::Open, "open until Friday 14:00"),
        gate("Freeze", Answer::Open, "no freeze; the next is Black Friday in 6 days"),
        gate("Lock", Answer::Open, "nobody holds production"),
        gate("Order", Answer::Open, "succeeded on staging 2 hours ago"),
        gate("Checks", Answer::Open, "all 7 checks are green"),
    ]
}

fn asking() -> Card {
    let wants = Text::plain("Waits for one approval by ")
        .bold("release-managers")
        .and(": ")
        .span(mention("Grace", "grace", true));
    let mut card = card(Tone::Asking, wants.clone().and(". Expires at 19:00."));
    card.gates = open_gates();
    card.gates.push(gate("Approvals", Answer::Waiting, wants));
    card.gates.push(gate("Queue", Answer::Waiting, "second in line, behind web v4.0.1; about 4 minutes"));
    card.buttons = vec![
        button("Approve", Style::Primary, None),
        button("Reject", Style::Danger, None),
        button("Hold", Style::Plain, None),
        button("Cancel", Style::Plain, Some("Cancel api v1.2.3 → production? Nothing has started yet.")),
    ];
    card
}

fn running() -> Card {
    let ok = Standing::Ended(Conclusion::Success);
    let mut card = card(
        Tone::Working,
        Text::plain("Running for 3 minutes. Follow it on ")
            .link("the run's page", Some("https://example.com/run"))
            .and("."),
    );
    card.gates = open_gates();
    card.stages = stages(&[ok.clone(), ok.clone(), ok.clone(), ok, Standing::Running, Standing::Queued]);
    card.buttons =
        vec![button("Cancel", Style::Danger, Some("Stop the run? Production may be left half deployed."))];
    card
}

fn failed() -> Card {
    let ok = Standing::Ended(Conclusion::Success);
    let mut card = card(
        Tone::Bad,
        Text::plain("Failed in Verify after 4 min 2 s. Production serves ")
            .code("v1.2.3")
            .and(". Roll back, or run the failed jobs again."),
    );
    card.gates = open_gates();
    let bad = Standing::Ended(Conclusion::Failure);
    card.stages = stages(&[ok.clone(), ok.clone(), ok.clone(), ok.clone(), ok, bad]);
    card.log = Some(LogTail {
        title: Text::plain("verify, step ").code("smoke test"),
        lines: [
            "GET /menu",
            "  expected 200, got 500",
            "  <b>Error</b>: column \"price\" does not exist",
            "1 of 4 smoke tests failed",
            "exit status 1",
        ]
        .map(str::to_owned)
        .into(),
    });
    card.buttons = vec![
        button("Roll back", Style::Primary, Some("Roll production back to v1.2.1?")),
        button("Re-run failed jobs", Style::Plain, None),
        button("Close", Style::Plain, None),
    ];
    card
}

fn refused() -> Card {
    let mut card = card(
        Tone::Bad,
        Text::plain("Refused: production is frozen until Tuesday 1 December 00:00. Ask again then, or use ")
            .code("--emergency \"reason\"")
            .and("."),
    );
    card.gates = open_gates();
    card.gates[2] = gate(
        "Schedule",
        Answer::Closed,
        "closed since 14:00; emergencies from Saturday, open on Monday 00:00",
    );
    card.gates[3] = gate(
        "Freeze",
        Answer::Closed,
        Text::plain("“Black Friday” until 1 December 00:00; ").bold("release-managers").and(" may override"),
    );
    card.changes.clear();
    card.more_changes = Text::default();
    card.facts.clear();
    card
}

fn help() -> Message {
    Message::line(Tone::Neutral, "What Shipgate understands")
        .list(vec![
            Text::default().code("/deploy production v1.2.3").and(" asks for a deploy"),
            Text::default().code("/rollback production").and(" goes back to the last good version"),
            Text::default().code("/status").and(" shows every environment"),
            Text::default().code("/when production").and(" tells when it opens"),
        ])
        .paragraph(Text::plain("More: ").code("/help deploy"))
}

fn announcement() -> Message {
    let mut message = Message::line(
        Tone::Good,
        Text::default().bold("api").and(" ").code("v1.2.1").and(" is live on production"),
    );
    message.blocks.push(Block::Fields(vec![
        ("Asked by".into(), Text::default().span(mention("Ada", "ada", false))),
        ("Approved by".into(), Text::default().span(mention("Grace", "grace", false))),
        ("Took".into(), Text::plain("3 min 40 s")),
        ("Changes".into(), Text::default().link("v1.2.0…v1.2.1", Some("https://example.com"))),
    ]));
    message
}

fn form() -> Form {
    let field = |name: &str, label: &str, hint: &str, kind| Field {
        name: name.into(),
        label: label.into(),
        hint: hint.into(),
        optional: name == "reason",
        kind,
    };
    let options = |words: &[&str]| words.iter().map(|w| ((*w).to_owned(), (*w).to_owned())).collect();
    Form {
        title: "Deploy".into(),
        submit: "Ask for the deploy".into(),
        intro: Text::plain("Something was missing. Choose it here."),
        fields: vec![
            field(
                "environment",
                "Environment",
                "",
                FieldKind::Select { options: options(&["staging", "production"]), initial: None },
            ),
            field(
                "version",
                "Version",
                "A tag, a branch or a commit",
                FieldKind::Select {
                    options: options(&["v1.3.0", "v1.2.3", "v1.2.2"]),
                    initial: Some("v1.2.3".into()),
                },
            ),
            field(
                "reason",
                "Reason",
                "Everybody sees it",
                FieldKind::Text { multiline: true, initial: String::new() },
            ),
        ],
        context: "canned".into(),
    }
}

async fn fill(page: &Playground) -> Result<(), Box<dyn Error>> {
    let post = |key: &str, body: Body, thread: Option<MessageRef>| Post {
        channel: "#deployments".into(),
        thread,
        body,
        key: key.into(),
    };
    page.post(&post("done", Body::Message(announcement()), None), false).await?;
    page.post(&post("refused", Body::Card(Box::new(refused())), None), false).await?;
    let failed = page.post(&post("failed", Body::Card(Box::new(failed())), None), false).await?;
    for n in 0..3 {
        let log = Message::line(Tone::Neutral, "").code(vec![format!("{n}: copying files"), "done".into()]);
        page.post(&post(&format!("log{n}"), Body::Message(log), Some(failed.clone())), false).await?;
    }
    page.post(&post("running", Body::Card(Box::new(running())), None), false).await?;
    let ada = Account { platform: Platform::Playground, id: "ada".into() };
    let to = ReplyTo { account: ada, channel: None, thread: None, response_url: None, trigger: None };
    page.reply(&to, &help()).await?;
    page.post(&post("asking", Body::Card(Box::new(asking())), None), false).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let canned = Arc::new(Canned {
        page: OnceLock::new(),
        now: Mutex::new(friday()),
        production: Mutex::new("v1.2.1"),
    });
    let hint = |command: &str, usage: &str, summary: &str, example: &str| CommandHint {
        command: command.into(),
        usage: usage.into(),
        summary: summary.into(),
        examples: vec![example.into()],
    };
    let channel = |name: &str, purpose: &str| Channel { name: name.into(), purpose: purpose.into() };
    let settings = PlaygroundSettings {
        people: vec![
            person("Ada", "developer", "ada"),
            person("Grace", "release manager", "grace"),
            person("Linus", "visitor", "linus"),
        ],
        channels: vec![
            channel("#deployments", "Every deploy, its card and its result"),
            channel("#engineering", "Everything else"),
        ],
        groups: Default::default(),
        commands: vec![
            hint(
                "/deploy",
                "[service] <environment> <version>",
                "Ask for a deploy.",
                "/deploy production v1.2.3",
            ),
            hint(
                "/rollback",
                "<environment> [version]",
                "Go back to the last good version.",
                "/rollback production",
            ),
            hint("/status", "[environment]", "What runs where.", "/status production"),
            hint("/when", "<environment>", "When it opens.", "/when production"),
        ],
        suggestions: [
            "/deploy production v1.2.3",
            "/deploy production v1.3.0",
            "/status",
            "/when production",
            "/help",
        ]
        .map(str::to_owned)
        .into(),
    };
    let world = World {
        sink: canned.clone(),
        sites: canned.clone(),
        clock: canned.clone(),
        open_times: canned.clone(),
    };
    let stop = CancellationToken::new();
    let page = Playground::new(settings, world, stop.clone());
    fill(&page).await?;
    let _ = canned.page.set(page.clone());
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8088".into());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("http://{address}/");
    let stopped = async move {
        let _ = tokio::signal::ctrl_c().await;
        stop.cancel();
    };
    axum::serve(listener, page.routes()).with_graceful_shutdown(stopped).await?;
    Ok(())
}
