//! Sentences whose words have been wrong before, and lengths. Not here: how they look on a platform.

use super::*;
use crate::words::{Block, Message};
use jiff::Timestamp;
use shipgate_domain::calendar::{Calendar, Freeze, FreezeId, FreezeOrigin, FreezeScope, FreezeWhen, Lead};
use shipgate_domain::deploy::{Kind, Outcome, Pinned, Ran, Request, StartWhen, State};
use shipgate_domain::facts::{Change, Diff, Outside, Pin, Read, RefKind};
use shipgate_domain::gates::{Answer, Gate, Helpers, Reason, Verdict};
use shipgate_domain::ids::DeployId;
use shipgate_domain::people::{Action, Away, Denied, Memberships};
use shipgate_domain::run::{Conclusion, FailedStep, Job, Progress, Run, Standing};

const NOW: &str = "2026-12-20T09:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn policy() -> Policy {
    serde_json::from_value(serde_json::json!({
        "zone": "Europe/Berlin", "people": {}, "groups": {}, "schedules": {}, "freezes": [],
        "services": { "api": { "name": "api", "default": true, "pipeline": {
            "provider": "github", "repo": "acme/api", "workflow": "deploy.yml", "git_ref": "main", "inputs": {},
            "command": [] } } },
        "environments": { "production": {
            "name": "production", "aliases": [], "after": null, "schedule": null, "deployers": ["team"],
            "approvals": { "needed": 0, "from": [], "own": false, "expires": "PT4H" },
            "overrides": { "needed": 1, "from": [] }, "checks": "none", "queue": "environment",
            "rollback": { "needed": 0, "in_window_only": false }, "url": null } },
    }))
    .expect("a policy")
}

fn words(policy: &Policy) -> Words<'_> {
    Words { policy, now: at(NOW) }
}

fn plain(message: &Message) -> String {
    let mut lines = vec![message.title.to_plain()];
    for block in &message.blocks {
        match block {
            Block::Paragraph(text) => lines.push(text.to_plain()),
            Block::List(items) => lines.extend(items.iter().map(Text::to_plain)),
            Block::Fields(fields) => {
                lines.extend(fields.iter().map(|(name, text)| format!("{name}: {}", text.to_plain())));
            }
            Block::Code(code) => lines.extend(code.iter().cloned()),
        }
    }
    lines.join("\n")
}

fn diff(base: char, version: &str, titles: &[&str]) -> Diff {
    let change = |title: &&str| Change {
        commit: "c".repeat(40).parse().expect("a commit"),
        title: (*title).to_owned(),
        author: "grace".to_owned(),
        pull: None,
        writers: Vec::new(),
    };
    Diff {
        base: base.to_string().repeat(40).parse().expect("a commit"),
        base_version: version.parse().expect("a version"),
        commits: titles.iter().map(change).collect(),
        total: titles.len() as u64,
        behind: 0,
        url: None,
    }
}

/// A deploy of v1.2.3 to production, asked for by ada.
fn deploy(kind: Kind, when: StartWhen) -> Deploy {
    let request = Request {
        kind,
        service: "api".parse().expect("a name"),
        environment: "production".parse().expect("a name"),
        version: "v1.2.3".parse().expect("a version"),
        by: "ada".parse().expect("a person"),
        account: Account { platform: Platform::Slack, id: "U0ADA".into() },
        at: at(NOW),
        reason: None,
        emergency: None,
        when,
        accepts: Default::default(),
    };
    let version = "a".repeat(64).parse().expect("64 hex digits");
    let mut deploy = Deploy::new(DeployId::new(at(NOW), [0; 10]), request, version);
    let pin = Pin {
        commit: "a".repeat(40).parse().expect("a commit"),
        kind: RefKind::Tag,
        title: "Sell more".into(),
        author: "grace".into(),
    };
    let service = policy().services.into_values().next().expect("one");
    let (plan, digest) = shipgate_domain::deploy::plan_and_digest(
        &deploy.id,
        &deploy.request,
        &pin.commit,
        &service,
        &deploy.policy,
        None,
    );
    let diff = Read::Known(Some(diff('b', "v1.2.2", &["Seen when it was asked for"])));
    deploy.pinned = Some(Pinned { pin, diff, plan, digest });
    deploy
}

