//! Measures what judging one deploy by all gates costs with 1,000 freezes and 100 windows, and prints it. Not a test: it
//! asserts no time. Run it with `cargo run --release -p shipgate-domain --example judge_gates`. The goals are 20,000
//! decisions each second on one core, and 100 µs for one of them.

use jiff::{SignedDuration, Timestamp};
use shipgate_domain::calendar::{
    Calendar, Freeze, FreezeId, FreezeOrigin, FreezeScope, FreezeWhen, Schedule,
};
use shipgate_domain::deploy::{Deploy, Event, Kind, Pinned, Request, plan_and_digest};
use shipgate_domain::facts::{
    Case, Change, Check, CheckState, Crossing, Diff, Outside, Pin, Place, Preflight as FoundPreflight, Read,
    RefKind, Writer,
};
use shipgate_domain::gates::{Patience, decide, judge};
use shipgate_domain::ids::{Account, DeployId, Platform};
use shipgate_domain::migrations::{Migration, Pattern};
use shipgate_domain::people::{Member, Memberships, OutsideGroup};
use shipgate_domain::policy::{
    ApprovalRule, CheckRule, Environment, MigrationRule, OverrideRule, Pipeline, Policy, Preflight, Provider,
    QueueBy, RollbackRule, Service, ServicePreflight, Share,
};
use shipgate_domain::zone::Zone;
use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

const FREEZES: usize = 1_000;
const WINDOWS: usize = 100;
const PEOPLE: usize = 100;
const CHECKS: usize = 100;
const CHANGES: usize = 100;
const MIGRATIONS: usize = 20;
const ROUNDS: u32 = 50_000;
const ZONES: [&str; 4] = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"];

type Fallible<T> = Result<T, Box<dyn Error>>;

fn main() -> Fallible<()> {
    let start: Timestamp = "2026-11-20T13:30:00Z".parse()?;
    let policy = policy()?;
    let (environment, service) = (
        policy.environment("production").ok_or("no environment")?,
        policy.default_service().ok_or("no service")?,
    );
    let freezes = freezes(start)?;
    let begun = Instant::now();
    let calendar = Calendar::compile(&policy.schedules, &freezes, start);
    println!("compile {FREEZES} freezes and {WINDOWS} windows: {:?}", begun.elapsed());

    let deploy = deploy(&policy, service, start)?;
    let place = Place { before: Some((start, true)), known_here: true, ..Place::default() };
    let mut counted: BTreeMap<String, u32> = BTreeMap::new();
    let mut times: Vec<u128> = (0..ROUNDS)
        .map(|round| {
            // Thirteen minutes apart, the rounds visit all hours of more than a year.
            let now = start + SignedDuration::from_mins(i64::from(round) * 13);
            let case = Case {
                deploy: &deploy,
                policy: &policy,
                environment,
                service,
                calendar: &calendar,
                place: &place,
                now,
                authors: Default::default(),
            };
            let begun = Instant::now();
            let verdicts = black_box(judge(black_box(&case)));
            let decision = black_box(decide(&verdicts, Patience::None));
            let time = begun.elapsed().as_nanos();
            let word = format!("{decision:?}").split('(').next().unwrap_or_default().to_owned();
            *counted.entry(word).or_default() += 1;
            time
        })
        .collect();
    let each_second = u128::from(ROUNDS) * 1_000_000_000 / times.iter().sum::<u128>();
    println!("{each_second} decisions each second on one core");
    times.sort_unstable();
    let micros = |part: usize| format!("{}.{:01}", times[part] / 1000, times[part] % 1000 / 100);
    println!(
        "all gates, {FREEZES} freezes, {WINDOWS} windows, {PEOPLE} people, {CHECKS} checks, {CHANGES} commits: \
         p50 {} µs, p99 {} µs, worst {} µs ({counted:?})",
        micros(times.len() / 2),
        micros(times.len() * 99 / 100),
        micros(times.len() - 1),
    );
    Ok(())
}

fn account(index: usize) -> Account {
    Account { platform: Platform::Slack, id: format!("U{index:05}") }
}

