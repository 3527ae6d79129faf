//! What the demo's staging and production serve: read from the files that the deploy script switches. Not here:
//! switching them.

use super::repository::Tagged;
use anyhow::Context as _;
use async_trait::async_trait;
use serde::Deserialize;
use shipgate_web::playground::{Site, Sites};
use std::path::{Path, PathBuf};

/// What runs where before the first deploy: environment and index of the version.
pub const AT_FIRST: [(&str, usize); 2] = [("staging", 3), ("production", 1)];

/// The sites' folder.
pub struct DemoSites {
    root: PathBuf,
}

#[derive(Deserialize)]
struct Stored {
    title: String,
    tagline: String,
    palette: u8,
    broken_on: String,
}

/// Lets every environment serve what it serves at first.
pub fn prepare(root: &Path, versions: &[Tagged]) -> anyhow::Result<()> {
    for (environment, index) in AT_FIRST {
        let folder = root.join("sites").join(environment);
        std::fs::create_dir_all(&folder)?;
        let version = versions.get(index).context("the demo has this version")?;
        std::fs::write(folder.join("site.json"), &version.site)?;
        std::fs::write(folder.join("version"), version.version.as_str())?;
    }
    Ok(())
}

impl DemoSites {
    /// The sites under the demo's folder.
    pub fn new(root: &Path) -> Self {
        Self { root: root.join("sites") }
    }

    async fn site(&self, environment: &str) -> Site {
        let folder = self.root.join(environment);
        let stored = tokio::fs::read(folder.join("site.json")).await.ok();
        let stored = stored.and_then(|bytes| serde_json::from_slice::<Stored>(&bytes).ok());
        let version = tokio::fs::read_to_string(folder.join("version")).await.unwrap_or_default();
        let (title, tagline, palette, broken_on) = match stored {
            Some(s) => (s.title, s.tagline, s.palette, s.broken_on),
            None => (String::new(), String::new(), 0, environment.to_owned()),
        };
        Site {
            environment: environment.to_owned(),
            version: version.trim().to_owned(),
            title,
            tagline,
            palette,
            healthy: broken_on != environment,
            url: format!("https://{}harbour.example", if environment == "staging" { "staging." } else { "" }),
        }
    }
}

#[async_trait]
impl Sites for DemoSites {
    async fn sites(&self) -> Vec<Site> {
        let mut sites = Vec::new();
        for (environment, _) in AT_FIRST {
            sites.push(self.site(environment).await);
        }
        sites
    }
}
