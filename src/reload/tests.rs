//! What becomes of changed files. Not here: the bot that takes over (`tests/it/reload.rs`).

use super::*;
use shipgate_app::ports::Clock as _;

const GOOD: &str = r##"timezone = "UTC"
[slack]
transport = "socket"
team = "T0123"
[announce]
channel = "#deployments"
[people.ada]
slack = "U0ADA"
[people.grace]
slack = "U0GRACE"
[groups]
deployers = ["ada", "grace"]
[services.api]
default = true
provider = "github"
repo = "acme/api"
workflow = "deploy.yml"
ref = "main"
inputs = { version = "{version}", sha = "{sha}", deployment_id = "{deploy}" }
[environments.staging]
deployers = ["deployers"]
checks = "none"
"##;

fn environment(name: &str) -> Option<String> {
    let value = match name {
        "SLACK_BOT_TOKEN" => "xoxb-1-bot",
        "SLACK_APP_TOKEN" => "xapp-1-app",
        "GITHUB_TOKEN" => "ghp_token",
        "GITHUB_WEBHOOK_SECRET" => "hook",
        _ => return None,
    };
    Some(value.to_owned())
}

fn files() -> Files {
    Files { config: "shipgate.toml".into() }
}

fn saying(settings: &str, commands: &[(&str, &str)]) -> Content {
    let commands = commands.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    Content { settings: Ok(settings.to_owned()), commands: Ok(commands) }
}

fn became(content: Content) -> Judged {
    let settings = Settings::from_text(&files().config, GOOD, &environment).expect("good settings");
    let in_force = InForce { content: saying(GOOD, &[]), settings };
    let now = crate::wiring::SystemClock::default().now();
    judge(&files(), &content, &in_force, &Remembered::from(&environment), now)
}

fn changed(content: Content) -> Vec<String> {
    match became(content) {
        Judged::New(new) => new.changed,
        Judged::Same => panic!("they are not the same"),
        Judged::Refused(problems) => panic!("refused: {problems:?}"),
    }
}

fn refused(content: Content) -> Vec<String> {
    match became(content) {
        Judged::Refused(problems) => problems,
        Judged::Same => panic!("they are not the same"),
        Judged::New(new) => panic!("applied: {:?}", new.changed),
    }
}

#[test]
fn what_changed_is_told_by_its_keys() {
    assert!(matches!(became(saying(GOOD, &[])), Judged::Same));
    assert_eq!(changed(saying(&format!("# a comment\n{GOOD}"), &[])), Vec::<String>::new());
    let stricter = GOOD
        .replace("checks = \"none\"", "checks = \"all\"\nurl = \"https://staging.example.com\"")
        + "[[freezes]]\nname = \"Fair\"\nfrom = \"2099-01-01\"\nuntil = \"2099-01-02\"\n[environments.later]\n\
           deployers = [\"deployers\"]\nchecks = \"none\"\n";
    assert_eq!(
        changed(saying(&stricter, &[])),
        [
            "environments.staging.checks changed",
            "environments.staging.url was added",
            "environments.later was added",
            "freezes.“Fair” was added"
        ]
    );
}

#[test]
fn one_of_a_list_is_told_by_its_name_and_an_order_as_a_whole() {
    let freeze =
        |name: &str, day: u32| format!("[[freezes]]\nname = \"{name}\"\nfrom = \"2099-01-0{day}\"\n");
    let told = |before: &str, now: &str| {
        let all = settings::differences(before, now);
        all.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let (a, b) = (freeze("A", 1), freeze("B", 1));
    assert_eq!(told("", &format!("{a}{b}")), ["freezes.“A” was added", "freezes.“B” was added"]);
    assert_eq!(told(&a, ""), ["freezes.“A” was taken out"]);
    assert_eq!(told("", "[[x.y]]\nz = 1"), ["x was added"]);
    assert_eq!(told("[x]", "[x]\ny = [1]\n[groups]\ng = [\"ada\"]"), ["x.y were added", "groups were added"]);
    assert_eq!(told(&a, &format!("{a}{b}")), ["freezes.“B” was added"]);
    assert_eq!(told(&format!("{a}{b}"), &b), ["freezes.“A” was taken out"]);
    assert_eq!(told(&a, &freeze("A", 2)), ["freezes.“A” changed"]);
    assert_eq!(told(&format!("{a}{b}"), &format!("{b}{a}")), ["freezes changed"]);
    assert_eq!(told("a = 1\nb = 2", "b = 2\na = 1"), Vec::<String>::new());
}

#[test]
fn broken_settings_are_refused_with_their_place() {
    let told = refused(saying(&GOOD.replace("checks = \"none\"", "checks = \"nine\"\ncolour = 1"), &[]));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("shipgate.toml:22: ") && told[0].contains("nine"), "{told:?}");
    assert!(told[1].starts_with("shipgate.toml:23: ") && told[1].contains("colour"), "{told:?}");
    let gone = Content { settings: Err("there is no such file".into()), commands: Ok(Vec::new()) };
    assert_eq!(refused(gone), ["shipgate.toml cannot be read: there is no such file"]);
    assert!(!refused(saying("", &[])).is_empty(), "an empty file is no settings");
}

