//! Teams of an organisation on GitHub: found by number, read whole, never believed after a change of name. Not here: who
//! may do what.

use crate::fake::{Fake, FakeClock};
use serde_json::json;
use shipgate_app::ports::{OutsideError, Repositories as _};
use shipgate_domain::ids::Account;

const TEAMS: &str = "GET /orgs/acme/teams";
const TEAM: &str = "GET /orgs/acme/teams/release";
const MEMBERS: &str = "GET /orgs/acme/teams/release/members";

fn repos() -> Vec<String> {
    vec!["acme/api".to_owned(), "ACME/web".to_owned()]
}

/// Team 42 is called `release` when it is looked up.
async fn listed() -> Fake {
    let fake = Fake::start().await;
    let teams = json!([{ "id": 7, "slug": "docs" }, { "id": 42, "slug": "release" }]);
    fake.script(TEAMS, 200, &[], &teams.to_string());
    fake
}

#[tokio::test]
async fn the_members_of_a_team_are_read_from_all_pages_by_their_numbers() {
    let fake = listed().await;
    let next = [("link", "<https://api.example/x?page=2>; rel=\"next\"")];
    fake.script(MEMBERS, 200, &next, &json!([{ "id": 1, "login": "ada" }]).to_string());
    fake.script(MEMBERS, 200, &[], &json!([{ "id": 2, "login": "grace" }]).to_string());
    fake.script(TEAM, 200, &[], &json!({ "id": 42, "slug": "release" }).to_string());
    let members = fake.adapter(&FakeClock::new()).members("42", &repos()).await;
    assert_eq!(members, Ok(vec![Account::github_number(1), Account::github_number(2)]));
}

#[tokio::test]
async fn a_team_whose_name_went_to_another_one_meanwhile_is_not_believed() {
    let fake = listed().await;
    fake.script(MEMBERS, 200, &[], &json!([{ "id": 6, "login": "mallory" }]).to_string());
    fake.script(TEAM, 200, &[], &json!({ "id": 43, "slug": "release" }).to_string());
    let members = fake.adapter(&FakeClock::new()).members("42", &repos()).await;
    assert!(matches!(members, Err(OutsideError::Later { .. })), "{members:?}");
}

#[tokio::test]
async fn a_team_that_nobody_shows_has_unknown_members_and_not_none() {
    let fake = Fake::start().await;
    fake.script(TEAMS, 200, &[], "[]");
    let members = fake.adapter(&FakeClock::new()).members("42", &repos()).await;
    let Err(OutsideError::Refused { why }) = members else { panic!("{members:?}") };
    assert!(why.contains("team 42"), "{why}");
}

#[tokio::test]
async fn members_that_cannot_be_read_are_unknown() {
    let fake = listed().await;
    fake.script(MEMBERS, 502, &[], "bad gateway");
    let members = fake.adapter(&FakeClock::new()).members("42", &repos()).await;
    assert!(members.is_err(), "{members:?}");
}
