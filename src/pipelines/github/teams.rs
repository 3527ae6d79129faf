//! Who is in a team of an organisation on GitHub, by the team's number. Not here: what members may do.

use super::GitHub;
use super::client::{Repo, in_path};
use super::limits::Urgency::Needed;
use super::models::{Team, TeamMember};
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use shipgate_app::ports::OutsideError;
use shipgate_domain::ids::Account;

/// Pages of a list that are read, at most; more is no list that could be complete.
const PAGES: usize = 50;

impl GitHub {
    /// The accounts in a team, complete. GitHub lists teams and members by names only, and a name can be taken over by
    /// another team while this reads: so the name is looked up by the number first, and its number is looked at again
    /// afterwards.
    pub(super) async fn team_members(
        &self,
        team: &str,
        repos: &[String],
    ) -> Result<Vec<Account>, OutsideError> {
        let refused = |why: String| OutsideError::Refused { why };
        let number: u64 = team.parse().map_err(|_| refused(format!("“{team}” is no number of a team")))?;
        let mut owners: Vec<Repo> = Vec::new();
        for repo in repos {
            let repo = Repo::parse(repo)?;
            if !owners.iter().any(|known| known.owner.eq_ignore_ascii_case(&repo.owner)) {
                owners.push(repo);
            }
        }
        for owner in &owners {
            let teams = format!("/orgs/{}/teams", in_path(&owner.owner));
            // Owners that are people have no teams.
            let Some(all) = self.whole_list::<Team>(owner, &teams).await? else { continue };
            let Some(found) = all.into_iter().find(|one| one.id == number) else { continue };
            let path = format!("{teams}/{}", in_path(&found.slug));
            let members = self.whole_list::<TeamMember>(owner, &format!("{path}/members")).await?;
            let answer = self.client.ask_at(Method::GET, owner, &path, None, Needed).await?;
            let is_same = answer.status.is_success() && answer.json::<Team>()?.id == number;
            return match members {
                Some(members) if is_same => {
                    Ok(members.into_iter().map(|member| Account::github_number(member.id)).collect())
                }
                _ => {
                    let why = format!("team {team} was renamed while its members were read");
                    Err(OutsideError::Later { why, after: None })
                }
            };
        }
        Err(refused(format!(
            "GitHub shows no team {team} to Shipgate: look at the number, and let its token read members of the \
             organisation"
        )))
    }

    /// All pages of a list; none when there is no such list.
    async fn whole_list<T: DeserializeOwned>(
        &self,
        owner: &Repo,
        path: &str,
    ) -> Result<Option<Vec<T>>, OutsideError> {
        let mut all = Vec::new();
        for page in 1..=PAGES {
            let path = format!("{path}?per_page=100&page={page}");
            let answer = self.client.ask_at(Method::GET, owner, &path, None, Needed).await?;
            if answer.status == StatusCode::NOT_FOUND {
                return Ok(None);
            }
            all.extend(self.client.expect(&answer, owner)?.json::<Vec<T>>()?);
            if !answer.has_next() {
                return Ok(Some(all));
            }
        }
        let why = format!("GitHub lists more than {PAGES} pages at {path}");
        Err(OutsideError::Later { why, after: None })
    }
}
