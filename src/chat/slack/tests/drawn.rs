//! What messages look like as blocks, and that no words can become more than words.

use crate::slack::{forms, render};
use serde_json::{Value, json};
use shipgate_app::inbound::ReplyTo;
use shipgate_app::words::{
    Block, Body, BoxOption, Boxes, Button, Card, CheckLine, Field, FieldKind, Form, GateLine, LogTail,
    Message, Span, StageLine, Style, Text, Tone,
};
use shipgate_domain::gates::Answer;
use shipgate_domain::ids::{Account, Platform};
use shipgate_domain::run::{Conclusion, Standing};

fn ada(notify: bool) -> Span {
    let account = Account { platform: Platform::Slack, id: "U0ADA".into() };
    Span::Person { name: "Ada".into(), accounts: vec![account], notify }
}

fn button(label: &str, style: Style, confirm: Option<&str>) -> Button {
    let value = "01JNB8Q2V0ABCDEFGHJKMNPQRS.0123456789ABCDEFGHJKMNPQRS".to_owned();
    Button { label: label.into(), value, style, confirm: confirm.map(Into::into) }
}

fn card(tone: Tone, status: Text) -> Card {
    Card {
        deploy: "01JNB8Q2V0ABCDEFGHJKMNPQRS".parse().unwrap(),
        tone,
        title: Text::plain("api ").code("v1.2.3").and(" → production"),
        status,
        facts: vec![
            ("Commit".into(), Text::default().code("1a2b3c4")),
            ("Asked by".into(), Text::default().span(ada(false))),
        ],
        changes: vec![
            Text::default().link("#41", Some("https://github.com/acme/api/pull/41")).and(" Faster search"),
        ],
        more_changes: Text::plain("and 12 more"),
        gates: Vec::new(),
        checklist: Vec::new(),
        boxes: Vec::new(),
        stages: Vec::new(),
        log: None,
        buttons: Vec::new(),
        footnote: Text::plain("Deploy ").code("NPQRS").and(" · digest ").code("0a1b2c3d"),
    }
}

fn gate(name: &str, answer: Answer, text: Text) -> GateLine {
    GateLine { name: name.into(), answer, text }
}

fn stage(name: &str, standing: Standing, elapsed: &str) -> StageLine {
    StageLine { name: name.into(), standing, elapsed: elapsed.into() }
}

fn drawn(body: Body) -> Value {
    let drawn = render::body(&body);
    json!({"text": drawn.text, "blocks": drawn.blocks})
}

#[test]
fn a_waiting_card_shows_every_gate_and_the_buttons() {
    let mut card = card(Tone::Asking, Text::plain("Waits for one approval, from ").span(ada(true)).and("."));
    card.gates = vec![
        gate("Schedule", Answer::Open, Text::plain("open until 17:00")),
        gate("Approvals", Answer::Waiting, Text::plain("1 of 2: ").bold("release-managers")),
        gate("Freeze", Answer::Closed, Text::plain("Black Friday, until 2 Dec 08:00")),
    ];
    card.buttons = vec![
        button("Approve", Style::Primary, None),
        button("Reject", Style::Danger, None),
        button("Cancel", Style::Plain, Some("Stop the deploy of v1.2.3 to production?")),
    ];
    insta::assert_json_snapshot!(drawn(Body::Card(Box::new(card))));
}

#[test]
fn a_checklist_is_lines_to_read_and_boxes_to_press() {
    let option = |key: &str, is_ticked| BoxOption {
        key: key.to_owned(),
        label: format!("Item {key} <!channel>"),
        note: if is_ticked { "ada, 20 Nov 12:00".to_owned() } else { String::new() },
        is_ticked,
    };
    let mut card = card(Tone::Asking, Text::plain("Waits."));
    let look = Text::plain("Tests passing — 2 checks green (").link("look", Some("https://ci.example/1"));
    card.checklist = vec![
        CheckLine { is_ticked: true, text: look.and(")") },
        CheckLine { is_ticked: false, text: "Staging tested — ticks itself once it is so".into() },
    ];
    let value = "01JNB8Q2V0ABCDEFGHJKMNPQRS.0123456789ABCDEFGHJKMNPQRS".to_owned();
    card.boxes = vec![Boxes { value, options: vec![option("a", true), option("b", false)] }];
    let shown = drawn(Body::Card(Box::new(card.clone())));
    let blocks = shown["blocks"].as_array().unwrap();
    let row = blocks.iter().find(|b| b["elements"][0]["type"] == "checkboxes").expect("a row of boxes");
    let text = |text: &str| json!({"type": "plain_text", "text": text, "emoji": false});
    let ticked = json!({
        "text": text("Item a <!channel>"), "value": "a", "description": text("ada, 20 Nov 12:00"),
    });
    let open = json!({"text": text("Item b <!channel>"), "value": "b"});
    let element = json!({
        "type": "checkboxes", "action_id": "tick", "options": [ticked, open], "initial_options": [ticked],
    });
    let block_id = "ticks.01JNB8Q2V0ABCDEFGHJKMNPQRS.0123456789ABCDEFGHJKMNPQRS";
    assert_eq!(*row, json!({"type": "actions", "block_id": block_id, "elements": [element]}));
    let words = shown.to_string();
    assert!(words.contains("Tests passing — 2 checks green (") && words.contains("https://ci.example/1"));
    assert!(words.contains("ballot_box_with_check") && words.contains("white_medium_square"), "{words}");
    // Nobody can press anything there, and everything can still be read.
    let read = drawn(Body::Card(Box::new(card.to_read()))).to_string();
    assert!(
        !read.contains("checkboxes") && read.contains("Item b") && read.contains("ada, 20 Nov"),
        "{read}"
    );
}

