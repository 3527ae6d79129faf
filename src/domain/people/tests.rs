//! Who may do what, as a table of roles and actions. Not here: what a grant is good for (`deploy`).

use super::{
    AccountFacts, Action, Away, Denied, Member, Memberships, Standing, absence_of_stand_in, authorize,
    circle, left_alone, who_is_there,
};
use crate::ids::{Account, PersonId, Platform};
use crate::samples::{THURSDAY, after, at, colleague, memberships, outside_group, parsed, policy, slack};

/// `y`: may. `.`: is in no group that may. `grace` deploys and releases, `linus` and `member` release, `olga` is on
/// call, `eve` is known and in no group, `stranger` is nobody's account.
const PRODUCTION: &str = "
            ada grace linus member olga eve stranger
deploy      y   y     .     .      .    .   .
rollback    y   y     .     .      .    .   .
rerun       y   y     .     .      .    .   .
approve     .   y     y     y      y    .   .
reject      .   y     y     y      y    .   .
cancel      y   y     y     y      y    .   .
hold        y   y     y     y      y    .   .
lock        y   y     y     y      y    .   .
unlock      .   y     y     y      y    .   .
freeze      .   y     y     y      y    .   .
resolve     .   y     y     y      y    .   .
incident    y   y     y     y      y    .   .
tick        y   y     y     y      .    .   .
read        y   y     y     y      y    y   y
";

/// Nobody approves or overrides there: what they would decide, those who deploy decide.
const STAGING: &str = "
            ada grace linus member olga eve stranger
deploy      y   y     .     .      .    .   .
rollback    y   y     .     .      .    .   .
rerun       y   y     .     .      .    .   .
approve     .   .     .     .      .    .   .
reject      y   y     .     .      .    .   .
cancel      y   y     .     .      .    .   .
hold        y   y     .     .      .    .   .
lock        y   y     .     .      .    .   .
unlock      y   y     .     .      .    .   .
freeze      y   y     .     .      .    .   .
resolve     y   y     .     .      .    .   .
incident    y   y     .     .      .    .   .
tick        y   y     .     .      .    .   .
read        y   y     y     y      y    y   y
";

/// Everywhere: only who may on each environment.
const EVERYWHERE: &str = "
            ada grace linus member olga eve stranger
deploy      y   y     .     .      .    .   .
rollback    y   y     .     .      .    .   .
rerun       y   y     .     .      .    .   .
approve     .   .     .     .      .    .   .
reject      .   y     .     .      .    .   .
cancel      y   y     .     .      .    .   .
hold        y   y     .     .      .    .   .
lock        y   y     .     .      .    .   .
unlock      .   y     .     .      .    .   .
freeze      .   y     .     .      .    .   .
resolve     .   y     .     .      .    .   .
incident    y   y     .     .      .    .   .
tick        y   y     .     .      .    .   .
read        y   y     y     y      y    y   y
";

fn account(who: &str) -> Account {
    slack(&format!("U0{}", who.to_uppercase()))
}