#[test]
fn what_check_calls_wrong_is_refused_though_a_start_would_take_it() {
    let never = GOOD.replace("checks = \"none\"", "checks = \"none\"\nschedule = \"s\"")
        + "[schedules.s]\nopen = [\"Mon-Sun 00:00-24:00\"]\n[[freezes]]\nname = \"All\"\nfrom = \"2020-01-01\"\n\
           until = \"2099-01-01\"\n";
    let told = refused(saying(&never, &[]));
    assert!(told.iter().any(|line| line.contains("not open for a single minute")), "{told:?}");
}

#[test]
fn what_is_read_at_the_start_refuses_all_of_it_and_names_the_key() {
    let both = GOOD.replace("team = \"T0123\"", "team = \"T0124\"").replace("\"none\"", "\"all\"");
    let told = refused(saying(&(both + "[http]\nlisten = \"127.0.0.1:9\"\n"), &[]));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("slack.team changed: ") && told[0].contains("Restart"), "{told:?}");
    assert!(told[1].starts_with("http was added: "), "{told:?}");
    for key in AT_START {
        assert!(key.bytes().all(|b| b.is_ascii_lowercase()), "{key} is a section");
    }
}

#[test]
fn commands_are_read_again_and_a_broken_one_refuses_all() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("restart.toml"), "name = \"restart\"\n").unwrap();
    let own = format!("{GOOD}[commands]\nfolder = \"{}\"\n", folder.path().display());
    let told = refused(saying(&own, &[("own/restart.toml", "name = \"restart\"\n")]));
    assert!(told.iter().any(|line| line.contains("restart.toml")), "{told:?}");
    std::fs::remove_file(folder.path().join("restart.toml")).unwrap();
    std::fs::remove_dir(folder.path()).unwrap();
    let told = refused(Content { commands: Err("cannot read the folder".into()), ..saying(&own, &[]) });
    assert!(told.iter().any(|line| line.contains("cannot be read")), "{told:?}");
}

#[test]
fn commands_are_judged_as_they_were_read_and_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/commands/restart.toml");
    let text = std::fs::read_to_string(example).unwrap();
    // Somebody has begun to write it again since.
    std::fs::write(folder.path().join("restart.toml"), "name = \"rest").unwrap();
    let own = format!("{GOOD}[commands]\nfolder = \"{}\"\n", folder.path().display());
    let Judged::New(new) = became(saying(&own, &[("own/restart.toml", &text)])) else {
        panic!("what was read is in order");
    };
    assert!(new.settings.grammar.command("restart").is_some());
    assert_eq!(new.changed, ["commands were added", "the command file own/restart.toml was added"]);
}

#[test]
fn the_same_content_has_one_fingerprint_wherever_its_folder_is() {
    let of = |path: &str, text: &str| saying(GOOD, &[(path, text)]).fingerprint();
    assert_eq!(of("/etc/shipgate/own/restart.toml", "a"), of("own/restart.toml", "a"));
    assert_ne!(of("own/restart.toml", "a"), of("own/restart.toml", "b"));
    assert_ne!(of("own/restart.toml", "a"), of("own/flag.toml", "a"));
}

#[test]
fn the_folder_of_commands_is_the_one_that_the_settings_name() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("shipgate.toml");
    std::fs::create_dir(folder.path().join("own")).unwrap();
    std::fs::write(folder.path().join("own/restart.toml"), "a").unwrap();
    std::fs::write(&config, "[commands]\nfolder = \"own\"\n").unwrap();
    let files = Files { config: config.clone() };
    let before = files.read();
    assert_eq!(before.commands.as_ref().map(Vec::len), Ok(1));
    std::fs::write(folder.path().join("own/restart.toml"), "b").unwrap();
    let after = files.read();
    assert_ne!(before, after, "a changed command is new content");
    assert_eq!(after.changed_commands(&before).len(), 1);
    std::fs::write(&config, "").unwrap();
    assert_eq!(files.read().commands, Ok(Vec::new()));
}

#[test]
fn secrets_are_those_of_the_start() {
    let remembered = Remembered::from(&environment);
    assert_eq!(remembered.value("SLACK_BOT_TOKEN").as_deref(), Some("xoxb-1-bot"));
    assert_eq!(remembered.value("SLACK_BOT_TOKEN_FILE"), None);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "xoxb-from-a-file\n").unwrap();
    let path = file.display().to_string();
    let remembered = Remembered::from(&|name| (name == "SLACK_BOT_TOKEN_FILE").then(|| path.clone()));
    std::fs::write(&file, "xoxb-another\n").unwrap();
    assert_eq!(remembered.value("SLACK_BOT_TOKEN").as_deref(), Some("xoxb-from-a-file\n"));
}