fn chat_freeze(reason: &str) -> Freeze {
    Freeze {
        id: FreezeId("chat-1".into()),
        name: "Incident 42".into(),
        scope: FreezeScope::default(),
        zone: policy().zone,
        when: FreezeWhen::instants(at("2026-12-19T09:00Z"), Some(at("2027-01-02T09:00Z"))).expect("a freeze"),
        origin: FreezeOrigin::Chat { by: "grace".into(), reason: reason.into() },
    }
}

#[test]
fn a_length_has_at_most_two_units() {
    let cases =
        [(0, "0 s"), (59, "59 s"), (60, "1 min"), (72, "1 min 12 s"), (3600, "1 h"), (7500, "2 h 5 min")];
    for (seconds, said) in cases {
        assert_eq!(duration(SignedDuration::from_secs(seconds)), said);
    }
    assert_eq!(duration(SignedDuration::from_hours(76)), "3 d 4 h");
}

#[test]
fn a_run_that_was_stopped_is_not_said_to_have_done_nothing() {
    let policy = policy();
    let mut deploy = deploy(Kind::Deploy, StartWhen::Now);
    let run = Run { id: "run-1".parse().expect("a run id"), attempt: 1, url: None };
    let progress =
        Progress { standing: Standing::Ended(Conclusion::Cancelled), jobs: Vec::new(), failed: None };
    let outcome = Outcome::Cancelled { by: "ada".parse().expect("a person"), reason: None };
    deploy.state = State::Done { outcome, at: at(NOW), ran: Some(Ran { run, since: at(NOW), progress }) };
    let said = plain(&words(&policy).result(&deploy));
    assert!(said.starts_with("production may or may not run api v1.2.3"), "{said}");
    assert!(said.contains("Stopped by ada. Nobody knows how far the run came"), "{said}");
    assert!(said.contains("/rollback production"), "{said}");
}

fn ended(outcome: Outcome, ran: Option<Progress>) -> Deploy {
    let mut deploy = deploy(Kind::Deploy, StartWhen::Now);
    let run = Run { id: "run-1".parse().expect("a run id"), attempt: 1, url: None };
    let ran = ran.map(|progress| Ran { run, since: at(NOW), progress });
    deploy.state = State::Done { outcome, at: at(NOW), ran };
    deploy
}

#[test]
fn a_run_that_was_stopped_before_its_first_job_changed_nothing() {
    let policy = policy();
    let job = |started| Job {
        name: "deploy".into(),
        standing: Standing::Ended(Conclusion::Cancelled),
        started,
        ended: Some(at(NOW)),
        url: None,
    };
    let said = |jobs: Vec<Job>| {
        let outcome = Outcome::Cancelled {
            by: "shipgate".parse().expect("a name"),
            reason: Some("Sale began before the run did".into()),
        };
        let standing = Standing::Ended(Conclusion::Cancelled);
        plain(&words(&policy).result(&ended(outcome, Some(Progress { standing, jobs, failed: None }))))
    };
    let unbegun = said(vec![job(None)]);
    assert!(unbegun.starts_with("production did not get api v1.2.3"), "{unbegun}");
    assert!(unbegun.contains("(Sale began before the run did): nothing was changed"), "{unbegun}");
    assert!(!unbegun.contains("/rollback"), "{unbegun}");
    for begun in [vec![], vec![job(None), job(Some(at(NOW)))]] {
        assert!(said(begun).starts_with("production may or may not run"));
    }
}

#[test]
fn after_a_failure_people_are_sent_only_to_what_there_is() {
    let policy = policy();
    let failed = || Outcome::Failed { why: "GitHub refused it: 422".into(), closed_by: None };
    let said = |deploy: &Deploy| plain(&words(&policy).result(deploy));
    let unsent = said(&ended(failed(), None));
    assert!(unsent.contains("GitHub refused it: 422. No run was started."), "{unsent}");
    assert!(unsent.contains("/deploy production v1.2.3"), "{unsent}");
    for absent in ["log", "/rollback", "Re-run"] {
        assert!(!unsent.contains(absent), "{absent}: {unsent}");
    }
    let standing = Standing::Ended(Conclusion::Failure);
    let step = FailedStep { job: "deploy".into(), step: None, log: vec!["boom".into()], url: None };
    let progress = |failed| Progress { standing: standing.clone(), jobs: Vec::new(), failed };
    let logged = said(&ended(failed(), Some(progress(Some(step)))));
    assert!(logged.contains("the card's log, then /rollback production or Re-run failed jobs."), "{logged}");
    let mut first = ended(failed(), Some(progress(None)));
    first.pinned.as_mut().expect("a pin").diff = Read::Known(None);
    let first = said(&first);
    assert!(first.contains("look at its run, then Re-run failed jobs."), "{first}");
}

