//! What people say, press and send: checked for form, written into the chat, handed to the sink. Not here: what it
//! means.

use super::room::{Draft, Said};
use super::{News, Person, Playground, Refusal};
use axum::extract::{Form, State};
use axum::http::header::{ACCEPT, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use shipgate_app::inbound::{Content, Inbound, ReplyTo};
use shipgate_app::ports::MessageRef;
use shipgate_app::words::{BOXES, Body, Message, Text, Tone};
use std::collections::BTreeMap;

/// Characters in one sentence.
const LONGEST: usize = 2_000;

/// A sent form, as it came: names may repeat, the last one counts.
pub(super) type Sent = Form<Vec<(String, String)>>;

/// What was sent, by name.
pub(super) struct Fields(BTreeMap<String, String>);

impl Fields {
    pub fn new(Form(pairs): Sent) -> Self {
        Self(pairs.into_iter().collect())
    }

    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The answer: nothing more to say for our script, the page again for a browser without it.
    pub fn answer(&self, headers: &HeaderMap, outcome: Result<(), Refusal>) -> Response {
        let is_script = headers.get(ACCEPT).is_some_and(|kind| kind.as_bytes() == b"application/json");
        match outcome {
            Ok(()) if is_script => StatusCode::ACCEPTED.into_response(),
            Ok(()) => {
                let page = format!("/?as={}&channel={}", word(self.get("as")), word(self.get("channel")));
                (StatusCode::SEE_OTHER, [(LOCATION, page)]).into_response()
            }
            Err(Refusal(why)) => (StatusCode::UNPROCESSABLE_ENTITY, why).into_response(),
        }
    }
}

/// Only what an id may contain: safe in an address, a header and a key.
fn word(raw: &str) -> String {
    raw.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).take(64).collect()
}

fn refuse<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(why.into()))
}

/// `POST /playground/say`: as, channel, text.
pub(super) async fn say(State(page): State<Playground>, headers: HeaderMap, sent: Sent) -> Response {
    let fields = Fields::new(sent);
    let outcome = page.take_words(&fields).await;
    fields.answer(&headers, outcome)
}

/// `POST /playground/press`: as, message, value.
pub(super) async fn press(State(page): State<Playground>, headers: HeaderMap, sent: Sent) -> Response {
    let fields = Fields::new(sent);
    let outcome = page.take_press(&fields).await;
    fields.answer(&headers, outcome)
}

/// `POST /playground/submit`: as, form, context, and the form's own fields with `field.` before their names.
pub(super) async fn submit(State(page): State<Playground>, headers: HeaderMap, sent: Sent) -> Response {
    let fields = Fields::new(sent);
    let outcome = page.take_form(&fields).await;
    fields.answer(&headers, outcome)
}

/// `POST /playground/dismiss`: as, and the private message or the form to put away.
pub(super) async fn dismiss(State(page): State<Playground>, headers: HeaderMap, sent: Sent) -> Response {
    let fields = Fields::new(sent);
    let outcome = page.put_away(&fields);
    fields.answer(&headers, outcome)
}

impl Playground {
    async fn take_words(&self, fields: &Fields) -> Result<(), Refusal> {
        let person = self.speaker(fields)?;
        let Some(channel) = self.channel(fields.get("channel")) else {
            return refuse("That channel does not exist. Reload the page and try again.");
        };
        let text = fields.get("text").trim();
        if text.is_empty() {
            return refuse("There is nothing to send. Type a command, for example /help.");
        }
        if text.chars().count() > LONGEST {
            return refuse(format!(
                "That is longer than {LONGEST} characters. Shorten it and send it again."
            ));
        }
        let key = self.key(person, fields);
        let id = self.add(Draft {
            channel: channel.id().to_owned(),
            thread: None,
            only_for: None,
            said: Said::Person { account: person.account.id.clone(), words: text.to_owned() },
            at: self.0.world.clock.now(),
            key: Some(format!("said:{key}")),
        });
        tracing::debug!(message = id, "somebody said something in the playground");
        let Some(content) = content_of(text) else {
            self.explain_who_listens(person, channel.id(), text);
            return Ok(());
        };
        self.hand_over(person, key, Some(channel.id()), None, fields, content).await
    }

    async fn take_press(&self, fields: &Fields) -> Result<(), Refusal> {
        let person = self.speaker(fields)?;
        let value = fields.get("value");
        if value.is_empty() || value.len() > 100 || fields.get("row").len() > 100 {
            return refuse(
                "That button carries nothing that can be used. Reload the page and press it again.",
            );
        }
        let on = fields.get("message").parse().ok().and_then(|id| self.room().get(id).cloned());
        let Some(on) = on else {
            return refuse(
                "The message with that button is no longer there. Reload the page to see what is.",
            );
        };
        let message = MessageRef { channel: on.channel.clone(), id: on.id.to_string() };
        let thread = on.thread.map(|root| root.to_string());
        let content = match fields.get("row") {
            "" => Content::Press { value: value.to_owned(), message: Some(message) },
            // A box: the whole row is told, with this one turned over.
            row => {
                let mut selected: Vec<String> =
                    fields.get("ticked").split_whitespace().take(BOXES).map(ToOwned::to_owned).collect();
                match selected.iter().position(|key| key == value) {
                    Some(at) => drop(selected.remove(at)),
                    None => selected.push(value.to_owned()),
                }
                Content::Tick { value: row.to_owned(), selected, message: Some(message) }
            }
        };
        self.hand_over(person, self.key(person, fields), Some(&on.channel), thread, fields, content).await
    }