#[test]
fn a_running_card_shows_its_stages() {
    let mut card = card(Tone::Working, Text::plain("Runs."));
    card.stages = vec![
        stage("Build", Standing::Ended(Conclusion::Success), "1 min 2 s"),
        stage("Deploy", Standing::Running, "20 s"),
        stage("Verify", Standing::Queued, ""),
    ];
    insta::assert_json_snapshot!(drawn(Body::Card(Box::new(card))));
}

#[test]
fn a_failed_card_shows_the_end_of_the_log() {
    let mut card = card(Tone::Bad, Text::plain("Failed in Deploy."));
    card.stages = vec![stage("Deploy", Standing::Ended(Conclusion::Failure), "20 s")];
    card.log = Some(LogTail {
        title: Text::plain("Deploy, last lines"),
        lines: vec!["\u{1b}[31merror:\u{1b}[0m no space".into(), "exit code 1".into()],
    });
    insta::assert_json_snapshot!(drawn(Body::Card(Box::new(card))));
}

#[test]
fn a_success_is_one_line() {
    let title = Text::default().bold("api").and(" ").code("v1.2.3").and(" is on production.");
    insta::assert_json_snapshot!(drawn(Body::Message(Message::line(Tone::Good, title))));
}

#[test]
fn help_is_a_title_and_a_list() {
    let mut help = Message::line(Tone::Neutral, "What you can say")
        .list(vec![Text::default().code("/deploy production v1.2.3").and("  Ask for a deploy.")])
        .paragraph("More in a direct message.");
    help.blocks.push(Block::Fields(vec![(
        "Docs".into(),
        Text::default().link("page", Some("https://docs.test/x")),
    )]));
    insta::assert_json_snapshot!(drawn(Body::Message(help)));
}

fn form(words: &str) -> Form {
    Form {
        title: "Reject".into(),
        submit: "Reject".into(),
        intro: Text::plain(words),
        fields: vec![
            Field {
                name: "reason".into(),
                label: "Reason".into(),
                hint: "Everybody can read it.".into(),
                optional: false,
                kind: FieldKind::Text { multiline: true, initial: String::new() },
            },
            Field {
                name: "environment".into(),
                label: "Where".into(),
                hint: String::new(),
                optional: true,
                kind: FieldKind::Select {
                    options: vec![
                        ("staging".into(), words.into()),
                        ("production".into(), "production".into()),
                    ],
                    initial: Some("production".into()),
                },
            },
        ],
        context: "reject/1".into(),
    }
}

fn reply_to() -> ReplyTo {
    ReplyTo {
        account: Account { platform: Platform::Slack, id: "U0ADA".into() },
        channel: Some("C0DEPLOYS".into()),
        thread: None,
        response_url: None,
        trigger: Some("1.2".into()),
    }
}

#[test]
fn a_form_is_a_modal() {
    insta::assert_json_snapshot!(forms::view(&form("Why not?"), &reply_to()));
}

const HOSTILE: [&str; 9] = [
    "<!channel> <!here> @everyone",
    "<@U0EVIL>",
    "<https://evil.test|click to approve>",
    "`code` ``` *bold* _it_ ~no~",
    "https://evil.test",
    "a\nb\r\n> quote",
    "v1\u{202e}gpj.exe\u{2066}\u{200f}",
    "\u{1b}[31mred\u{1b}[0m \u{1b}]8;;https://evil.test\u{7}x",
    ":rotating_light: &lt;!channel&gt; &amp;",
];

