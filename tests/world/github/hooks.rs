//! Webhooks: `workflow_run` and `workflow_job`, signed, and what can go wrong on their way. GitHub does not repeat a
//! failed delivery by itself; somebody must ask.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::GitHub;
use super::state::State;
use crate::locked;
use crate::sign::hmac_sha256_hex;

/// GitHub gives up after ten seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// What happens to webhooks on their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookMode {
    /// Each arrives once, in order.
    #[default]
    Deliver,
    /// None arrives.
    Lose,
    /// Each arrives twice, with the same delivery id.
    Duplicate,
    /// None leaves until [`GitHub::release_hooks`], which sends the latest first.
    Hold,
    /// Each arrives with a wrong signature.
    Forge,
}

/// One attempt to deliver a webhook.
#[derive(Clone, Debug, Serialize)]
pub struct HookDelivery {
    /// `X-GitHub-Delivery`
    pub guid: String,
    /// `workflow_run` or `workflow_job`
    pub event: String,
    /// `requested`, `in_progress`, `completed`, …
    pub action: String,
    /// Status answered; `None` when lost or refused.
    pub status: Option<u16>,
}

#[derive(Clone, Debug)]
pub(super) struct PendingHook {
    guid: String,
    event: String,
    payload: Value,
}

impl GitHub {
    /// What happens to webhooks from now on.
    pub fn set_hook_mode(&self, mode: HookMode) {
        locked(&self.0.state).hook_mode = mode;
    }

    /// Attempts so far.
    pub fn deliveries(&self) -> Vec<HookDelivery> {
        locked(&self.0.state).deliveries.clone()
    }

    /// Sends what [`HookMode::Hold`] kept back, latest first, and delivers normally from then on.
    pub async fn release_hooks(&self) {
        {
            let mut state = locked(&self.0.state);
            state.hook_mode = HookMode::Deliver;
            state.hooks.reverse();
        }
        self.send_hooks().await;
    }

    /// Sends an earlier webhook again with the same delivery id. `false` when there is none.
    pub async fn redeliver(&self, guid: &str) -> bool {
        let earlier = locked(&self.0.state).sent_hooks.get(guid).cloned();
        let Some((event, payload)) = earlier else { return false };
        self.send_hook(&PendingHook { guid: guid.to_owned(), event, payload }, false).await;
        true
    }

    pub(super) fn announce_run(&self, state: &mut State, id: u64, action: &str) {
        let Some(run) = state.run(id) else { return };
        let Some(repo) = state.repo(&run.repository) else { return };
        let workflow = repo.workflows.iter().find(|(_, workflow)| workflow.file == run.workflow);
        let payload = json!({
            "action": action, "workflow_run": self.run_json(repo, run),
            "workflow": workflow.map(|(id, workflow)| self.workflow_json(repo, *id, workflow)),
            "repository": self.repo_json(repo), "sender": self.user_json("shipgate[bot]"),
            "installation": {"id": self.config().installation, "node_id": "I_1"},
        });
        enqueue(state, "workflow_run", payload);
    }

    pub(super) fn announce_job(&self, state: &mut State, id: u64, job: u64, action: &str) {
        let Some(run) = state.run(id) else { return };
        let (Some(repo), Some(job)) =
            (state.repo(&run.repository), run.jobs.iter().find(|known| known.id == job))
        else {
            return;
        };
        let payload = json!({
            "action": action, "workflow_job": self.job_json(repo, run, job, run.attempt),
            "repository": self.repo_json(repo), "sender": self.user_json("shipgate[bot]"),
            "installation": {"id": self.config().installation, "node_id": "I_1"},
        });
        enqueue(state, "workflow_job", payload);
    }

    /// Delivers what is queued, one after the other, the way the mode says.
    pub(super) async fn send_hooks(&self) {
        let _in_line = self.0.hook_line.lock().await;
        let (hooks, mode) = {
            let mut state = locked(&self.0.state);
            if state.hook_mode == HookMode::Hold {
                return;
            }
            (std::mem::take(&mut state.hooks), state.hook_mode)
        };
        for hook in hooks {
            let entry = (hook.event.clone(), hook.payload.clone());
            locked(&self.0.state).sent_hooks.insert(hook.guid.clone(), entry);
            match mode {
                HookMode::Lose => self.record(&hook, None),
                HookMode::Duplicate => {
                    self.send_hook(&hook, false).await;
                    self.send_hook(&hook, false).await;
                }
                HookMode::Deliver | HookMode::Hold => self.send_hook(&hook, false).await,
                HookMode::Forge => self.send_hook(&hook, true).await,
            }
        }
    }

    async fn send_hook(&self, hook: &PendingHook, forged: bool) {
        let Some(target) = locked(&self.0.state).target.clone() else { return };
        let body = hook.payload.to_string();
        let secret = if forged { "not-the-secret" } else { &self.config().webhook_secret };
        let signature = format!("sha256={}", hmac_sha256_hex(secret.as_bytes(), body.as_bytes()));
        let headers = [
            ("content-type", "application/json"),
            ("user-agent", "GitHub-Hookshot/test"),
            ("x-github-event", &hook.event),
            ("x-github-delivery", &hook.guid),
            ("x-github-hook-id", "1"),
            ("x-github-hook-installation-target-type", "integration"),
            ("x-hub-signature-256", &signature),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let url = format!("{target}/github/webhooks");
        let delivery = self.0.client.post(&url, &headers, &body, PATIENCE).await;
        self.record(hook, delivery.status);
    }

    fn record(&self, hook: &PendingHook, status: Option<u16>) {
        let action = hook.payload["action"].as_str().unwrap_or_default().to_owned();
        let (guid, event) = (hook.guid.clone(), hook.event.clone());
        locked(&self.0.state).deliveries.push(HookDelivery { guid, event, action, status });
        self.0.changes.tell();
    }
}

fn enqueue(state: &mut State, event: &str, payload: Value) {
    let guid = format!("{:08x}-0000-11f0-8000-000000000000", state.serial());
    state.hooks.push(PendingHook { guid, event: event.to_owned(), payload });
}