fn outside_group() -> OutsideGroup {
    OutsideGroup { platform: Platform::Slack, id: "S0GROUP".to_owned() }
}

/// A hundred people, of whom the last ones stand at the end of long groups.
fn policy() -> Fallible<Policy> {
    let people: Result<BTreeMap<_, _>, Box<dyn Error>> =
        (0..PEOPLE).map(|index| Ok((format!("person{index:03}").parse()?, vec![account(index)]))).collect();
    let people = people?;
    let everybody: Vec<Member> = people.keys().cloned().map(Member::Person).collect();
    let managers = vec![Member::Outside(outside_group())];
    let service = Service {
        name: "api".parse()?,
        default: true,
        pipeline: Pipeline {
            provider: Provider::Github,
            repo: "acme/api".to_owned(),
            workflow: "deploy.yml".to_owned(),
            git_ref: "main".to_owned(),
            inputs: BTreeMap::from([("sha".to_owned(), "{sha}".to_owned())]),
            command: Vec::new(),
        },
        preflight: ServicePreflight { migrations: vec![Pattern::Rails], ..ServicePreflight::default() },
    };
    let production = Environment {
        name: "production".parse()?,
        aliases: Vec::new(),
        after: Some("staging".parse()?),
        schedule: Some("office".to_owned()),
        deployers: vec!["everybody".parse()?],
        approvals: ApprovalRule {
            needed: 2,
            from: vec!["managers".parse()?],
            also: vec![Share { needed: 1, from: vec!["everybody".parse()?] }],
            not_authors: true,
            expires: SignedDuration::from_hours(24 * 1000),
            ..ApprovalRule::none()
        },
        overrides: OverrideRule { needed: 1, from: vec!["managers".parse()?] },
        checks: CheckRule::All,
        queue: QueueBy::Environment,
        when_frozen: shipgate_domain::policy::WhenFrozen::Finish,
        supersede: false,
        rollback: RollbackRule { needed: 0, in_window_only: false },
        url: None,
        preflight: Preflight {
            soak: Some(SignedDuration::from_mins(10)),
            ignored_checks: vec!["codecov/*".to_owned()],
            migrations: Some(MigrationRule { needed: 1, from: vec!["managers".parse()?] }),
            ..Preflight::default()
        },
    };
    Ok(Policy {
        actions: BTreeMap::new(),
        zone: Zone::utc(),
        people: people.into(),
        groups: BTreeMap::from([("everybody".parse()?, everybody), ("managers".parse()?, managers)]),
        services: BTreeMap::from([(service.name.clone(), service)]),
        environments: BTreeMap::from([(production.name.clone(), production)]),
        schedules: BTreeMap::from([("office".to_owned(), schedule()?)]),
        freezes: Vec::new(),
    })
}

/// A hundred windows of 40 minutes, spread over the week.
fn schedule() -> Fallible<Schedule> {
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let windows: Result<Vec<_>, _> = (0..WINDOWS)
        .map(|index| {
            let (day, hour) = (days[index % days.len()], 6 + index / days.len());
            format!("{day} {hour:02}:10-{hour:02}:50").parse()
        })
        .collect();
    let weekend = vec!["Sat-Sun 00:00-24:00".parse()?];
    Ok(Schedule::new("office", Zone::named("Europe/Berlin")?, windows?, weekend)?)
}