/// All words everywhere are `words`.
fn everywhere(words: &str) -> Vec<Body> {
    let all = || {
        let link = Span::Link { label: words.into(), url: format!("https://x/{words} y") };
        let person = Span::Person {
            name: words.into(),
            accounts: vec![Account { platform: Platform::Slack, id: words.into() }],
            notify: true,
        };
        Text::plain(words).bold(words).code(words).span(link).span(person)
    };
    let mut hostile = card(Tone::Bad, all());
    hostile.title = all();
    hostile.facts = vec![(words.into(), all())];
    hostile.changes = vec![all()];
    hostile.more_changes = all();
    hostile.gates = vec![gate(words, Answer::Closed, all())];
    hostile.stages = vec![stage(words, Standing::Running, words)];
    hostile.log = Some(LogTail { title: all(), lines: vec![words.into()] });
    hostile.buttons = vec![button(words, Style::Plain, Some(words))];
    hostile.footnote = all();
    let message = Message {
        tone: Tone::Neutral,
        title: all(),
        blocks: vec![
            Block::Paragraph(all()),
            Block::List(vec![all()]),
            Block::Fields(vec![(words.into(), all())]),
            Block::Code(vec![words.into()]),
        ],
        buttons: vec![button(words, Style::Danger, Some(words))],
    };
    vec![Body::Card(Box::new(hostile)), Body::Message(message)]
}

/// Every object of a JSON value.
fn objects<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| objects(item, found)),
        Value::Object(fields) => {
            found.push(value);
            fields.values().for_each(|field| objects(field, found));
        }
        _ => {}
    }
}

#[test]
fn nobodys_words_become_a_mention_a_link_or_formatting() {
    for words in HOSTILE {
        let literal = render::inert::clean(words);
        for body in everywhere(words) {
            let drawn = render::body(&body);
            let sent = json!({"text": drawn.text, "blocks": drawn.blocks}).to_string();
            let read: Value = serde_json::from_str(&sent).unwrap();
            assert!(!drawn.text.contains(['<', '>']), "{}", drawn.text);
            let mut found = Vec::new();
            objects(&read["blocks"], &mut found);
            let mut literally = 0;
            for object in found {
                let kind = object["type"].as_str().unwrap_or_default();
                assert!(!["user", "usergroup", "broadcast", "channel"].contains(&kind), "{object}");
                match kind {
                    "link" => panic!("{object}"),
                    "mrkdwn" => {
                        let text = object["text"].as_str().unwrap();
                        assert!(!text.contains("evil") || !text.contains('<'), "{text}");
                        assert!(!text.contains(['<', '*', '_', '~', '&']), "{text}");
                    }
                    "text" => literally += usize::from(object["text"] == json!(literal)),
                    "plain_text" => assert_eq!(object["emoji"], json!(false)),
                    _ => {}
                }
            }
            assert!(literally >= 10, "{words:?} stands there {literally} times");
            let is_bad = |c: char| matches!(c, '\u{1b}' | '\u{202e}' | '\u{2066}' | '\u{200f}' | '\u{7}');
            assert!(!read.to_string().contains(is_bad));
        }
        let view = forms::view(&form(words), &reply_to());
        let mut found = Vec::new();
        objects(&view, &mut found);
        assert!(found.iter().all(|o| !["link", "user", "broadcast", "mrkdwn"].contains(&o["type"].as_str().unwrap_or(""))));
    }
}

#[test]
fn the_largest_card_keeps_within_slacks_limits() {
    let long = "x".repeat(5_000);
    for body in everywhere(&long) {
        let body = match body {
            Body::Card(mut card) => {
                card.gates = vec![card.gates[0].clone(); 200];
                card.changes = vec![card.changes[0].clone(); 200];
                card.log = Some(LogTail { title: Text::plain("log"), lines: vec!["y".repeat(200); 500] });
                Body::Card(card)
            }
            Body::Message(mut message) => {
                message.blocks = vec![message.blocks[1].clone(); 200];
                Body::Message(message)
            }
        };
        let drawn = render::body(&body);
        assert!(drawn.blocks.len() <= 50);
        assert!(drawn.text.chars().count() <= 4_000);
        let mut found = Vec::new();
        let blocks = json!(drawn.blocks);
        objects(&blocks, &mut found);
        let characters: usize =
            found.iter().filter_map(|o| o["text"].as_str()).map(|t| t.chars().count()).sum();
        assert!(characters <= 13_000, "{characters}");
        assert!(found.iter().all(|o| o["elements"].as_array().is_none_or(|e| !e.is_empty())));
    }
}

#[test]
fn only_people_who_are_to_be_told_are_mentioned() {
    let text = Text::default().span(ada(true)).and(" ").span(ada(false));
    let drawn = render::message(&Message::line(Tone::Neutral, text));
    let mut found = Vec::new();
    let blocks = json!(drawn.blocks);
    objects(&blocks, &mut found);
    assert_eq!(found.iter().filter(|o| o["type"] == "user" && o["user_id"] == "U0ADA").count(), 1);
    assert!(found.iter().any(|o| o["text"] == "Ada"));
}