    async fn take_form(&self, fields: &Fields) -> Result<(), Refusal> {
        let person = self.speaker(fields)?;
        let own = |(name, value): (&String, &String)| {
            let value = value.replace("\r\n", "\n").trim().to_owned();
            name.strip_prefix("field.").map(|name| (name.to_owned(), value))
        };
        let content = Content::Submit {
            context: fields.get("context").to_owned(),
            fields: fields.0.iter().filter_map(own).collect(),
        };
        let id = fields.get("form").parse().unwrap_or(0);
        let channel = self.room().form(&person.account.id).and_then(|open| open.channel.clone());
        self.hand_over(person, self.key(person, fields), channel.as_deref(), None, fields, content).await?;
        self.room().close_form(&person.account.id, id);
        self.tell(News::Form { account: person.account.id.clone() });
        Ok(())
    }

    fn put_away(&self, fields: &Fields) -> Result<(), Refusal> {
        let person = self.speaker(fields)?;
        if let Ok(id) = fields.get("form").parse() {
            self.room().close_form(&person.account.id, id);
            self.tell(News::Form { account: person.account.id.clone() });
        }
        let gone =
            fields.get("message").parse().ok().and_then(|id| self.room().dismiss(id, &person.account.id));
        if let Some(entry) = gone {
            self.tell(News::Gone { channel: entry.channel, id: entry.id });
        }
        Ok(())
    }

    fn speaker(&self, fields: &Fields) -> Result<&Person, Refusal> {
        let nobody = || Refusal("Choose who you are first, then try again.".into());
        self.person(fields.get("as")).ok_or_else(nobody)
    }

    /// Names this delivery: the page sends a word of its own so that a repeated request is one delivery.
    fn key(&self, person: &Person, fields: &Fields) -> String {
        let once = match word(fields.get("once")) {
            once if once.is_empty() => format!("{:x}", super::room::unlike_any_other()),
            once => once,
        };
        format!("playground:{:x}:{}:{once}", self.0.run, person.account.id)
    }

    async fn hand_over(
        &self,
        person: &Person,
        key: String,
        channel: Option<&str>,
        thread: Option<String>,
        fields: &Fields,
        content: Content,
    ) -> Result<(), Refusal> {
        let reply_to = ReplyTo {
            account: person.account.clone(),
            channel: channel.map(str::to_owned),
            thread,
            response_url: None,
            trigger: Some(word(fields.get("tab"))).filter(|tab| !tab.is_empty()),
        };
        let inbound =
            Inbound { key, account: person.account.clone(), name: person.name.clone(), reply_to, content };
        self.0.world.sink.accept(inbound).await
    }

    /// Plain words are for people; somebody new to this learns how to speak to Shipgate.
    fn explain_who_listens(&self, person: &Person, channel: &str, text: &str) {
        let first = text.split_whitespace().next().unwrap_or_default().to_lowercase();
        let meant = self.0.settings.commands.iter().any(|hint| hint.command.trim_start_matches('/') == first);
        let title = Text::plain("Shipgate listens to messages that begin with ").code("/").and(".");
        let next = if meant {
            Text::plain("Did you mean ")
                .code(format!("/{}", text.chars().take(200).collect::<String>()))
                .and("?")
        } else {
            Text::plain("Try ").code("/help").and(" to see what it understands.")
        };
        self.add(Draft {
            channel: channel.to_owned(),
            thread: None,
            only_for: Some(person.account.id.clone()),
            said: Said::Bot(Body::Message(Message::line(Tone::Neutral, title).paragraph(next))),
            at: self.0.world.clock.now(),
            key: None,
        });
    }
}

/// A command or a mention; anything else is for people.
fn content_of(text: &str) -> Option<Content> {
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim().to_owned();
    if let Some(command) = first.strip_prefix('/') {
        return Some(Content::Slash { command: command.to_owned(), text: rest });
    }
    first.eq_ignore_ascii_case("@shipgate").then_some(Content::Mention { text: rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_is_a_command_a_mention_is_a_mention_and_the_rest_is_talk() {
        let slash = content_of("/deploy production  v1.2.3");
        assert_eq!(
            slash,
            Some(Content::Slash { command: "deploy".into(), text: "production  v1.2.3".into() })
        );
        assert_eq!(content_of("@Shipgate status"), Some(Content::Mention { text: "status".into() }));
        assert_eq!(content_of("/"), Some(Content::Slash { command: String::new(), text: String::new() }));
        assert_eq!(content_of("good morning"), None);
    }
}