/// Of ten freezes three are dates, three repeat by a cron line, one by a recurrence rule, one is on a day that each year
/// has in another place, one on public holidays, one has instants; every fifth is for the asked service.
fn freezes(now: Timestamp) -> Fallible<Vec<Freeze>> {
    (0..FREEZES)
        .map(|index| {
            let when = match index % 10 {
                0..3 => {
                    let (year, month, day) = (2026 + index % 3, 1 + index % 12, 1 + index % 27);
                    let from = format!("{year}-{month:02}-{day:02}");
                    FreezeWhen::dates(&from, &format!("{year}-{month:02}-{:02}T12:00", day + 1))?
                }
                3..6 => FreezeWhen::cron(&format!("{} 18 {} * *", index % 60, 1 + index % 28), "6h")?,
                6 => {
                    let rule = format!("FREQ=MONTHLY;BYDAY={}FR", 1 + index % 4);
                    FreezeWhen::rule(&rule, Some("2026-01-01T16:00"), "4h")?
                }
                7 => FreezeWhen::on(&format!("4th Thu of November + {}d", index % 30), "1d")?,
                8 => FreezeWhen::holidays(["DE", "US", "GB", "FR"][index / 10 % 4])?,
                _ => {
                    let from = now + SignedDuration::from_hours(i64::try_from(index)?);
                    FreezeWhen::instants(from, Some(from + SignedDuration::from_hours(2)))?
                }
            };
            let service = if index % 5 == 0 { "api".to_owned() } else { format!("service-{index}") };
            Ok(Freeze {
                id: FreezeId(format!("f{index}")),
                name: format!("freeze {index}"),
                scope: FreezeScope {
                    environments: vec!["production".to_owned()],
                    services: vec![service],
                    except_services: Vec::new(),
                },
                zone: Zone::named(ZONES[index % ZONES.len()])?,
                when,
                origin: FreezeOrigin::Settings,
            })
        })
        .collect()
}

/// A pinned deploy with two approvals by members of a group of fifty, and a hundred green checks.
fn deploy(policy: &Policy, service: &Service, now: Timestamp) -> Fallible<Deploy> {
    let request = Request {
        kind: Kind::Deploy,
        service: service.name.clone(),
        environment: "production".parse()?,
        version: "v1.2.3".parse()?,
        by: format!("person{:03}", PEOPLE - 1).parse()?,
        account: account(PEOPLE - 1),
        at: now,
        reason: None,
        emergency: None,
        when: shipgate_domain::deploy::StartWhen::Now,
        accepts: Default::default(),
    };
    let id = DeployId::new(now, [7; 10]);
    let pin = Pin {
        commit: "a".repeat(40).parse()?,
        kind: RefKind::Tag,
        title: "Sell more".to_owned(),
        author: "grace".to_owned(),
    };
    let version = policy.version();
    let (plan, digest) = plan_and_digest(&id, &request, &pin.commit, service, &version, None);
    let mut memberships = Memberships::default();
    memberships.insert(&outside_group(), Ok((0..50).map(account).collect()));
    let green = |index: usize| Check { name: format!("check {index}"), state: CheckState::Passed, url: None };
    let outside = Outside {
        read_at: now,
        resolves_to: Read::Known(Some(pin.commit.clone())),
        reachable: Read::Known(true),
        checks: Read::Known((0..CHECKS).map(green).collect()),
        memberships,
        rebased: None,
        preflight: FoundPreflight {
            migrations: Some(Read::Known(Crossing {
                of: Vec::new(),
                come: (0..MIGRATIONS)
                    .map(|index| Migration {
                        path: format!("db/migrate/{index}.rb"),
                        one_way: index % 2 == 0,
                    })
                    .collect(),
                left: Vec::new(),
            })),
            ..FoundPreflight::default()
        },
    };
    let change = |index: usize| Change {
        commit: format!("{index:040x}").parse().expect("40 hex digits"),
        title: format!("Change {index}"),
        author: "grace".to_owned(),
        pull: None,
        writers: vec![Writer { name: "grace".to_owned(), accounts: vec![account(60 + index % 30)] }],
    };
    let diff = Diff {
        base: "b".repeat(40).parse()?,
        base_version: "v1.2.2".parse()?,
        commits: (0..CHANGES).map(change).collect(),
        total: CHANGES as u64,
        behind: 0,
        url: None,
    };
    let pinned = Box::new(Pinned { pin, diff: Read::Known(Some(diff)), plan, digest: digest.clone() });
    let expires = now + SignedDuration::from_hours(24 * 1000);
    let mut deploy = Deploy::new(id, request, version).learn(Event::Pinned { pinned, expires }, now)?.deploy;
    deploy.outside = Some(outside);
    for index in [47, 48, 49] {
        let account = account(index);
        let by = policy.person_of(&account);
        let approval = shipgate_domain::deploy::Approval::plain(by, account, digest.clone(), now);
        deploy.approvals.push(approval);
    }
    Ok(deploy)
}