#[test]
fn what_is_over_is_not_said_to_ask_again() {
    let policy = policy();
    let mut deploy = ended(Outcome::Refused, None);
    deploy.verdicts = vec![Verdict {
        gate: Gate::Version,
        answer: Answer::Closed,
        reason: Reason::VersionUnreadable { why: "its service is no longer in the settings".into() },
        until: None,
        helpers: Helpers::default(),
    }];
    let line = |deploy: &Deploy| words(&policy).card(deploy).gates[0].text.to_plain();
    assert_eq!(line(&deploy), "cannot be checked (its service is no longer in the settings)");
    deploy.state = State::Requested { problem: None };
    assert!(line(&deploy).ends_with("; asking again by itself"));
}

#[test]
fn a_freeze_names_who_waits_without_what_they_waited_for_before() {
    let policy = policy();
    let freeze = chat_freeze("");
    let calendar = Calendar::compile(&policy.schedules, std::slice::from_ref(&freeze), at(NOW));
    let occurrence = calendar.occurrences(at(NOW), at("2027-02-01T00:00Z"))[0];
    let mut waiting = deploy(Kind::Deploy, StartWhen::Now);
    waiting.verdicts = vec![Verdict {
        gate: Gate::Freeze,
        answer: Answer::Closed,
        reason: Reason::CalendarUnreadable,
        until: None,
        helpers: Helpers::default(),
    }];
    let around = crate::freezes::Around { waiting: vec![waiting], ..Default::default() };
    let over = plain(&words(&policy).reminder(&occurrence, Lead::End, &around));
    assert!(over.contains("are judged now:\napi v1.2.3 → production, asked by"), "{over}");
    assert!(!over.contains(": freeze"), "{over}");
}

#[test]
fn who_may_use_a_command_is_said_of_that_command() {
    let policy = policy();
    let production = policy.environment("production").expect("it exists");
    let said = |action, command| {
        plain(&words(&policy).who_can(Some((action, command)), production, &Memberships::default()))
    };
    let restart = said(Action::Deploy, Some("restart"));
    assert!(restart.starts_with("Who may use restart on production\nuse restart: team"), "{restart}");
    let status = said(Action::Read, Some("kube-status"));
    assert_eq!(status, "Who may use kube-status on production\nEverybody.");
    assert!(said(Action::Deploy, None).starts_with("Who may deploy on production\ndeploy: team"));
}

#[test]
fn the_owner_of_a_warning_reads_what_took_its_place() {
    use shipgate_domain::facts::{Lock, LockKind};
    let policy = policy();
    let lock = |by: &str, kind, reason: &str| Lock {
        environment: "production".parse().expect("a name"),
        by: by.parse().expect("a person"),
        reason: reason.into(),
        since: at(NOW),
        until: None,
        quarantine: None,
        kind,
        length: None,
    };
    let now = lock("linus", LockKind::Everyone, "real work");
    let warned = plain(&words(&policy).lock_stolen(&now, &lock("ada", LockKind::Warn, "slow db")));
    assert!(
        warned.contains("ada: your warning (slow db) gave way to a lock of linus, because: real work."),
        "{warned}"
    );
    let held = plain(&words(&policy).lock_stolen(&now, &lock("ada", LockKind::Everyone, "slow db")));
    assert!(held.contains("your lock (slow db) was taken over by linus"), "{held}");
}

#[test]
fn a_place_in_line_is_not_promised_while_a_lock_stands() {
    let policy = policy();
    let line = |is_kept_out| {
        let reason = Reason::InLine {
            active: None,
            ahead: 1,
            expected: None,
            behind: 0,
            took: Vec::new(),
            unknown: Vec::new(),
            untried: Vec::new(),
            is_overdue: false,
            is_kept_out,
        };
        let verdict = Verdict {
            gate: Gate::Queue,
            answer: Answer::Waiting,
            reason,
            until: None,
            helpers: Helpers::default(),
        };
        words(&policy).gate_line(&verdict).text.to_plain()
    };
    assert_eq!(line(false), "2nd of 2 in line");
    assert_eq!(line(true), "1 other ready to go before it; its place in line is known once all else is open");
}

