//! Five thousand hostile strings into everything that takes text: read back, they are their literal text, or they were
//! refused at the edge with a sentence. Slack's messages are a fuzz target too (`rendering`, in `corpora`).

use crate::page::playground;
use axum::body::{Body as HttpBody, to_bytes};
use axum::http::Request;
use jiff::Timestamp;
use shipgate::settings::{LogFormat, LogSettings};
use shipgate_app::inbound::ReplyTo;
use shipgate_app::ports::{Chat as _, Post};
use shipgate_app::words::{Block, Body, Field, FieldKind, Form, Message, Text, Tone};
use shipgate_chat::slack::probe;
use shipgate_domain::audit::{Actor, Entry, Row, Verifier, link};
use shipgate_domain::hidden::is_hidden_in_prose;
use shipgate_domain::ids::{Account, Platform, Version};
use shipgate_guard::hostile::{strings, visible};
use shipgate_web::playground::Playground;
use std::io::Write;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::{Arc, Mutex};
use tower::ServiceExt as _;

#[test]
fn there_are_five_thousand_of_them() {
    assert!(strings().len() >= 5_000, "{}", strings().len());
}

// --- Slack's forms ---------------------------------------------------------------------------------------------

#[test]
fn a_form_carries_them_as_plain_text_and_back() {
    let to = ReplyTo {
        account: Account { platform: Platform::Slack, id: "U0ADA".into() },
        channel: None,
        thread: None,
        response_url: None,
        trigger: None,
    };
    for text in strings() {
        let short: String = text.chars().take(900).collect();
        let form = Form {
            title: short.clone(),
            submit: "Send".into(),
            intro: Text::plain(short.clone()),
            fields: vec![Field {
                name: "reason".into(),
                label: short.clone(),
                hint: short.clone(),
                optional: false,
                kind: FieldKind::Text { multiline: false, initial: short.clone() },
            }],
            context: short.clone(),
        };
        let view = probe::draw_form(&form, &to);
        let wire: serde_json::Value = serde_json::from_str(&view.to_string()).unwrap();
        assert_eq!(wire, view);
        assert_eq!(view["title"]["type"], "plain_text");
        let title = view["title"]["text"].as_str().unwrap();
        assert!(!title.chars().any(is_hidden_in_prose), "{title:?}");
        // What the person finds in the field is what they had typed, to the byte; so is what the form carries.
        let input = view["blocks"].as_array().unwrap().iter().find(|block| block["type"] == "input").unwrap();
        let initial = input["element"]["initial_value"].as_str().unwrap_or_default();
        assert_eq!(initial, short);
        let carried: serde_json::Value =
            serde_json::from_str(view["private_metadata"].as_str().unwrap()).unwrap();
        assert_eq!(carried["context"].as_str(), Some(short.as_str()));
    }
}

// --- the page --------------------------------------------------------------------------------------------------

/// A page, taken apart as a browser does it: the tags, and the words between them with their references resolved.
fn taken_apart(html: &str) -> (Vec<String>, String) {
    let (mut tags, mut words) = (Vec::new(), String::new());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        words.push_str(&rest[..at]);
        let end = rest[at..].find('>').expect("a tag ends");
        tags.push(rest[at + 1..at + end].to_owned());
        rest = &rest[at + end + 1..];
    }
    words.push_str(rest);
    // One pass, the ampersand last: what was a reference in the text stays one.
    let words =
        words.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#39;", "'");
    (tags, words.replace("&#38;", "&"))
}

#[tokio::test]
async fn the_page_shows_them_as_words_and_grows_no_tag() {
    let (page, _) = playground();
    let all: Vec<String> = strings().into_iter().filter(|text| text.len() < 2_000).collect();
    assert!(all.len() >= 5_000);
    let known: Vec<String> = {
        let tags = taken_apart(&show(&page, &["harmless".to_owned()]).await).0;
        tags.iter().filter_map(|tag| tag.split_whitespace().next().map(str::to_owned)).collect()
    };
    for some in all.chunks(50) {
        let (tags, words) = taken_apart(&show(&page, some).await);
        for tag in &tags {
            let name = tag.split_whitespace().next().unwrap_or_default();
            assert!(known.iter().any(|k| k == name), "<{tag}> is new");
            assert!(!tag.contains("alert(1)") || tag.contains("&#"), "<{tag}>");
        }
        for text in some {
            let shown = text.replace(|c: char| is_hidden_in_prose(c) && c != '\n' && c != '\t', "\u{fffd}");
            assert!(words.contains(&shown), "{text:?} is not on the page as it is");
        }
    }
}

