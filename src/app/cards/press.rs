//! The buttons of a card: which a deploy has in its state, what stands on them, and the tokens in them. Not here: what a
//! click does (`intake`).

use crate::bot::App;
use crate::checklist::TICK;
use crate::messages::{digest_of, stop_question};
use crate::store::{CardButton, CardRow};
use crate::words::{Button, Style};
use serde::{Deserialize, Serialize};
use shipgate_domain::deploy::{Deploy, Outcome, Phase, State};
use shipgate_domain::gates::{Reason, Verdict};
use shipgate_domain::ids::base32;

/// Tokens of this many buttons are remembered for a card, so that an old click is told apart from a forged one.
const REMEMBERED: usize = 400;

/// What a button does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Press {
    /// Say yes.
    Approve,
    /// Say no; asks for a reason.
    Reject,
    /// Pause.
    Hold,
    /// Go on.
    Resume,
    /// Stop.
    Cancel,
    /// Run the failed jobs again.
    Rerun,
    /// Go back to the last good version.
    RollBack,
    /// Put a failure away.
    Close,
    /// Deploy the same version to the environment before.
    DeployBefore,
    /// The run did not start.
    DidNotStart,
    /// The run started; asks which it is.
    Started,
    /// Look for the run half an hour longer.
    WaitMore,
}

impl Press {
    /// Every button there is.
    pub const ALL: [Press; 12] = [
        Press::Approve,
        Press::Reject,
        Press::Hold,
        Press::Resume,
        Press::Cancel,
        Press::Rerun,
        Press::RollBack,
        Press::Close,
        Press::DeployBefore,
        Press::DidNotStart,
        Press::Started,
        Press::WaitMore,
    ];

    /// Stable name, as stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Press::Approve => "approve",
            Press::Reject => "reject",
            Press::Hold => "hold",
            Press::Resume => "resume",
            Press::Cancel => "cancel",
            Press::Rerun => "rerun",
            Press::RollBack => "roll_back",
            Press::Close => "close",
            Press::DeployBefore => "deploy_before",
            Press::DidNotStart => "did_not_start",
            Press::Started => "started",
            Press::WaitMore => "wait_more",
        }
    }

    /// The button of a stored name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|press| press.name() == name)
    }

    /// Whether a second click would do a second thing. Such a button is used up by the first.
    #[must_use]
    pub fn is_single(self) -> bool {
        matches!(self, Press::Rerun | Press::RollBack | Press::DeployBefore)
    }
}

/// The buttons a deploy has in its state.
#[must_use]
pub fn presses(deploy: &Deploy) -> Vec<Press> {
    match &deploy.state {
        State::Requested { .. } => vec![Press::Cancel],
        State::Waiting { .. } => {
            let mut presses = Vec::new();
            if deploy.verdicts.iter().any(Verdict::is_asking_people) {
                presses.extend([Press::Approve, Press::Reject]);
            }
            presses.push(if deploy.hold.is_some() { Press::Resume } else { Press::Hold });
            presses.push(Press::Cancel);
            presses
        }
        State::Dispatching { phase: Phase::Unknown { asked: Some(_), .. }, .. } => {
            vec![Press::DidNotStart, Press::Started, Press::WaitMore]
        }
        State::Dispatching { cancel: None, .. } | State::Running { cancel: None, .. } => vec![Press::Cancel],
        State::Running { cancel: Some(asked), .. } if asked.unless_started => vec![Press::Cancel],
        State::Dispatching { .. } | State::Running { .. } => Vec::new(),
        State::Done { outcome, ran, .. } => match outcome {
            // An action is said again, and what runs there did not change by it.
            Outcome::Failed { closed_by: None, .. } if ran.is_some() && deploy.puts_in_place() => {
                vec![Press::Rerun, Press::RollBack, Press::Close]
            }
            Outcome::Failed { closed_by: None, .. } => vec![Press::Close],
            Outcome::Refused => {
                let is_unproven =
                    |r: &Reason| matches!(r, Reason::NotBefore { .. } | Reason::FailedBefore { .. });
                if deploy.puts_in_place() && deploy.verdicts.iter().any(|v| is_unproven(&v.reason)) {
                    vec![Press::DeployBefore]
                } else {
                    Vec::new()
                }
            }
            Outcome::Failed { closed_by: Some(_), .. }
            | Outcome::Rejected { .. }
            | Outcome::Cancelled { .. }
            | Outcome::Expired
            | Outcome::Superseded { .. }
            | Outcome::Succeeded
            | Outcome::Unknown => Vec::new(),
        },
    }
}

