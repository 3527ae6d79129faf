//! Whether what the settings say of a repository is so on GitHub. It only reads. Not here: which settings (`shipgate check
//! --online`).

use super::GitHub;
use super::client::{Repo, in_path};
use super::dispatchable::{self, Dispatchable};
use super::limits::Urgency::Needed;
use super::models::{Branch, Contents};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use shipgate_app::ports::{OutsideError, Repositories as _};
use shipgate_domain::ids::CommitId;
use std::collections::BTreeSet;

/// Versions whose checks are looked at, besides the head of the branch.
const VERSIONS: usize = 5;

/// What the settings say.
#[derive(Clone, Debug)]
pub struct Said<'a> {
    /// `owner/name`.
    pub repo: &'a str,
    /// The branch of the workflow.
    pub branch: &'a str,
    /// File name of the workflow.
    pub workflow: &'a str,
    /// Inputs that are sent.
    pub inputs: Vec<&'a str>,
    /// Checks that are waited for by name.
    pub checks: Vec<&'a str>,
}

/// What is about which setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// The repository.
    Repo,
    /// The branch.
    Branch,
    /// The workflow.
    Workflow,
    /// The inputs.
    Inputs,
    /// This check.
    Check(String),
}

/// Something that is not as the settings say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oddity {
    /// Which setting.
    pub about: About,
    /// Stable word for programs.
    pub code: &'static str,
    /// Whether no deploy can work because of it.
    pub is_fatal: bool,
    /// What is so.
    pub what: String,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub instead: String,
}

fn oddity(about: About, code: &'static str, what: String, why: &str, instead: &str) -> Oddity {
    Oddity { about, code, is_fatal: true, what, why: why.to_owned(), instead: instead.to_owned() }
}

impl GitHub {
    /// Everything that is not as it is said.
    ///
    /// # Errors
    /// GitHub cannot be asked, or the token may not read it.
    pub async fn examine(&self, said: &Said<'_>) -> Result<Vec<Oddity>, OutsideError> {
        let repo = Repo::parse(said.repo)?;
        let answer = self.client.ask(Method::GET, &repo, "", None, Needed).await?;
        self.client.expect(&answer, &repo)?;
        let path = format!("/branches/{}", in_path(said.branch));
        let Some(branch) = self.client.find::<Branch>(&repo, &path, Needed).await? else {
            let what = format!("{repo} has no branch {}", said.branch);
            let (why, instead) =
                ("the workflow is started from it", "correct `ref` of the service, or push the branch");
            return Ok(vec![oddity(About::Branch, "no_branch", what, why, instead)]);
        };
        let mut found = Vec::new();
        if !branch.protected && self.rules(&repo, said.branch).await?.is_empty() {
            let what = format!("the branch {} of {repo} is not protected", said.branch);
            let why = "whoever may push there can change the workflow that deploys";
            let instead = "protect it on GitHub, or add a rule set for it";
            found.push(Oddity {
                is_fatal: false,
                ..oddity(About::Branch, "branch_unprotected", what, why, instead)
            });
        }
        self.examine_workflow(&repo, said, &mut found).await?;
        self.examine_checks(said, &mut found).await?;
        Ok(found)
    }

    async fn examine_workflow(
        &self,
        repo: &Repo,
        said: &Said<'_>,
        found: &mut Vec<Oddity>,
    ) -> Result<(), OutsideError> {
        let file = said.workflow;
        let branch: String = form_urlencoded::byte_serialize(said.branch.as_bytes()).collect();
        let path = format!("/contents/.github/workflows/{}?ref={branch}", in_path(file));
        let Some(contents) = self.client.find::<Contents>(repo, &path, Needed).await? else {
            let what = format!("{repo} has no .github/workflows/{file} on {}", said.branch);
            let instead = "correct `workflow` or `ref` of the service, or merge the file";
            found.push(oddity(About::Workflow, "no_workflow", what, "there is nothing to start", instead));
            return Ok(());
        };
        let text: String = contents.content.unwrap_or_default().split_whitespace().collect();
        let text = BASE64_STANDARD.decode(text).unwrap_or_default();
        let known = match dispatchable::read(&String::from_utf8_lossy(&text)) {
            Dispatchable::With(known) => known,
            Dispatchable::No => {
                let what = format!("{file} of {repo} has no workflow_dispatch under `on`");
                let why = "GitHub refuses to start it";
                found.push(oddity(
                    About::Workflow,
                    "not_dispatchable",
                    what,
                    why,
                    "add workflow_dispatch with its inputs",
                ));
                return Ok(());
            }
            Dispatchable::Unclear => {
                let what = format!("whether {file} of {repo} takes these inputs could not be read");
                let why = "its `on` is written in a way that is not read here";
                let instead = "compare the inputs by hand";
                found.push(Oddity {
                    is_fatal: false,
                    ..oddity(About::Inputs, "inputs_unclear", what, why, instead)
                });
                return Ok(());
            }
        };
        for name in said.inputs.iter().filter(|name| !known.iter().any(|input| input.name == **name)) {
            let what = format!("{file} of {repo} has no input “{name}”");
            let instead = "leave it out of `inputs`, or add it to the workflow";
            found.push(oddity(
                About::Inputs,
                "unknown_input",
                what,
                "GitHub refuses a start with it",
                instead,
            ));
        }
        for input in
            known.iter().filter(|input| input.is_needed && !said.inputs.contains(&input.name.as_str()))
        {
            let what = format!("{file} of {repo} needs the input “{}”", input.name);
            let instead = "add it to `inputs`, or give it a default in the workflow";
            found.push(oddity(
                About::Inputs,
                "missing_input",
                what,
                "GitHub refuses a start without it",
                instead,
            ));
        }
        Ok(())
    }

    /// Checks that were never there: a deploy would wait for them for ever.
    async fn examine_checks(&self, said: &Said<'_>, found: &mut Vec<Oddity>) -> Result<(), OutsideError> {
        if said.checks.is_empty() {
            return Ok(());
        }
        let repo = Repo::parse(said.repo)?;
        let mut commits: Vec<CommitId> = Vec::new();
        let head = self.reference(&repo, &format!("/git/ref/heads/{}", in_path(said.branch))).await?;
        commits.extend(head.and_then(|sha| sha.parse().ok()));
        commits.extend(self.recent(said.repo, VERSIONS).await?.into_iter().map(|version| version.commit));
        let mut names: BTreeSet<String> = BTreeSet::new();
        for commit in &commits {
            names.extend(self.checks(said.repo, commit).await?.into_iter().map(|check| check.name));
        }
        for name in said.checks.iter().filter(|name| !names.contains(**name)) {
            let what = format!(
                "{} never had a check “{name}” on the head of {} and its {VERSIONS} newest versions",
                said.repo, said.branch
            );
            let there: Vec<&str> = names.iter().take(10).map(String::as_str).collect();
            let instead = match there.as_slice() {
                [] => "no check at all was found there: let CI report one".to_owned(),
                some => format!("correct the name; there were: {}", some.join(", ")),
            };
            let about = About::Check((*name).to_owned());
            let why = "every deploy would wait for it until it is given up";
            found.push(Oddity { is_fatal: false, ..oddity(about, "check_never_seen", what, why, &instead) });
        }
        Ok(())
    }
}