/// Posts the texts as lines of one message, and asks for the page.
async fn show(page: &Playground, texts: &[String]) -> String {
    let lines = texts.iter().map(|text| Text::plain(text.clone())).collect();
    let mut message = Message::line(Tone::Neutral, "texts");
    message.blocks.push(Block::List(lines));
    let key = texts.concat();
    let post = Post { channel: "#deployments".into(), thread: None, body: Body::Message(message), key };
    page.post(&post, false).await.unwrap();
    let request = Request::get("/?as=ada&channel=deployments").body(HttpBody::empty()).unwrap();
    let response = page.routes().oneshot(request).await.unwrap();
    assert!(
        response.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'")
    );
    String::from_utf8(to_bytes(response.into_body(), 64 << 20).await.unwrap().to_vec()).unwrap()
}

// --- logs ------------------------------------------------------------------------------------------------------

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn logged(format: LogFormat, text: &str) -> String {
    let written = Written::default();
    let to = written.clone();
    let settings = LogSettings { filter: "info".into(), format };
    let subscriber = shipgate::telemetry::subscriber(&settings, move || to.clone());
    tracing::subscriber::with_default(subscriber, || {
        tracing::warn!(said = %text, quoted = ?text, "somebody said {text}");
    });
    String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
}

#[test]
fn logs_for_machines_are_one_object_a_line_and_read_back() {
    for text in strings() {
        let log = logged(LogFormat::Json, &text);
        assert_eq!(log.matches('\n').count(), 1, "{log:?}");
        let line: serde_json::Value = serde_json::from_str(&log).unwrap();
        assert_eq!(line["said"].as_str(), Some(text.as_str()));
        assert_eq!(line["message"].as_str(), Some(format!("somebody said {text}").as_str()));
        assert_eq!(line["level"], "WARN");
    }
}

#[test]
fn logs_for_people_are_one_line_each_and_say_nothing_to_a_terminal() {
    for text in strings() {
        let log = logged(LogFormat::Human, &text);
        assert_eq!(log.matches('\n').count(), 1, "{log:?}");
        assert!(!log.trim_end().chars().any(shipgate_domain::hidden::is_hidden), "{log:?}");
        let is_plain = !text.chars().any(shipgate_domain::hidden::is_hidden);
        assert!(!is_plain || log.contains(&text), "{text:?} is not in {log:?}");
    }
}

// --- CI inputs and arguments -----------------------------------------------------------------------------------

#[test]
fn what_reaches_a_ci_system_or_a_command_is_plain_or_refused_with_a_sentence() {
    let mut taken = 0;
    for text in strings() {
        match text.parse::<Version>() {
            Ok(version) => {
                taken += 1;
                let said = version.to_string();
                assert_eq!(said, text, "what was typed is what is sent");
                let is_safe = |b: u8| b.is_ascii_alphanumeric() || b"._/+-".contains(&b);
                assert!(
                    said.bytes().all(is_safe) && !said.starts_with('-') && !said.contains(".."),
                    "{said:?}"
                );
                let inputs = serde_json::json!({"inputs": {"version": said}}).to_string();
                let back: serde_json::Value = serde_json::from_str(&inputs).unwrap();
                assert_eq!(back["inputs"]["version"].as_str(), Some(text.as_str()));
            }
            Err(why) => assert!(why.to_string().len() > 20, "{why}"),
        }
    }
    assert!((1..200).contains(&taken), "{taken} of them are versions");
}

#[test]
fn an_argument_arrives_as_it_is_because_there_is_no_shell() {
    // The program itself may take anything: what a service's `command` says is the operator's. A hundred at a time.
    let all: Vec<String> =
        strings().into_iter().filter(|text| !text.contains('\0') && text.len() < 2_000).collect();
    for some in all.chunks(100) {
        let output = std::process::Command::new("printf").arg("%s\\0").args(some).output().unwrap();
        let mut back = output.stdout.split(|byte| *byte == 0);
        for text in some {
            assert_eq!(back.next(), Some(std::ffi::OsStr::new(text).as_bytes()), "{text:?}");
        }
    }
    let refused = std::process::Command::new("printf").arg("a\0b").output().unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
}

// --- audit -----------------------------------------------------------------------------------------------------

#[test]
fn the_record_exports_them_one_a_line_and_they_read_back() {
    let mut verifier = Verifier::default();
    for text in strings() {
        let entry = Entry {
            at: Timestamp::UNIX_EPOCH,
            actor: Actor::Shipgate,
            deploy: None,
            environment: None,
            event: text.clone(),
            data: serde_json::json!({ "reason": text, text.clone(): 1 }),
        };
        let (seq, head) = verifier.head();
        let row = link(seq + 1, head, &entry);
        let line = serde_json::to_string(&row).unwrap();
        assert!(!line.contains(['\n', '\r', '\u{0}', '\u{1b}']), "{line}");
        let back: Row = serde_json::from_str(&line).unwrap();
        verifier.check(&back).unwrap();
        assert_eq!(serde_json::from_str::<Entry>(&back.body).unwrap(), entry);
    }
}

/// The reader of the tests and the program's own agree on what is seen.
#[test]
fn what_is_seen_has_nothing_hidden_in_it() {
    for text in strings() {
        assert!(!visible(&text).chars().any(is_hidden_in_prose), "{text:?}");
    }
}