impl App {
    /// New tokens for the buttons. The generation rises when other buttons, or another digest, are shown.
    pub(super) fn mint(&self, mut row: CardRow, deploy: &Deploy, wanted: &[Press]) -> (CardRow, Vec<Button>) {
        let digest = deploy.digest().map(ToString::to_string);
        let passes = deploy.to_pass();
        let current: Vec<&CardButton> =
            row.buttons.iter().filter(|b| b.generation == row.generation && b.press != TICK).collect();
        let same_set = wanted.iter().all(|w| current.iter().any(|b| b.press == w.name()))
            && current.iter().all(|b| wanted.iter().any(|w| b.press == w.name()))
            && current.iter().all(|b| b.digest == digest && b.passes == passes);
        if !same_set {
            row.generation += 1;
        }
        let mut buttons = Vec::new();
        for press in wanted {
            let token = base32(u128::from_be_bytes(self.random_bytes()));
            row.buttons.push(CardButton {
                token_hash: token_hash(&token),
                press: press.name().to_owned(),
                generation: row.generation,
                digest: digest.clone(),
                passes: passes.clone(),
                boxes: Vec::new(),
            });
            buttons.push(self.button(*press, deploy, &token));
        }
        let surplus = row.buttons.len().saturating_sub(REMEMBERED);
        row.buttons.drain(..surplus);
        (row, buttons)
    }

    fn button(&self, press: Press, deploy: &Deploy, token: &str) -> Button {
        let environment = &deploy.request.environment;
        let before = self
            .rules
            .policy
            .environments
            .get(environment)
            .and_then(|e| e.after.as_ref())
            .map(ToString::to_string);
        let (label, style, confirm) = match press {
            Press::Approve => ("Approve".to_owned(), Style::Primary, None),
            Press::Reject => ("Reject".to_owned(), Style::Danger, None),
            Press::Hold => ("Hold".to_owned(), Style::Plain, None),
            Press::Resume => ("Resume".to_owned(), Style::Primary, None),
            Press::Cancel => ("Cancel".to_owned(), Style::Plain, Some(stop_question(deploy))),
            Press::Rerun => ("Re-run failed jobs".to_owned(), Style::Primary, None),
            Press::RollBack => {
                let question = format!("Put the last good version back on {environment}?");
                ("Roll back".to_owned(), Style::Danger, Some(question))
            }
            Press::Close => {
                let question =
                    format!("Put this failure away? Its buttons go; {environment} stays as it is.");
                ("Close".to_owned(), Style::Plain, Some(question))
            }
            Press::DeployBefore => {
                let before = before.unwrap_or_else(|| "the environment before".into());
                (format!("Deploy to {before}").chars().take(30).collect(), Style::Primary, None)
            }
            Press::DidNotStart => {
                let question =
                    "You looked, and no run carries this id? A run that shows up later will still run.";
                ("It did not start".to_owned(), Style::Danger, Some(question.to_owned()))
            }
            Press::Started => ("It started".to_owned(), Style::Primary, None),
            Press::WaitMore => ("Look 30 min longer".to_owned(), Style::Plain, None),
        };
        Button { label, value: format!("{}.{token}", deploy.id), style, confirm }
    }
}

/// SHA-256 of a button's token, in hex.
pub(crate) fn token_hash(token: &str) -> String {
    digest_of(&token)
}
