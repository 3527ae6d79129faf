//! A small JSON API on a third port, so that a test of a killed process, or a developer with curl, can look into the
//! models and act as people. The models' own addresses know nothing of it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::github::{HookMode, Plan};
use crate::serve::{Answer, Call, bind, serve};
use crate::slack::{Channel, Group, Person};
use crate::{Delivery, Down, GitHub, NotThere, Rule, Slack, World};

#[derive(Deserialize)]
struct Typed {
    user: String,
    channel: String,
    #[serde(default = "deploy_command")]
    command: String,
    text: String,
}

fn deploy_command() -> String {
    "/deploy".into()
}

#[derive(Deserialize)]
struct Clicked {
    user: String,
    channel: String,
    ts: String,
    button: String,
}

#[derive(Deserialize)]
struct Submitted {
    user: String,
    view: String,
    #[serde(default)]
    values: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct OfRun {
    run: u64,
}

#[derive(Deserialize)]
struct Planned {
    repository: String,
    workflow: String,
    plan: Plan,
}

#[derive(Deserialize)]
struct Switch<T> {
    to: Option<T>,
}

#[derive(Deserialize)]
struct Rotated {
    #[serde(default = "refresh")]
    reason: String,
    #[serde(default)]
    grace_ms: u64,
}

fn refresh() -> String {
    "refresh_requested".into()
}

#[derive(Deserialize)]
struct Move {
    #[serde(default)]
    advance_seconds: u64,
    stop_at: Option<i64>,
}

#[derive(Deserialize)]
struct Pointed {
    repository: String,
    name: String,
    sha: String,
}

#[derive(Deserialize)]
struct Committed {
    repository: String,
    #[serde(default = "main_branch")]
    branch: String,
    message: String,
    #[serde(default = "octocat")]
    login: String,
}

fn main_branch() -> String {
    "main".into()
}

fn octocat() -> String {
    "octocat".into()
}

/// Why a control request was not carried out.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the body does not fit: {0}")]
    Body(#[from] serde_json::Error),
    #[error("{0}")]
    NotThere(#[from] NotThere),
    #[error("there is no such control address; GET /_control lists them")]
    Address,
}

/// Everything the control API offers, for `GET /_control`.
const ADDRESSES: [&str; 24] = [
    "GET  /_control/state            everything both models contain",
    "GET  /_control/violations       requests the vendors' descriptions do not allow",
    "GET  /_control/slack/calls      every request to Slack",
    "GET  /_control/github/calls     every request to GitHub",
    "GET  /_control/slack/buttons?channel=C0DEPLOY&ts=…",
    "POST /_control/target           {\"to\": \"http://127.0.0.1:8080\"}",
    "POST /_control/clock            {\"advance_seconds\": 60} or {\"stop_at\": 1772809200}",
    "POST /_control/slack/slash      {\"user\", \"channel\", \"command\", \"text\"}",
    "POST /_control/slack/mention    {\"user\", \"channel\", \"text\"}",
    "POST /_control/slack/click      {\"user\", \"channel\", \"ts\", \"button\"}",
    "POST /_control/slack/submit     {\"user\", \"view\", \"values\": {\"block_or_action_id\": \"text\"}}",
    "POST /_control/slack/retry_events",
    "POST /_control/slack/socket     {\"to\": true}",
    "POST /_control/slack/rotate     {\"reason\", \"grace_ms\"}",
    "POST /_control/slack/people     {\"id\", \"name\"}; also /slack/channels and /slack/groups",
    "POST /_control/github/advance   {\"run\"}; also /github/finish and /github/tick",
    "POST /_control/github/plan      {\"repository\", \"workflow\", \"plan\": {\"conclusion\", \"fails_at\", \"log\"}}",
    "POST /_control/github/hooks     {\"to\": \"deliver|lose|duplicate|hold|forge\"}",
    "POST /_control/github/commit    {\"repository\", \"branch\", \"message\", \"login\"}",
    "POST /_control/github/tag       {\"repository\", \"name\", \"sha\"}",
    "POST /_control/{slack,github}/faults  {\"match\", \"fault\": {\"error_after\": {\"status\": 502}}, \"times\"}",
    "POST /_control/{slack,github}/clear   removes all faults",
    "POST /_control/{slack,github}/down    {\"to\": \"refusing|dropping\"} or {\"to\": null}",
    "GET  /_control                  this list",
];

/// Opens the control port on 127.0.0.1 (0 takes a free one); it closes with the world.
///
/// # Errors
/// When the port cannot be opened.
pub async fn start(port: u16, world: &World) -> io::Result<SocketAddr> {
    let (listener, address) = bind(port).await?;
    let desk = Desk { slack: world.slack.clone(), github: world.github.clone(), clock: world.clock.clone() };
    serve(listener, world.stop_token(), move |request| {
        let desk = desk.clone();
        async move {
            let call = Call::read(request).await?;
            let answer = match desk.answer(&call).await {
                Ok(body) => Answer::json(200, &body),
                Err(refusal) => Answer::json(400, &json!({"error": refusal.to_string()})),
            };
            Some(answer.into_response())
        }
    });
    Ok(address)
}

#[derive(Clone)]
struct Desk {
    slack: Slack,
    github: GitHub,
    clock: crate::Clock,
}

impl Desk {
    async fn answer(&self, call: &Call) -> Result<Value, Refusal> {
        let path = call.path.strip_prefix("/_control").ok_or(Refusal::Address)?.trim_matches('/');
        match (call.method.as_str(), path.split_once('/')) {
            ("GET", None) => self.look(path),
            ("POST", None) => self.set(path, &call.body),
            (_, Some(("slack", what))) => self.slack(what, call).await,
            (_, Some(("github", what))) => self.github(what, call).await,
            _ => Err(Refusal::Address),
        }
    }

    fn look(&self, path: &str) -> Result<Value, Refusal> {
        let violations: Vec<String> =
            self.slack.violations().into_iter().chain(self.github.violations()).collect();
        match path {
            "" => Ok(json!(ADDRESSES)),
            "state" => Ok(json!({
                "slack": self.slack.dump(), "github": self.github.dump(), "violations": violations,
                "now_seconds": self.clock.now_seconds(),
            })),
            "violations" => Ok(json!(violations)),
            _ => Err(Refusal::Address),
        }
    }

    fn set(&self, path: &str, body: &str) -> Result<Value, Refusal> {
        match path {
            "target" => {
                let to: Switch<String> = read(body)?;
                let to = to.to.unwrap_or_default();
                self.slack.set_target(&to);
                self.github.set_target(&to);
            }
            "clock" => {
                let to: Move = read(body)?;
                if let Some(at) = to.stop_at {
                    self.clock.stop_at(at);
                }
                self.clock.advance(Duration::from_secs(to.advance_seconds));
            }
            _ => return Err(Refusal::Address),
        }
        Ok(json!({"ok": true}))
    }

    async fn slack(&self, what: &str, call: &Call) -> Result<Value, Refusal> {
        let (slack, body) = (&self.slack, call.body.as_str());
        match what {
            "calls" => return Ok(json!(slack.calls())),
            "buttons" => {
                let value = |name: &str| call.query_value(name).unwrap_or_default();
                return Ok(json!(slack.buttons(&value("channel"), &value("ts"))));
            }
            "slash" => {
                let typed: Typed = read(body)?;
                return shown(slack.slash(&typed.user, &typed.channel, &typed.command, &typed.text).await);
            }
            "mention" => {
                let typed: Typed = read(body)?;
                return shown(slack.mention(&typed.user, &typed.channel, &typed.text).await);
            }
            "click" => {
                let click: Clicked = read(body)?;
                return shown(slack.click(&click.user, &click.channel, &click.ts, &click.button).await);
            }
            "submit" => {
                let sent: Submitted = read(body)?;
                let values: Vec<(&str, &str)> =
                    sent.values.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
                return shown(slack.submit(&sent.user, &sent.view, &values).await);
            }
            "retry_events" => return Ok(json!(slack.retry_events().await)),
            "socket" => slack.use_socket(read::<Switch<bool>>(body)?.to.unwrap_or(false)),
            "rotate" => {
                let how: Rotated = read(body)?;
                slack.rotate(&how.reason, Duration::from_millis(how.grace_ms));
            }
            "people" => slack.add_person(read::<Person>(body)?),
            "channels" => slack.add_channel(read::<Channel>(body)?),
            "groups" => slack.add_group(read::<Group>(body)?),
            "faults" => slack.faults().add(read::<Rule>(body)?),
            "clear" => slack.faults().clear(),
            "down" => match read::<Switch<Down>>(body)?.to {
                Some(how) => slack.faults().down(how),
                None => slack.faults().up(),
            },
            _ => return Err(Refusal::Address),
        }
        Ok(json!({"ok": true}))
    }

    async fn github(&self, what: &str, call: &Call) -> Result<Value, Refusal> {
        let (github, body) = (&self.github, call.body.as_str());
        match what {
            "calls" => return Ok(json!(github.calls())),
            "advance" => return Ok(json!(github.advance(read::<OfRun>(body)?.run).await?)),
            "finish" => return Ok(json!(github.finish(read::<OfRun>(body)?.run).await?)),
            "tick" => github.tick().await,
            "plan" => {
                let planned: Planned = read(body)?;
                self.known(&planned.repository)?;
                github.plan(&planned.repository, &planned.workflow, planned.plan);
            }
            "hooks" => match read::<Switch<HookMode>>(body)?.to {
                Some(mode) => github.set_hook_mode(mode),
                None => github.release_hooks().await,
            },
            "commit" => {
                let sent: Committed = read(body)?;
                self.known(&sent.repository)?;
                let sha = github.commit(&sent.repository, &sent.branch, &sent.message, &sent.login);
                return Ok(json!({ "sha": sha }));
            }
            "tag" => {
                let tag: Pointed = read(body)?;
                self.known(&tag.repository)?;
                github.set_tag(&tag.repository, &tag.name, &tag.sha);
            }
            "faults" => github.faults().add(read::<Rule>(body)?),
            "clear" => github.faults().clear(),
            "down" => match read::<Switch<Down>>(body)?.to {
                Some(how) => github.faults().down(how),
                None => github.faults().up(),
            },
            _ => return Err(Refusal::Address),
        }
        Ok(json!({"ok": true}))
    }

    fn known(&self, repository: &str) -> Result<(), NotThere> {
        if self.github.has_repo(repository) {
            return Ok(());
        }
        Err(NotThere(format!("there is no repository {repository}")))
    }
}

fn read<T: DeserializeOwned>(body: &str) -> Result<T, Refusal> {
    Ok(serde_json::from_str(body)?)
}

fn shown(delivery: Result<Delivery, NotThere>) -> Result<Value, Refusal> {
    Ok(json!(delivery?))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::World;
    use crate::github::Workflow;
    use crate::probe::{StandIn, request};
    use crate::slack::Person;

    async fn desk() -> (World, String) {
        let world = World::start().await.unwrap();
        world.slack.add_person(Person::new("U0ANN", "ann"));
        world.github.add_repo("acme/shop");
        world.github.add_workflow("acme/shop", Workflow::deploy("deploy.yml"));
        let address = super::start(0, &world).await.unwrap();
        (world, format!("http://{address}/_control"))
    }

    #[tokio::test]
    async fn a_person_can_type_and_a_run_can_be_moved_from_outside() {
        let (world, desk) = desk().await;
        let (stand_in, target) = StandIn::start().await;
        let post = |path: &str, body: Value| {
            let url = format!("{desk}/{path}");
            async move { request("POST", &url, &[], &body).await }
        };
        assert_eq!(post("target", json!({ "to": target })).await.status, Some(200));
        let typed = json!({"user": "ann", "channel": "deployments", "text": "production v1"});
        assert_eq!(post("slack/slash", typed).await.json()["status"], 200);
        assert_eq!(stand_in.last().path, "/slack/commands");
        let inputs = [("deployment_id", "d1"), ("sha", "x")];
        let run = world.github.dispatch_by_hand("acme/shop", "deploy.yml", "main", &inputs).unwrap();
        assert_eq!(post("github/finish", json!({ "run": run })).await.json()["conclusion"], "success");
        let state = request("GET", &format!("{desk}/state"), &[], &Value::Null).await.json();
        assert_eq!(state["github"]["dispatches"][0]["inputs"]["deployment_id"], "d1");
        assert_eq!(state["violations"], json!([]));
    }

    #[tokio::test]
    async fn faults_can_be_ordered_from_outside() {
        let (world, desk) = desk().await;
        let rule = json!({"match": "auth.test", "fault": {"error_after": {"status": 502}}});
        assert_eq!(request("POST", &format!("{desk}/slack/faults"), &[], &rule).await.status, Some(200));
        let auth = [("authorization", "Bearer xoxb-test")];
        let url = format!("{}auth.test", world.slack.api_url());
        assert_eq!(request("POST", &url, &auth, &Value::Null).await.status, Some(502));
        assert_eq!(request("POST", &url, &auth, &Value::Null).await.status, Some(200));
    }

    #[tokio::test]
    async fn what_does_not_exist_is_named() {
        let (_world, desk) = desk().await;
        let typed = json!({"user": "zoe", "channel": "deployments", "text": "x"});
        let answer = request("POST", &format!("{desk}/slack/slash"), &[], &typed).await;
        assert_eq!((answer.status, &answer.json()["error"]), (Some(400), &json!("there is no person `zoe`")));
    }
}
