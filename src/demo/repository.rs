//! The demo's Git repository: a small site with tags, made anew at every start. Not here: deploying it.

use anyhow::{Context as _, bail};
use shipgate_domain::ids::{CommitId, Version};
use std::path::Path;
use std::process::Command;

/// A tag of the repository.
#[derive(Clone, Debug)]
pub struct Tagged {
    /// The tag.
    pub version: Version,
    /// Its commit.
    pub commit: CommitId,
    /// First line of its message.
    pub title: &'static str,
    /// Who made it.
    pub author: &'static str,
    /// What it serves, as JSON.
    pub site: String,
}

/// Tag, author, message, tagline, palette, environment on which it fails.
const VERSIONS: [(&str, &str, &str, &str, u8, &str); 5] = [
    ("v1.2.0", "Linus", "Open the shop", "Coffee from the harbour", 0, ""),
    ("v1.2.1", "Ada", "Show opening hours (#41)", "Open from six, also on Sundays", 1, ""),
    ("v1.2.2", "Linus", "Add the tea menu (#43)", "Now with tea", 2, ""),
    ("v1.2.3", "Ada", "Faster checkout (#47)", "Paid before it is poured", 3, ""),
    ("v1.3.0", "Linus", "Sell cold brew (#52)", "Cold brew is here", 4, "production"),
];

/// Makes the repository with all its tags.
pub fn create(folder: &Path) -> anyhow::Result<Vec<Tagged>> {
    std::fs::create_dir_all(folder)?;
    let script = folder.join("deploy.sh");
    std::fs::write(&script, include_str!("site/deploy.sh"))?;
    executable(&script)?;
    git(folder, &["init", "--quiet", "--initial-branch=main"], "Shipgate")?;
    let mut tagged = Vec::new();
    for (version, author, title, tagline, palette, broken_on) in VERSIONS {
        let site = serde_json::to_string_pretty(&serde_json::json!({
            "title": "Harbour Coffee",
            "tagline": tagline,
            "palette": palette,
            "broken_on": broken_on,
        }))?;
        std::fs::write(folder.join("site.json"), format!("{site}\n"))?;
        git(folder, &["add", "."], author)?;
        git(folder, &["commit", "--quiet", "--message", title], author)?;
        git(folder, &["tag", version], author)?;
        let commit = git(folder, &["rev-parse", "HEAD"], author)?;
        let commit = commit.trim().parse().context("git gives a commit id")?;
        tagged.push(Tagged {
            version: version.parse().context("a tag of the demo")?,
            commit,
            title,
            author,
            site,
        });
    }
    Ok(tagged)
}

fn git(folder: &Path, arguments: &[&str], author: &str) -> anyhow::Result<String> {
    let email = format!("{}@example.com", author.to_lowercase());
    let output = Command::new("git")
        .args(["-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", "-c", "tag.gpgSign=false"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_NAME", author)
        .env("GIT_AUTHOR_EMAIL", &email)
        .env("GIT_COMMITTER_NAME", author)
        .env("GIT_COMMITTER_EMAIL", &email)
        .output()
        .context("cannot start git. The demo makes a small Git repository: install git and try again")?;
    if !output.status.success() {
        bail!("git {} failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn executable(file: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}
