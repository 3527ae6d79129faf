//! Whether what the settings say of a workspace is so in Slack. It only reads, so whether the app may write is not proven.
//! Not here: which settings (`shipgate check --online`).

use super::client::Slack;
use serde::Deserialize;
use serde_json::json;
use shipgate_app::ports::ChatError;

#[derive(Deserialize)]
struct Me {
    team_id: String,
    #[serde(default)]
    team: String,
}

#[derive(Deserialize)]
struct Info {
    channel: Membership,
}

#[derive(Deserialize)]
struct Membership {
    #[serde(default)]
    is_member: bool,
    #[serde(default)]
    is_archived: bool,
}

/// How the bot stands to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is in it.
    Member,
    /// It is not.
    Outside,
    /// Nobody can write there any more.
    Archived,
}

impl Slack {
    /// The workspace whose token this is: its id and its name.
    ///
    /// # Errors
    /// Slack cannot be asked, or does not accept the token.
    pub async fn workspace(&self) -> Result<(String, String), ChatError> {
        let me: Me = self.write("auth.test", "the bot token", &json!({})).await?;
        Ok((me.team_id, me.team))
    }

    /// How the bot stands to a channel.
    ///
    /// # Errors
    /// There is no such channel that the bot can see, or Slack cannot be asked.
    pub async fn standing(&self, channel: &str) -> Result<Standing, ChatError> {
        let id = self.channel_id(channel).await?;
        let info: Info = self.read("conversations.info", channel, &[("channel", &id)]).await?;
        Ok(match info.channel {
            Membership { is_archived: true, .. } => Standing::Archived,
            Membership { is_member: true, .. } => Standing::Member,
            Membership { is_member: false, .. } => Standing::Outside,
        })
    }
}
