//! The settings and secrets of `compose.yaml`, made as docs/operating.md says, are good. Not here: containers.

use super::{Env, codes, root};
use crate::settings::{Problems, Settings, StoreSettings};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The group of the image's user, which secrets belong to.
const GROUP: &str = "65532";

fn text(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).expect("it is there")
}

/// What the page says is done to all secrets: `chmod 640 *`, `sudo chgrp 65532 *`.
fn documented(command: &str) -> String {
    let page = text("docs/operating.md");
    let said = page.lines().find_map(|line| line.strip_prefix(command)?.trim_start().split_once(" *"));
    said.expect("the page says it").0.to_owned()
}

/// The variables that name secrets, as the replicas see them, with files in this folder.
fn variables(folder: &Path) -> Env {
    let compose = text("compose.yaml");
    let replica = compose.split("x-replica:").nth(1).expect("replicas").split("\nservices:").next();
    let lines = replica.expect("its end").lines().filter_map(|line| line.split_once(": /run/secrets/"));
    lines.map(|(name, file)| (name.trim().to_owned(), folder.join(file).display().to_string())).collect()
}

fn read_with(mode: u32) -> Result<Settings, Problems> {
    let folder = tempfile::tempdir().expect("a folder");
    let variables = variables(folder.path());
    for (name, file) in &variables {
        let secret = match name.as_str() {
            "SLACK_BOT_TOKEN_FILE" => "xoxb-1-bot",
            "GITHUB_TOKEN_FILE" => "ghp_token",
            _ => "long and random",
        };
        std::fs::write(file, secret).expect("written");
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).expect("changed");
    }
    let path = root().join("compose/shipgate.toml");
    Settings::read(&path, &|name| variables.get(name).cloned())
}

#[test]
fn secrets_of_the_documented_mode_are_read_with_the_settings_of_compose() {
    let mode = u32::from_str_radix(&documented("chmod "), 8).expect("a mode");
    let settings = read_with(mode).expect("good");
    let StoreSettings::Postgres(address) = &settings.store else { panic!("PostgreSQL") };
    assert!(address.has_password());
    assert!(settings.slack.is_some() && settings.github.is_some());
    assert_eq!(mode & 0o040, 0o040, "the group of the containers could not read them");
    // The mode that lets everybody in is refused, once for each secret.
    assert_eq!(codes(read_with(0o444)), ["open_secret_file"; 5]);
}

#[test]
fn every_container_that_is_given_a_secret_is_in_the_group_of_the_files() {
    assert_eq!(documented("sudo chgrp "), GROUP);
    let image = text("Dockerfile");
    assert!(image.contains(&format!("USER {GROUP}:{GROUP}")), "{image}");
    let compose = text("compose.yaml");
    let services = compose.split("\nservices:").nth(1).and_then(|rest| rest.split("\nvolumes:").next());
    // One paragraph a service; the replicas run as the image says.
    for service in services.expect("services").split("\n\n").filter(|service| service.contains("secrets:")) {
        assert!(service.contains(&format!("group_add: [\"{GROUP}\"]")), "{service}");
    }
}
