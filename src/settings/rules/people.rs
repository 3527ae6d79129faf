//! `[people]` and `[groups]`. Not here: what members may do (`environments`).

use super::super::operations::is_id;
use super::super::problem::Finding;
use super::super::reader::{Section, Word, clip};
use super::{Kind, Names};
use shipgate_domain::ids::{Account, GroupName, PersonId, Platform};
use shipgate_domain::people::{Member, OutsideGroup};
use std::collections::BTreeMap;

/// Everybody under `[people]`. An account belongs to one person only: one human, one vote.
pub(super) fn people(root: &Section<'_>) -> BTreeMap<PersonId, Vec<Account>> {
    let mut people = BTreeMap::new();
    let mut owners: Vec<(String, String)> = Vec::new();
    for (name, section) in root.sections("people") {
        let person = name.text.parse::<PersonId>().ok().filter(|person| !person.as_str().contains(':'));
        if person.is_none() {
            let what = format!("“{}” is not a name for a person", clip(&name.text));
            let instead = "write 1 to 100 letters, digits and . _ - /, such as [people.ada]";
            section.note(Finding::at(name.place.clone(), "bad_name", what).instead(instead));
        }
        let accounts = accounts(&section);
        if accounts.is_empty() {
            let what = format!("“{}” has no account", clip(&name.text));
            let why = "nobody can act as a person without one";
            let found = Finding::at(name.place.clone(), "no_account", what).why(why).warning();
            section.note(found.instead("write slack = \"U0ADA\", the member id from the profile"));
        }
        for (account, word) in &accounts {
            // GitHub's names are the same in any case of letters.
            let key = account.to_string().to_lowercase();
            if let Some((_, owner)) = owners.iter().find(|(other, _)| *other == key) {
                let what = format!("the account {} is also {owner}'s", clip(&account.to_string()));
                let found = Finding::at(word.place.clone(), "duplicate", what).why("one human has one vote");
                section.note(found.instead("leave it with the person whose account it is"));
            }
            owners.push((key, clip(&name.text)));
        }
        people.extend(
            person.map(|person| (person, accounts.into_iter().map(|(account, _)| account).collect())),
        );
    }
    people
}

/// Whether a text has the form of a platform's ids.
type IsId = fn(&str) -> bool;

fn accounts(section: &Section<'_>) -> Vec<(Account, Word)> {
    let mut accounts = Vec::new();
    let rows: [(Platform, &str, IsId); 3] = [
        (Platform::Slack, "U0ADA", |id| is_id(id, &['U', 'W'])),
        (Platform::Github, "ada", |id| {
            // Source: GitHub's own rule for user names.
            (1..=39).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        }),
        (Platform::Discord, "1001", |id| {
            (1..=20).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit())
        }),
    ];
    for (platform, example, is_valid) in rows {
        if platform == Platform::Github && section.is_table("github") {
            accounts.extend(numbered(section));
            continue;
        }
        let Some(word) = section.text(platform.as_str(), example) else { continue };
        if is_valid(&word.text) {
            accounts.push((Account { platform, id: word.text.clone() }, word));
        } else {
            let what = format!("“{}” is not an account on {}", clip(&word.text), platform.as_str());
            let instead =
                format!("write {} = \"{example}\", the id and not the display name", platform.as_str());
            section.note(Finding::at(word.place, "bad_name", what).instead(instead));
        }
    }
    accounts
}

/// A GitHub account by its number, which stays the same when its name is given up and taken by somebody else.
/// `login` is for those who read the file.
fn numbered(section: &Section<'_>) -> Option<(Account, Word)> {
    let table = section.section("github")?;
    table.text("login", "ada");
    if table.place_of("id").is_none() {
        table.missing("id", "a name can be given up and taken by somebody else", "583231");
    }
    let (number, place) = table.number("id")?;
    Some((Account::github_number(number), Word { text: number.to_string(), place }))
}

/// Everything under `[groups]`.
pub(super) fn groups(root: &Section<'_>, names: &Names) -> BTreeMap<GroupName, Vec<Member>> {
    let mut groups = BTreeMap::new();
    let Some(section) = root.section("groups") else { return groups };
    for name in section.names() {
        let group = section.parse::<GroupName>(&name, "bad_name", "release-managers");
        let Some(list) = section.list(&name.text, "[\"ada\", \"slack:S0GROUP\"]") else { continue };
        if list.words.is_empty() {
            let what = format!("nobody is in group “{}”", clip(&name.text));
            let why = "what asks for it could never happen";
            let instead = "write the names of people, or a group of Slack: [\"ada\", \"slack:S0GROUP\"]";
            section.note(Finding::at(list.place.clone(), "empty_group", what).why(why).instead(instead));
        }
        let members: Vec<Option<Member>> =
            list.words.iter().map(|word| member(&section, word, names)).collect();
        // A group with a problem counts as unreadable, so that nothing follows from what is missing in it.
        let members = members.into_iter().collect::<Option<Vec<Member>>>().unwrap_or_default();
        groups.extend(group.map(|group| (group, members)));
    }
    groups
}

fn is_number(text: &str) -> bool {
    (1..=19).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0')
}

fn member(section: &Section<'_>, word: &Word, names: &Names) -> Option<Member> {
    let Some((platform, id)) = word.text.split_once(':') else {
        return names
            .check(section, Kind::Person, word)
            .then(|| word.text.parse().ok().map(Member::Person))?;
    };
    let (code, what, instead) = match platform {
        "slack" if is_id(id, &['S']) => {
            return Some(Member::Outside(OutsideGroup { platform: Platform::Slack, id: id.to_owned() }));
        }
        "discord" => {
            let what = "groups of Discord are not supported by this version".to_owned();
            ("not_supported", what, "write the names of people, or a group of Slack: \"slack:S0GROUP\"")
        }
        "github" if id.strip_prefix("team:").is_some_and(is_number) => {
            return Some(Member::Outside(OutsideGroup { platform: Platform::Github, id: id.to_owned() }));
        }
        "github" => {
            let what = format!("“{}” is no team of GitHub", clip(&word.text));
            (
                "bad_name",
                what,
                "write \"github:team:\" and the number of the team: gh api orgs/ORG/teams/NAME --jq .id",
            )
        }
        "slack" if is_id(id, &['U', 'W']) => {
            let what = format!("“{}” is one account, not a group", clip(&word.text));
            ("bad_name", what, "add the person under [people], and write their name here")
        }
        _ => {
            let what =
                format!("“{}” is neither a person nor a group of Slack or team of GitHub", clip(&word.text));
            (
                "bad_name",
                what,
                "write the name of a person, \"slack:S0GROUP\" with the id of a user group, or \"github:team:42\"",
            )
        }
    };
    section.note(Finding::at(word.place.clone(), code, what).instead(instead));
    None
}