#[test]
fn a_checklist_is_of_the_day_of_the_start_and_what_is_posted_last_is_true() {
    use shipgate_domain::checklist::{Checklist, Did, Item, Stroke};
    use shipgate_domain::people::Member;
    let mut policy = policy();
    let after = ["Looked at the graphs", "Told support"].map(|text| Item {
        text: text.into(),
        fact: None,
        who: Vec::new(),
        with_migrations: false,
        optional: false,
    });
    let place = policy.environments.values_mut().next().expect("one");
    place.preflight.checklist = Some(Checklist { after: after.to_vec(), ..Checklist::default() });
    let person = |name: &str| name.parse::<PersonId>().expect("a person");
    policy.people.insert(person("ada"), Default::default());
    policy.groups.insert("team".parse().expect("a group"), vec![Member::Person(person("ada"))]);

    let progress =
        Progress { standing: Standing::Ended(Conclusion::Success), jobs: Vec::new(), failed: None };
    let mut deploy = ended(Outcome::Succeeded, Some(progress));
    deploy.request.at = at("2026-12-18T09:00:00Z");
    deploy.verdicts = vec![Verdict {
        gate: Gate::Approvals,
        answer: Answer::Open,
        reason: Reason::NoApprovals,
        until: None,
        helpers: Helpers::default(),
    }];
    let words = words(&policy);
    let page = plain(&words.checklist_page(&deploy, "Checklist of"));
    assert!(page.contains("- Date: 2026-12-20"), "the run was started two days after the request: {page}");
    let mark = |deploy: &Deploy, item: usize, did| {
        let mut marked = deploy.clone();
        marked.strokes.push(Stroke {
            item: after[item].text.clone(),
            did,
            by: person("ada"),
            account: Account { platform: Platform::Slack, id: "U0ADA".into() },
            digest: deploy.digest().expect("a digest").clone(),
            at: at(NOW),
            drawing: format!("{}", deploy.strokes.len()),
        });
        marked
    };
    let one = mark(&deploy, 0, Did::Tick);
    let both = mark(&one, 1, Did::Tick);
    let back = mark(&both, 0, Did::Untick);
    let again = mark(&back, 0, Did::Tick);
    assert_eq!(words.checklist_turned(&deploy, &one), None);
    assert_eq!(words.checklist_turned(&one, &both), Some("Everything is ticked:"));
    assert_eq!(words.checklist_turned(&both, &back), Some("Not everything is ticked any more:"));
    assert_eq!(words.checklist_turned(&back, &again), Some("Everything is ticked:"));
}

#[test]
fn the_changes_are_those_since_what_runs_now() {
    let policy = policy();
    let mut deploy = deploy(Kind::Rollback { from: None }, StartWhen::Now);
    let shown = |deploy: &Deploy| {
        let card = words(&policy).card(deploy);
        let facts: Vec<String> = card.facts.iter().map(|(_, text)| text.to_plain()).collect();
        let changes: Vec<String> = card.changes.iter().map(Text::to_plain).collect();
        format!("{}\n{}", facts.join("\n"), changes.join("\n"))
    };
    let before = shown(&deploy);
    assert!(before.contains("Seen when it was asked for") && before.contains("since v1.2.2"), "{before}");
    deploy.outside = Some(Outside {
        read_at: at(NOW),
        resolves_to: Read::Known(None),
        reachable: Read::Known(true),
        checks: Read::Known(Vec::new()),
        memberships: Memberships::default(),
        rebased: Some(Read::Known(diff('d', "v1.2.4", &["Went live meanwhile"]))),
        preflight: Default::default(),
    });
    let after = shown(&deploy);
    assert!(after.contains("Went live meanwhile") && after.contains("since v1.2.4"), "{after}");
    assert!(!after.contains("Seen when"), "{after}");
}

