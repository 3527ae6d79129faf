//! Commands of a team's own: the examples that are shipped, and what is said about wrong files. Not here: what becomes of
//! a request (`tests/it/actions.rs`).

use super::super::{BUILTIN, CommandFileProblem, slack_manifest};
use super::*;
use shipgate_domain::deploy::{Asked, Kind, Request, plan_and_digest};
use shipgate_domain::ids::{Account, DeployId, Platform};
use shipgate_domain::people::Member;
use shipgate_domain::policy::{
    ApprovalRule, CheckRule, Environment, OverrideRule, Pipeline, Policy, Provider, QueueBy, RollbackRule,
    Service, WhenFrozen,
};
use shipgate_domain::zone::Zone;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/commands")
}

/// The examples, by file name.
fn examples() -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder())
        .expect("the folder of examples")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(&path).expect("it can be read"))
        })
        .collect();
    files.sort();
    files
}

fn grammar() -> Grammar {
    Grammar::load(BUILTIN, examples()).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn service(name: &str, provider: Provider) -> Service {
    let pipeline = Pipeline {
        provider,
        repo: "acme/api".into(),
        workflow: "deploy.yml".into(),
        git_ref: "main".into(),
        inputs: BTreeMap::new(),
        command: vec!["./deploy.sh".into()],
    };
    Service { name: name.parse().unwrap(), default: false, pipeline, preflight: Default::default() }
}

fn environment(name: &str, approvers: &[&str]) -> Environment {
    let from = approvers.iter().map(|group| group.parse().unwrap()).collect();
    Environment {
        name: name.parse().unwrap(),
        aliases: Vec::new(),
        after: None,
        schedule: None,
        deployers: vec!["deployers".parse().unwrap()],
        approvals: ApprovalRule { from, ..ApprovalRule::none() },
        overrides: OverrideRule { needed: 1, from: Vec::new() },
        checks: CheckRule::None,
        queue: QueueBy::Environment,
        supersede: false,
        when_frozen: WhenFrozen::Finish,
        rollback: RollbackRule { needed: 0, in_window_only: false },
        preflight: Default::default(),
        url: None,
    }
}

/// `api` and `web` on GitHub, `tool` on this machine; two approvers on production, nobody on staging.
fn policy() -> Policy {
    let services = [
        service("api", Provider::Github),
        service("web", Provider::Github),
        service("tool", Provider::Command),
    ];
    let environments = [environment("production", &["approvers"]), environment("staging", &[])];
    let approvers = ["ada", "grace"].map(|name| Member::Person(name.parse().unwrap()));
    Policy {
        zone: Zone::utc(),
        people: Default::default(),
        groups: [("approvers".parse().unwrap(), approvers.to_vec())].into(),
        services: services.into_iter().map(|s| (s.name.clone(), s)).collect(),
        environments: environments.into_iter().map(|e| (e.name.clone(), e)).collect(),
        schedules: BTreeMap::new(),
        freezes: Vec::new(),
        actions: BTreeMap::new(),
    }
}

#[test]
fn every_shipped_example_is_understood_and_sends_what_its_workflow_declares() {
    let (grammar, policy) = (grammar(), policy());
    let actions = grammar.actions(&policy).unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(actions.len(), 6);
    let mut lines = Vec::new();
    for command in grammar.commands().iter().filter(|command| command.pipeline.is_some()) {
        let rule = &actions[&command.name.parse().unwrap()];
        let workflow = folder().join("workflows").join(&rule.workflow);
        let workflow = std::fs::read_to_string(workflow).expect("each has a sample of its workflow");
        assert!(workflow.contains("run-name:") && workflow.contains("${{ inputs.deployment_id }}"));
        assert!(!workflow.contains("    environment:\n      name"), "GitHub would call it a deployment");
        let declared = workflow.split("permissions:").next().unwrap().matches("        type: string").count();
        assert_eq!(declared, rule.inputs.len(), "{}", rule.workflow);
        for input in rule.inputs.keys() {
            assert!(workflow.contains(&format!("      {input}:\n        description:")), "{input}");
        }
        for example in &command.forms[0].examples {
            let parsed = grammar.parse(example, &names(), Entry::Mention);
            let Parsed::Understood(said) = &parsed else { panic!("{example}: {}", line(&parsed)) };
            let asked = Asked {
                name: rule.name.clone(),
                args: grammar.inputs(said),
                live: None,
                read_only: rule.read_only,
                arguments: rule.arguments.clone(),
            };
            let request = Request {
                kind: Kind::Action(asked),
                service: said.service().unwrap().parse().unwrap(),
                environment: said.environment().unwrap().parse().unwrap(),
                version: "v1.2.3".parse().unwrap(),
                by: "ada".parse().unwrap(),
                account: Account { platform: Platform::Slack, id: "U0ADA".into() },
                at: jiff::Timestamp::UNIX_EPOCH,
                reason: None,
                emergency: None,
                when: Default::default(),
                accepts: Default::default(),
            };
            let started = rule.of(&policy.services[&request.service]).expect("it is for this service");
            let id = DeployId::new(request.at, [1; 10]);
            let (commit, rules) = ("a".repeat(40).parse().unwrap(), "0".repeat(64).parse().unwrap());
            let (plan, _) = plan_and_digest(&id, &request, &commit, &started, &rules, None);
            lines.push(format!("{example}\n    {}\n    {} {:?}", line(&parsed), plan.workflow, plan.inputs));
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_command_of_this_machine_gets_each_argument_as_one_item() {
    let (grammar, policy) = (grammar(), policy());
    let actions = grammar.actions(&policy).unwrap();
    let (tool, cache) =
        (&policy.services[&"tool".parse().unwrap()], &actions[&"clear-cache".parse().unwrap()]);
    let started = cache.of(tool).expect("it has a command");
    assert_eq!(started.pipeline.command, ["./clear-cache.sh", "{environment}", "{cache}"]);
    assert!(started.pipeline.workflow.is_empty() && started.pipeline.inputs.is_empty());
    assert!(actions[&"restart".parse().unwrap()].of(tool).is_none(), "it has a workflow only");
}

#[test]
fn help_and_the_manifest_list_them() {
    let grammar = grammar();
    let page = grammar.help(Some("flag")).unwrap();
    assert_eq!(page.usage, ["/flag <flag> <on|off> [service] <environment> [--reason <text>]"]);
    assert!(page.examples.contains(&"/flag new-checkout off on staging".to_owned()));
    let all = grammar.help(None).unwrap();
    assert!(all.see.iter().any(|(name, _)| name == "kube-status"));
    let manifest = slack_manifest(&grammar, None, true);
    let commands = manifest["features"]["slash_commands"].as_array().unwrap();
    for name in ["/restart", "/migrate", "/migrations", "/flag", "/clear-cache", "/kube-status"] {
        assert!(commands.iter().any(|command| command["command"] == name), "{name}");
    }
}

#[test]
fn what_does_not_fit_is_asked_for_again_in_its_own_words() {
    let grammar = grammar();
    let say = |text: &str| line(&grammar.parse(text, &names(), Entry::Mention));
    let long = format!("flag {} on production", "x".repeat(61));
    let lines: Vec<String> = [
        "flag new-checkout onn production",
        "flag new-checkout production",
        "migrate production --steps 51",
        "migrate production --steps many",
        "clear-cache production page",
        "flag \"new\u{200b}checkout\" on production",
        "flag \"new\ncheckout\" on production",
        &long,
        "restart mars",
    ]
    .into_iter()
    .map(say)
    .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn an_answer_in_a_form_is_held_to_the_same() {
    let grammar = grammar();
    let Parsed::Missing { invocation, missing } = grammar.parse("flag production", &names(), Entry::Mention)
    else {
        panic!("two words are missing")
    };
    assert_eq!(missing.iter().map(|arg| arg.name.as_str()).collect::<Vec<_>>(), ["flag", "state"]);
    let fill = |flag: &str, state: &str| {
        let answers = [("flag".to_owned(), flag.to_owned()), ("state".to_owned(), state.to_owned())];
        grammar.fill(&invocation, &answers, &names())
    };
    let Parsed::Understood(said) = fill("till", "ON") else { panic!("it is complete") };
    assert_eq!(grammar.inputs(&said)["state"], "on", "as the file spells it");
    for (flag, state) in [("two\nlines", "on"), (&"x".repeat(61), "on"), ("till", "maybe")] {
        assert!(matches!(fill(flag, state), Parsed::Refused(_)), "{flag} {state}");
    }
}

/// A good file, changed; what is wrong with it, by itself and beside these settings.
fn problems(change: impl FnOnce(String) -> String) -> String {
    let text = change(GOOD.to_owned());
    let files = vec![("own/restart.toml".to_owned(), text)];
    let found = Grammar::load(BUILTIN, files).and_then(|grammar| grammar.actions(&policy()));
    let told = found.err().unwrap_or_default();
    told.iter().map(CommandFileProblem::to_string).collect::<Vec<_>>().join("\n")
}

const GOOD: &str = r#"name = "restart"
summary = "Restarts."
action = "pipeline"
role = "deployer"
examples = ["restart production"]
args = [
  { name = "service", kind = "service", required = true, help = "What." },
  { name = "environment", kind = "environment", required = true, help = "Where." },
  { name = "how", kind = "choice", choices = ["soft", "hard"], default = "soft", help = "How." },
]
[pipeline]
done = "restarted"
workflow = "restart.yml"
inputs = { environment = "{environment}", how = "{how}", deployment_id = "{deploy}" }
"#;

#[test]
fn a_good_file_is_good() {
    assert_eq!(problems(|text| text), "");
}

#[test]
fn every_mistake_in_a_file_of_ones_own_is_told_where_it_stands() {
    let replace = |old: &'static str, new: &'static str| {
        move |text: String| {
            assert!(text.contains(old), "{old}");
            text.replace(old, new)
        }
    };
    let rows: Vec<(&str, String)> = vec![
        ("no part", problems(|text| text.split("[pipeline]").next().unwrap().to_owned())),
        ("unknown key", problems(replace("done =", "read-only = true\ndone ="))),
        ("no workflow", problems(replace("workflow = \"restart.yml\"\n", ""))),
        ("a path", problems(replace("restart.yml", "../restart.yml"))),
        ("no id", problems(replace(", deployment_id = \"{deploy}\"", ""))),
        ("stands for nothing", problems(replace("{how}", "{hwo}"))),
        ("used nowhere", problems(replace("how = \"{how}\", ", ""))),
        (
            "no environment",
            problems(replace(
                "name = \"environment\", kind = \"environment\"",
                "name = \"environment\", kind = \"text\"",
            )),
        ),
        (
            "two services",
            problems(replace(
                "{ name = \"how\", kind = \"choice\", choices = [\"soft\", \"hard\"], default = \"soft\"",
                "{ name = \"how\", kind = \"service\"",
            )),
        ),
        (
            "a person",
            problems(replace(
                "kind = \"choice\", choices = [\"soft\", \"hard\"], default = \"soft\"",
                "kind = \"person\"",
            )),
        ),
        ("no choices", problems(replace("choices = [\"soft\", \"hard\"], ", ""))),
        ("odd choices", problems(replace("[\"soft\", \"hard\"]", "[\"soft\", \"-h\", \"so ft\", \"SOFT\"]"))),
        ("a default that is no choice", problems(replace("default = \"soft\"", "default = \"gone\""))),
        (
            "a default that is a secret",
            problems(replace(
                "kind = \"choice\", choices = [\"soft\", \"hard\"], default = \"soft\"",
                "kind = \"text\", default = \"ghp_0123\"",
            )),
        ),
        (
            "an argument that is a secret",
            problems(|text| text.replace("\"how\"", "\"api-token\"").replace("{how}", "{api-token}")),
        ),
        ("an input that is a secret", problems(replace("{how}", "{how} xoxb-1-2"))),
        ("everybody", problems(replace("role = \"deployer\"", "role = \"viewer\""))),
        ("approvals of what is read", problems(replace("done =", "read_only = true\napprovals = 1\ndone ="))),
        ("approvals nobody can give", problems(replace("done =", "approvals = 3\ndone ="))),
        ("an unknown version", problems(replace("done =", "version = \"head\"\ndone ="))),
        (
            "unknown places",
            problems(replace(
                "done =",
                "environments = [\"prodution\"]\nservices = [\"api\", \"tool\"]\ndone =",
            )),
        ),
        (
            "a shell",
            problems(replace("done =", "command = [\"sh\", \"-c\", \"./restart.sh {how}\"]\ndone =")),
        ),
        ("a program that people choose", problems(replace("done =", "command = [\"./{how}\"]\ndone ="))),
        (
            "keys of another kind",
            problems(replace("default = \"soft\"", "default = \"soft\", min = 1, longest = 3")),
        ),
        ("a built-in name", {
            let text = GOOD
                .replace("name = \"restart\"", "\nname = \"status\"")
                .replace("restart production", "status production");
            let found = Grammar::load(
                BUILTIN,
                vec![("own/status.toml".to_owned(), format!("slash = false\n{text}"))],
            );
            found.unwrap_err().iter().map(CommandFileProblem::to_string).collect::<Vec<_>>().join("\n")
        }),
        ("another action", problems(replace("action = \"pipeline\"", "action = \"status.show\""))),
    ];
    let quiet: Vec<&str> = rows.iter().filter(|(_, told)| told.is_empty()).map(|(what, _)| *what).collect();
    assert!(quiet.is_empty(), "nothing is said of: {quiet:?}");
    insta::assert_snapshot!(rows.iter().map(|(what, told)| format!("{what}\n{told}\n")).collect::<String>());
}

#[test]
fn a_text_that_a_program_would_run_is_refused_and_one_that_it_is_given_is_not() {
    let told = |command: &str| {
        problems(|text| {
            text.replace(
                "kind = \"choice\", choices = [\"soft\", \"hard\"], default = \"soft\"",
                "kind = \"text\"",
            )
            .replace("done =", &format!("command = {command}\ndone ="))
        })
    };
    for command in [
        r#"["python3", "-c", "print('{how}')"]"#,
        r#"["/usr/bin/python3.12", "-Ic", "print('{how}')"]"#,
        r#"["env", "A=b", "perl", "-e", "print '{how}'"]"#,
        r#"["ruby", "-eputs '{how}'"]"#,
        r#"["node", "--eval", "log('{how}')"]"#,
        r#"["psql", "--command={how}"]"#,
        r#"["ssh", "host", "restart {environment} {how}"]"#,
        r#"["ssh", "host", "restart", "{how}"]"#,
    ] {
        assert!(told(command).contains("what people type as {how}"), "{command}: {}", told(command));
    }
    for command in [
        r#"["python3", "restart.py", "{how}"]"#,
        r#"["python3", "-c", "import restart", "{how}"]"#,
        r#"["./restart.sh", "-c", "{how}"]"#,
    ] {
        assert_eq!(told(command), "", "{command}");
    }
    let choice = problems(|text| {
        text.replace("done =", "command = [\"ssh\", \"host\", \"restart {environment} {how}\"]\ndone =")
    });
    assert_eq!(choice, "", "these are words of the file and of the settings");
}

#[test]
fn an_argument_of_a_program_begins_with_a_dash_only_where_its_file_says_so() {
    let with = |dash: &str| {
        let text = GOOD
            .replace(
                "kind = \"choice\", choices = [\"soft\", \"hard\"], default = \"soft\"",
                &format!("kind = \"text\"{dash}"),
            )
            .replace("done =", "command = [\"./restart.sh\", \"{how}\"]\ndone =");
        Grammar::load(BUILTIN, vec![("restart.toml".to_owned(), text)]).unwrap_or_else(|p| panic!("{p:#?}"))
    };
    let say = "restart production --how=\"--force\"";
    let Parsed::Refused(refusal) = with("").parse(say, &names(), Entry::Mention) else {
        panic!("it was taken")
    };
    assert_eq!(refusal.code(), "bad_value");
    assert!(matches!(with(", dash = true").parse(say, &names(), Entry::Mention), Parsed::Understood(_)));
}