fn word(action: Action) -> String {
    serde_json::to_value(action).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn everybody_may_exactly_what_the_tables_say() {
    let policy = policy();
    let mut wrong = Vec::new();
    for (place, table) in [(Some("production"), PRODUCTION), (Some("staging"), STAGING), (None, EVERYWHERE)] {
        let environment = place.map(|name| policy.environment(name).unwrap());
        let mut lines = table.lines().filter(|line| !line.is_empty());
        let people: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
        let rows: Vec<Vec<&str>> = lines.map(|line| line.split_whitespace().collect()).collect();
        for action in Action::ALL {
            let row = rows.iter().find(|row| row[0] == word(action)).expect("each action has a row");
            assert_eq!(row.len(), people.len() + 1);
            for (who, expected) in people.iter().zip(&row[1..]) {
                let (members, facts) = (memberships(), colleague());
                let got = authorize(&policy, &members, &account(who), &facts, action, environment);
                let cell = match &got {
                    Ok(_) => "y",
                    Err(Denied::NotInGroup { .. }) => ".",
                    Err(other) => other.code(),
                };
                if cell != *expected {
                    wrong.push(format!("{who}, {}, {place:?}: {cell}", word(action)));
                }
            }
        }
        assert_eq!(rows.len(), Action::ALL.len());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the platform says of an account, and what that leaves of the rights of `grace`, who has them all.
#[test]
fn bots_the_deactivated_and_guests_change_nothing() {
    let policy = policy();
    let production = policy.environment("production");
    let facts = |active, bot, guest| AccountFacts { active, bot, guest, name: "Grace".to_owned() };
    let denied = |facts: &AccountFacts, action| {
        authorize(&policy, &memberships(), &slack("U0GRACE"), facts, action, production).err()
    };
    for action in Action::ALL {
        assert_eq!(denied(&facts(true, false, false), action), None);
        assert_eq!(denied(&facts(true, true, false), action), Some(Denied::Bot));
        assert_eq!(denied(&facts(true, true, true), action), Some(Denied::Bot));
        assert_eq!(denied(&facts(false, true, true), action), Some(Denied::Bot));
        assert_eq!(denied(&facts(false, false, false), action), Some(Denied::Deactivated));
        assert_eq!(denied(&facts(false, false, true), action), Some(Denied::Deactivated));
        assert_eq!(denied(&facts(true, false, true), action), Some(Denied::Guest));
    }
}

#[test]
fn an_unreadable_group_is_no_permission_unless_another_line_names_the_person() {
    let policy = policy();
    let production = policy.environment("production");
    let mut unreadable = Memberships::default();
    unreadable.insert(&outside_group(), Err("no answer".to_owned()));
    for unknown in [unreadable, Memberships::default()] {
        let approve = |who: &str| {
            authorize(&policy, &unknown, &account(who), &colleague(), Action::Approve, production)
        };
        assert!(approve("linus").is_ok(), "named in the settings");
        assert!(approve("olga").is_ok(), "named in another group");
        for who in ["member", "ada", "eve", "stranger"] {
            assert_eq!(approve(who).unwrap_err().code(), "group_unreadable", "{who}");
        }
        let deploy = authorize(&policy, &unknown, &account("eve"), &colleague(), Action::Deploy, production);
        assert_eq!(deploy.unwrap_err().code(), "not_in_group", "that group decides nothing here");
    }
}

#[test]
fn a_grant_names_the_person_behind_the_account_the_action_and_the_place() {
    let policy = policy();
    let second = Account { platform: Platform::Discord, id: "1001".to_owned() };
    let production = policy.environment("production");
    let grant =
        authorize(&policy, &memberships(), &second, &colleague(), Action::Approve, production).unwrap();
    assert_eq!(grant.person(), &parsed("grace"));
    assert_eq!(grant.account(), &second);
    assert_eq!(grant.action(), Action::Approve);
    assert_eq!(grant.environment(), Some(&parsed("production")));
    let everywhere = authorize(&policy, &memberships(), &second, &colleague(), Action::Freeze, None).unwrap();
    assert_eq!(everywhere.environment(), None);
}

#[test]
fn a_refusal_names_the_groups_whose_members_may() {
    let policy = policy();
    let production = policy.environment("production");
    let refused =
        authorize(&policy, &memberships(), &slack("U0ADA"), &colleague(), Action::Approve, production);
    let groups = vec![parsed("on-call"), parsed("release-managers")];
    let environment = parsed("production");
    let people = ["grace", "linus", "olga", "slack:U0MEMBER"].map(parsed).to_vec();
    assert_eq!(refused, Err(Denied::NotInGroup { action: Action::Approve, environment, groups, people }));
}

#[test]
fn whoever_may_not_is_told_whom_they_can_ask_now() {
    let policy = policy();
    let away = |person: &str, delegate: &str| Away {
        person: parsed(person),
        account: slack("U0"),
        delegate: parsed(delegate),
        from: at(THURSDAY),
        until: after(THURSDAY, 3600),
    };
    let named = |action: Action, away: Vec<Away>| {
        let mut outside = memberships();
        outside.set_away(away);
        let groups = [parsed("on-call"), parsed("release-managers")];
        who_is_there(&policy, &outside, action, &groups).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(named(Action::Lock, Vec::new()), ["grace", "linus", "olga", "slack:U0MEMBER"]);
    assert_eq!(named(Action::Lock, vec![away("linus", "eve")]), ["grace", "olga", "slack:U0MEMBER"]);
    assert_eq!(
        named(Action::Approve, vec![away("linus", "eve")]),
        ["grace", "olga", "slack:U0MEMBER", "eve"]
    );
    let all = ["grace", "linus", "olga", "slack:U0MEMBER"].map(|who| away(who, "nobody-here"));
    assert_eq!(
        named(Action::Lock, all.to_vec()),
        ["grace", "linus", "olga", "slack:U0MEMBER"],
        "somebody, at least"
    );
}

#[test]
fn the_same_id_on_another_platform_is_another_person() {
    let policy = policy();
    let impostor = Account { platform: Platform::Discord, id: "U0GRACE".to_owned() };
    let production = policy.environment("production");
    let refused = authorize(&policy, &memberships(), &impostor, &colleague(), Action::Approve, production);
    assert_eq!(refused.unwrap_err().code(), "not_in_group");
}

#[test]
fn whoever_is_named_stands_in_the_group_whatever_cannot_be_read() {
    let mut policy = policy();
    policy
        .groups
        .insert(parsed("mixed"), vec![Member::Outside(outside_group()), Member::Person(parsed("eve"))]);
    let standing = |who: &str| policy.standing(&parsed(who), &[parsed("mixed")], &Memberships::default());
    assert_eq!(standing("eve"), Standing::Member);
    assert!(matches!(standing("ada"), Standing::Unknown(why) if why.contains("S0GROUP")));
    assert_eq!(policy.standing(&parsed("eve"), &[], &memberships()), Standing::Stranger);
}

#[test]
fn people_who_are_away_for_each_other_leave_nobody() {
    let day = |number: i64| jiff::Timestamp::from_second(number * 86_400).expect("an instant");
    let away = |person: &str, delegate: &str, from, until| Away {
        person: parsed(person),
        account: slack("U0ADA"),
        delegate: parsed(delegate),
        from: day(from),
        until: day(until),
    };
    let names =
        |people: Vec<crate::ids::PersonId>| people.iter().map(ToString::to_string).collect::<Vec<_>>();
    let known = [away("grace", "linus", 0, 10), away("linus", "ada", 5, 10), away("eve", "grace", 0, 10)];
    for (new, people) in [
        (away("ada", "grace", 0, 10), vec!["grace", "linus", "ada"]),
        // Linus leaves when ada is back.
        (away("ada", "grace", 0, 5), vec![]),
        (away("ada", "olga", 0, 10), vec![]),
        (away("linus", "grace", 0, 10), vec!["grace", "linus"]),
        // What is said anew takes the place of what was said before.
        (away("grace", "eve", 0, 10), vec!["eve", "grace"]),
    ] {
        assert_eq!(names(circle(&known, &new)), people, "{} to {}", new.person, new.delegate);
    }
}

#[test]
fn whoever_stands_in_must_be_there_at_that_time() {
    let away = |person: &str, delegate: &str, from: i64, until: i64| Away {
        person: parsed(person),
        account: slack("U0"),
        delegate: parsed(delegate),
        from: after(THURSDAY, from),
        until: after(THURSDAY, until),
    };
    let grace = away("grace", "linus", 100, 200);
    let known = [away("olga", "linus", 0, 500), grace.clone()];
    assert_eq!(absence_of_stand_in(&known, &away("ada", "grace", 150, 300)), Some(&grace));
    assert_eq!(absence_of_stand_in(&known, &away("ada", "grace", 200, 300)), None, "she is back by then");
    assert_eq!(absence_of_stand_in(&known, &away("ada", "linus", 150, 300)), None);
    let nobody: [PersonId; 0] = [];
    assert_eq!(left_alone(&known, &away("linus", "eve", 150, 160)), [parsed("olga"), parsed("grace")]);
    assert_eq!(left_alone(&known, &away("linus", "eve", 300, 400)), [parsed("olga")]);
    assert_eq!(left_alone(&known, &away("ada", "eve", 0, 400)), nobody);
}