#[test]
fn a_list_of_freezes_says_what_it_leaves_out() {
    let policy = policy();
    let freezes: Vec<Freeze> = (0..7).map(|_| chat_freeze("a sale")).collect();
    let calendar = Calendar::compile(&policy.schedules, &freezes, at(NOW));
    let later = calendar.occurrences(at(NOW), at("2027-02-01T00:00Z"));
    let list = || words(&policy).freeze_list("Freezes", &[]);
    let said = plain(&words(&policy).with_later_freezes(list(), 0, &later[..1]));
    assert!(said.contains(&format!("Later: {}, from Sat 19 Dec, 10:00.", freezes[0].name)), "{said}");
    let many = plain(&words(&policy).with_later_freezes(list(), 3, &later));
    assert!(many.contains("And 3 more times in these days.") && many.contains("; and 2 others."), "{many}");
    assert_eq!(plain(&words(&policy).with_later_freezes(list(), 0, &[])), plain(&list()));
}

#[test]
fn a_freeze_of_chat_is_told_with_its_reason_and_the_year_where_it_is_another() {
    let policy = policy();
    let freeze = chat_freeze("the database is slow");
    let calendar = Calendar::compile(&policy.schedules, std::slice::from_ref(&freeze), at(NOW));
    let occurrences = calendar.occurrences(at(NOW), at("2027-02-01T00:00Z"));
    let list = plain(&words(&policy).freeze_list("Freezes", &occurrences));
    assert!(list.contains("Sat 19 Dec, 10:00 to Sat 2 Jan 2027, 10:00"), "{list}");
    assert!(list.contains("the database is slow"), "{list}");
    for lead in [Lead::Start, "1h before end".parse().expect("a reminder time"), Lead::End] {
        let reminder = plain(&words(&policy).reminder(&occurrences[0], lead, &Default::default()));
        assert!(reminder.contains("the database is slow"), "{lead}: {reminder}");
    }
    let by = "grace".parse().expect("a person");
    let added = plain(&words(&policy).freeze_added(&freeze, at(NOW), at("2027-01-02T09:00Z"), &by));
    assert!(added.contains("the database is slow"), "{added}");
    let verdict = Verdict {
        gate: Gate::Freeze,
        answer: Answer::Closed,
        reason: Reason::Frozen {
            names: vec!["Incident 42".into()],
            from: at(NOW),
            passes: Vec::new(),
            why: vec!["the database is slow".into()],
        },
        until: Some(at("2027-01-02T09:00Z")),
        helpers: Helpers::default(),
    };
    let line = words(&policy).gate_line(&verdict).text.to_plain();
    assert!(line.starts_with("Incident 42 (the database is slow) until Sat 2 Jan 2027"), "{line}");
}

#[test]
fn whoever_plans_for_a_time_that_cannot_be_is_told_what_can() {
    let policy = policy();
    let words = words(&policy);
    let ahead = SignedDuration::from_hours(14 * 24);
    let far = plain(&words.cannot_plan_for(at("2027-02-01T08:00Z"), ahead));
    assert!(far.contains("Name a time before Sun 3 Jan 2027, 10:00"), "{far}");
    assert!(far.contains("ask again from Mon 18 Jan 2027, 09:00"), "{far}");
    let past = plain(&words.cannot_plan_for(at("2026-12-20T08:00Z"), ahead));
    assert!(past.contains("--at \"tomorrow 9:00\""), "{past}");

    let mut deploy = deploy(Kind::Deploy, StartWhen::At(at("2026-12-26T08:00Z")));
    deploy.state = State::Done { outcome: Outcome::Refused, at: at(NOW), ran: None };
    let closed = |until| Verdict {
        gate: Gate::Schedule,
        answer: Answer::Closed,
        reason: Reason::OutsideWindow { schedule: "office".into() },
        until,
        helpers: Helpers::default(),
    };
    deploy.verdicts = vec![closed(Some(at("2026-12-28T08:00Z")))];
    let refused = words.card(&deploy).status.to_plain();
    assert!(refused.contains("Plan it for --at \"2026-12-28 09:00\""), "{refused}");
    assert!(refused.contains("--when-open"), "{refused}");
    deploy.verdicts = vec![closed(None)];
    let refused = words.card(&deploy).status.to_plain();
    assert!(refused.contains("/when production"), "{refused}");
}

#[test]
fn whoever_may_not_note_an_emergency_reads_that_and_nothing_of_cancelling() {
    let policy = policy();
    let denied = Denied::NotInGroup {
        action: Action::Incident,
        environment: "production".parse().expect("a name"),
        groups: vec!["team".parse().expect("a group")],
        people: Vec::new(),
    };
    let said = plain(&words(&policy).denied(Action::Incident, &denied));
    assert!(said.contains("You may not note what became of an emergency on production"), "{said}");
    let production = policy.environment("production").expect("it exists");
    let all = plain(&words(&policy).who_can(None, production, &Memberships::default()));
    assert!(all.contains("note what became of an emergency: team"), "{all}");
}

#[test]
fn whoever_may_not_reads_the_names_of_a_few_who_may_and_nobody_is_disturbed() {
    let policy = policy();
    let denied = |people: &[&str]| Denied::NotInGroup {
        action: Action::Lock,
        environment: "production".parse().expect("a name"),
        groups: vec!["rm".parse().expect("a group")],
        people: people.iter().map(|name| name.parse().expect("a person")).collect(),
    };
    let answer = words(&policy).denied(Action::Lock, &denied(&["grace", "linus"]));
    let said = plain(&answer);
    assert!(said.contains("Only rm may. Ask grace and linus."), "{said}");
    let text = serde_json::to_string(&answer).expect("plain data");
    assert!(!text.contains("\"notify\":true"), "{text}");
    let many = plain(&words(&policy).denied(Action::Lock, &denied(&["a", "b", "c", "d", "e", "f", "g"])));
    assert!(many.contains("Ask a, b, c, d and e and 2 others."), "{many}");
    let none = plain(&words(&policy).denied(Action::Lock, &denied(&[])));
    assert!(none.contains("Only rm may.") && !none.contains("Ask"), "{none}");
}

#[test]
fn two_requests_of_the_same_command_are_told_apart_by_their_arguments() {
    let policy = policy();
    let words = words(&policy);
    let restart = |how: &str| {
        let asked = shipgate_domain::deploy::Asked {
            name: "restart".parse().expect("a name"),
            args: [("how", how), ("reason", "it hangs")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            live: None,
            read_only: false,
            arguments: String::new(),
        };
        deploy(Kind::Action(asked), StartWhen::Now)
    };
    let said = plain(&words.approval_wanted(&restart("hard")));
    assert!(said.contains("restart api → production with how hard, asked for by ada"), "{said}");
    let several = [restart("hard"), restart("soft")];
    let crate::commands::Parsed::Understood(cancel) = crate::commands::Grammar::builtin().parse(
        "cancel",
        &crate::commands::Names::default(),
        crate::commands::Entry::Mention,
    ) else {
        panic!("it is understood")
    };
    let said = plain(&words.which_deploy(&cancel, &several));
    assert!(said.contains("restart of api → production with how hard, "), "{said}");
    assert!(said.contains("restart of api → production with how soft, "), "{said}");
    let none = plain(&words.approval_wanted(&deploy(Kind::Deploy, StartWhen::Now)));
    assert!(none.contains("production, asked for by ada"), "{none}");
}

fn person(name: &str) -> PersonId {
    name.parse().expect("a person")
}

/// Grace approves for ada until Christmas.
fn ada_is_away() -> Away {
    Away {
        person: person("ada"),
        account: Account { platform: Platform::Slack, id: "U0ADA".into() },
        delegate: person("grace"),
        from: at(NOW),
        until: at("2026-12-25T17:00Z"),
    }
}

#[test]
fn everybody_who_is_concerned_reads_that_somebody_is_away() {
    let policy = policy();
    let away = ada_is_away();
    let words = words(&policy);
    let plainly = plain(&words.is_away(&away, None, &[], false));
    assert!(plainly.ends_with("grace approves for them meanwhile."), "{plainly}");
    let said = plain(&words.is_away(&away, Some(&person("linus")), &[person("olga")], true));
    for part in [
        "grace may approve nothing otherwise",
        "linus no longer approves for ada",
        "olga: ada stood in for you, and nobody does now",
    ] {
        assert!(said.contains(part), "“{part}” is missing: {said}");
    }
    let refused = plain(&words.stand_in_is_away(&away));
    assert!(refused.contains("ada is away until") && refused.contains("Nothing changed"), "{refused}");
}

#[test]
fn people_who_would_be_away_for_each_other_read_who_passes_it_on_to_whom() {
    let policy = policy();
    let away = ada_is_away();
    let said = plain(&words(&policy).away_in_a_circle(&away, &[person("grace"), person("ada")]));
    assert!(
        said.contains("grace is away, and ada is to approve for them; so nobody would be left"),
        "{said}"
    );
    assert!(said.contains("/deploy away until 2026-12-25T18:00 --delegate"), "{said}");
}
