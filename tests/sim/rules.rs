//! The rules and people of a seed, in the simulation's own words, and the same rules in the bot's words.
//! Not here: judging by them (`oracle`).

use crate::dice::Dice;
use jiff::civil::{Date, DateTime, date as civil};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, Zoned};
use shipgate_app::Rules;
use shipgate_app::commands::{BUILTIN, Grammar};
use shipgate_domain::calendar::{
    FeedSource, Freeze, FreezeId, FreezeOrigin, FreezeScope, FreezeWhen, Schedule,
};
use shipgate_domain::checklist::{Checklist, Item};
use shipgate_domain::ids::{Account, Platform};
use shipgate_domain::migrations::Pattern;
use shipgate_domain::people::{Member, OutsideGroup};
use shipgate_domain::policy::{
    ApprovalRule, CheckRule, Environment, Escalation, MigrationRule, OverrideRule, Pipeline, Policy,
    Preflight, Provider, QueueBy, RollbackRule, Service, ServicePreflight, Share, WhenFrozen,
};
use shipgate_domain::zone::Zone;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A command of the team's own: what it is called, and whether it acts on what runs there or on the head of the branch.
const OWN: [(&str, &str); 2] = [("poke", "live"), ("prepare", "ref")];

static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| {
    let arg = |name: &str| {
        format!(
            "[[args]]\nname = \"{name}\"\nkind = \"{name}\"\nrequired = true\nhelp = \"Which.\"\nprompt = \"Which?\"\n"
        )
    };
    let files = OWN.iter().map(|(name, version)| {
        let text = format!(
            "name = \"{name}\"\nsummary = \"Do it.\"\naction = \"pipeline\"\nrole = \"deployer\"\n\
             examples = [\"{name} shop production\"]\n{}{}[pipeline]\ndone = \"did\"\nversion = \"{version}\"\n\
             workflow = \"{name}.yml\"\ninputs = {{ environment = \"{{environment}}\", sha = \"{{sha}}\", \
             deployment_id = \"{{deploy}}\" }}\n",
            arg("service"),
            arg("environment"),
        );
        (format!("{name}.toml"), text)
    });
    Grammar::load(BUILTIN, files.collect()).expect("the simulation writes command files that can be read")
});

/// Zones, each with instants around which its clocks change.
const ZONES: [(&str, &[&str]); 4] = [
    ("Europe/Berlin", &["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"]),
    ("America/New_York", &["2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z"]),
    ("Australia/Lord_Howe", &["2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z"]),
    ("UTC", &["2026-06-30T23:00:00Z", "2026-12-31T22:00:00Z"]),
];

/// Whose line of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A person by name.
    Person(&'static str),
    /// A group on the platform.
    Outside(&'static str),
}

/// Which checks must be green.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// None.
    None,
    /// All there are.
    All,
    /// The one called `test`.
    Test,
}

/// Open from one minute of the day to another, on these days; past 1440 is the next day.
#[derive(Clone, Debug)]
pub struct Window {
    /// Index 0 is Monday.
    pub days: [bool; 7],
    /// First minute.
    pub from: i32,
    /// The minute after the last.
    pub until: i32,
}

/// How a freeze of the settings says when it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// From one time to another.
    Dates,
    /// Each day at this time (a cron line).
    Daily,
    /// Each other day at this time (a recurrence rule).
    EveryOtherDay,
    /// On the next day, by its place in the month or by its number.
    Day(Date),
    /// On public holidays of a country.
    Holidays(&'static str),
    /// As a calendar says that others keep.
    Feed,
}

/// What must be ticked before a start where there is a checklist, by which groups, and whether it need not be. Whoever may
/// deploy or approve ticks what is in no group's hands.
pub const ITEMS: [(&str, &[&str], bool); 3] =
    [("Support knows", &[], false), ("A backup is there", &["leads"], false), ("There is cake", &[], true)];

/// Public holidays about which seeds begin, by country.
pub const HOLIDAYS: [(&str, Date); 6] = [
    ("AU-NSW", civil(2026, 4, 4)),
    ("AU-NSW", civil(2026, 4, 5)),
    ("CA", civil(2026, 7, 1)),
    ("DE", civil(2026, 10, 3)),
    ("FR", civil(2026, 11, 1)),
    ("DE", civil(2027, 1, 1)),
];

/// How often a calendar that others keep is read, and how old a reading may be, in minutes.
pub const FED_EVERY: i64 = 5;
/// See `FED_EVERY`.
pub const FED_AGE: i64 = 20;

/// A freeze of the settings.
#[derive(Clone, Debug)]
pub struct Frozen {
    /// Its name.
    pub name: String,
    /// How it says when.
    pub when: When,
    /// Where; everywhere when there is none.
    pub place: Option<&'static str>,
    /// First minute, on local clocks.
    pub from: DateTime,
    /// The minute after the last, on local clocks.
    pub until: DateTime,
}

/// The rules of one environment.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its name.
    pub name: &'static str,
    /// Must the commit have succeeded on staging?
    pub after_staging: bool,
    /// For how many minutes must it have been there?
    pub soak: Option<i64>,
    /// Do deploys count that only the code host lists?
    pub seen: bool,
    /// How many of `dbas` must say yes to migrations, where they are looked for.
    pub migrations: u32,
    /// When it is open; always when there is none.
    pub windows: Option<Vec<Window>>,
    /// Approvals needed.
    pub needed: u32,
    /// How many of `devs` must say yes, besides those of `leads`.
    pub also: u32,
    /// After how many minutes `devs` may say the yeses of `leads`, too.
    pub escalates: Option<i64>,
    /// Does one's own count?
    pub own: bool,
    /// Do the yeses of those who wrote it count for nothing?
    pub not_authors: bool,
    /// How long an approval and the wait for it lasts, in minutes.
    pub lasts: i64,
    /// People needed for an emergency; nobody can when it is nought.
    pub overriders: u32,
    /// Checks.
    pub checks: Checks,
    /// One deploy for the whole environment, or one for each service?
    pub by_service: bool,
    /// Are runs that wait for a machine stopped when a freeze begins?
    pub cancels_queued: bool,
    /// Does a newer request of the same person take the place of an older one?
    pub supersedes: bool,
    /// Must `ITEMS` be ticked?
    pub has_checklist: bool,
    /// Are the hours outside of its windows for emergencies, or for nothing at all?
    pub emergency_hours: bool,
    /// Approvals needed for a way back.
    pub back_needed: u32,
    /// Is the way back bound to windows and freezes?
    pub back_in_window: bool,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// When the simulation begins.
    pub begins: Timestamp,
    /// When the clocks of the zone change, if they do, not long after.
    pub change: Timestamp,
    /// The zone of all rules.
    pub zone: &'static str,
    /// Who is who.
    pub people: BTreeMap<&'static str, Vec<Account>>,
    /// Who belongs where.
    pub groups: BTreeMap<&'static str, Vec<Line>>,
    /// Environments.
    pub places: Vec<Place>,
    /// Freezes of the settings.
    pub freezes: Vec<Frozen>,
    /// Do buttons have a channel of their own?
    pub two_channels: bool,
    /// Are migrations looked for in what changes?
    pub migrations_matter: bool,
}

/// An account by its id.
pub fn account(id: &str) -> Account {
    let platform = if id.starts_with('D') { Platform::Discord } else { Platform::Slack };
    Account { platform, id: id.to_owned() }
}

/// An account on the code host.
pub fn login(name: &str) -> Account {
    Account { platform: Platform::Github, id: name.to_owned() }
}

/// Environments by name.
pub const PLACES: [&str; 2] = ["staging", "production"];
/// Services by name, with their repositories.
pub const SERVICES: [(&str, &str); 2] = [("shop", "acme/shop"), ("web", "acme/web")];
/// Everybody who ever does something.
pub const ACCOUNTS: [&str; 13] = [
    "U1ADA", "D2ADA", "U1BEN", "U1CYD", "U2CYD", "U1DOT", "D2DOT", "U1EVE", "USTRANGE", "UBOT", "UGUEST",
    "ULEFT", "UOTHER",
];

impl Drawn {
    /// Draws the rules of a seed.
    pub fn draw(dice: &mut Dice) -> Self {
        let (zone, changes) = ZONES[usize::try_from(dice.below(4)).unwrap_or(0)];
        let change: Timestamp =
            dice.pick(changes).and_then(|text| text.parse().ok()).expect("the table holds instants");
        let minutes = dice.between(0, 360);
        let begins =
            change - SignedDuration::from_mins(minutes) + SignedDuration::from_secs(dice.between(0, 59));
        let own = |name: &'static str, ids: &[&str]| {
            (name, std::iter::once(login(name)).chain(ids.iter().map(|id| account(id))).collect())
        };
        let people = BTreeMap::from([
            own("ada", &["U1ADA", "D2ADA"]),
            own("ben", &["U1BEN"]),
            own("cyd", &["U1CYD", "U2CYD"]),
            own("dot", &["U1DOT", "D2DOT"]),
            own("eve", &["U1EVE"]),
        ]);
        let local = begins.to_zoned(zone_of(zone));
        let places = PLACES.iter().map(|name| Place::draw(dice, name, &local)).collect();
        let freezes = (0..dice.below(4).saturating_sub(1)).map(|n| Frozen::draw(dice, n, &local)).collect();
        let mut drawn = Self {
            begins,
            change,
            zone,
            people,
            groups: BTreeMap::new(),
            places,
            freezes,
            two_channels: dice.chance(300),
            migrations_matter: false,
        };
        drawn.migrations_matter = drawn.two_channels;
        drawn.draw_groups(dice);
        drawn
    }

    fn draw_groups(&mut self, dice: &mut Dice) {
        let mut devs =
            vec![Line::Person("ada"), Line::Person("ben"), Line::Person("cyd"), Line::Outside("S0DEV")];
        let mut leads = vec![Line::Person("cyd"), Line::Person("dot"), Line::Outside("S0LEAD")];
        if dice.chance(400) {
            devs = vec![Line::Outside("S0DEV")];
        }
        if dice.chance(400) {
            leads = vec![Line::Outside("S0LEAD")];
        }
        if dice.chance(300) {
            leads.push(Line::Person("ada"));
        }
        self.groups = BTreeMap::from([("devs", devs), ("leads", leads)]);
        if self.has_migrations() {
            self.groups.insert("dbas", vec![Line::Person("ben"), Line::Outside("S0LEAD")]);
        }
    }

    /// The rules somebody changed while the process was down. Says whether accounts were linked to other people.
    pub fn change(&mut self, dice: &mut Dice, now: Timestamp) -> bool {
        let local = now.to_zoned(zone_of(self.zone));
        let what = dice.below(7);
        match what {
            0 => self.draw_groups(dice),
            1 => {
                let number = 10 + dice.below(1_000_000);
                self.freezes.push(Frozen::draw(dice, number, &local));
            }
            2 => drop(self.freezes.pop()),
            3 => {
                if let Some(moved) = self.people.get_mut("cyd").and_then(Vec::pop) {
                    self.people.entry("eve").or_default().push(moved);
                }
            }
            // Somebody unknown turns out to be somebody known, who may have asked or said yes meanwhile.
            5 => {
                let stranger = account("USTRANGE");
                if self.person_of(&stranger).contains(':') {
                    let names: Vec<&'static str> = self.people.keys().copied().collect();
                    if let Some(name) = dice.pick(&names) {
                        self.people.entry(name).or_default().push(stranger);
                    }
                }
            }
            4 => {
                let at = usize::try_from(dice.below(2)).unwrap_or(0);
                let by_service = !self.places[at].by_service;
                self.places[at].by_service = by_service;
            }
            _ => {
                let at = usize::try_from(dice.below(2)).unwrap_or(0);
                let (after, queue) = (self.places[at].after_staging, self.places[at].by_service);
                self.places[at] = Place::draw(dice, self.places[at].name, &local);
                (self.places[at].after_staging, self.places[at].by_service) = (after, queue);
                self.places[at].soak = self.places[at].soak();
            }
        }
        what == 3 || what == 5
    }

    /// Are migrations looked for in what changes?
    pub fn has_migrations(&self) -> bool {
        self.migrations_matter
    }

    /// The rules of an environment.
    pub fn place(&self, name: &str) -> Option<&Place> {
        self.places.iter().find(|place| place.name == name)
    }

    /// Who is behind an account.
    pub fn person_of(&self, account: &Account) -> String {
        let known = self.people.iter().find(|(_, accounts)| accounts.contains(account));
        known.map_or_else(|| format!("{}:{}", account.platform, account.id), |(name, _)| (*name).to_owned())
    }

    /// The same rules as the bot reads them.
    pub fn rules(&self) -> Rules {
        let zone = Zone::named(self.zone).expect("the table holds zones");
        let groups = self.groups.iter().map(|(name, lines)| {
            let members = lines.iter().map(|line| match line {
                Line::Person(name) => Member::Person(parsed(name)),
                Line::Outside(id) => {
                    Member::Outside(OutsideGroup { platform: Platform::Slack, id: (*id).to_owned() })
                }
            });
            (parsed(name), members.collect())
        });
        let services = SERVICES.iter().map(|(name, repo)| {
            let inputs = [("sha", "{sha}"), ("environment", "{environment}"), ("deployment_id", "{deploy}")];
            let pipeline = Pipeline {
                provider: Provider::Github,
                repo: (*repo).to_owned(),
                workflow: "deploy.yml".into(),
                git_ref: "main".into(),
                inputs: inputs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
                command: Vec::new(),
            };
            (
                parsed(name),
                Service {
                    name: parsed(name),
                    default: *name == "shop",
                    pipeline,
                    preflight: ServicePreflight {
                        migrations: if self.has_migrations() { vec![Pattern::Sql] } else { Vec::new() },
                        ..ServicePreflight::default()
                    },
                },
            )
        });
        let policy = Policy {
            actions: BTreeMap::new(),
            people: self.people.iter().map(|(name, accounts)| (parsed(name), accounts.clone())).collect(),
            groups: groups.collect(),
            services: services.collect(),
            environments: self
                .places
                .iter()
                .map(|place| (parsed(place.name), place.environment(self.has_migrations())))
                .collect(),
            schedules: self
                .places
                .iter()
                .filter_map(|place| Some((place.name.to_owned(), place.schedule(&zone)?)))
                .collect(),
            freezes: self.freezes.iter().map(|freeze| freeze.freeze(&zone)).collect(),
            zone,
        };
        let actions = GRAMMAR.actions(&policy).expect("the actions fit services and environments");
        let policy = Policy { actions, ..policy };
        let version = policy.version();
        Rules {
            policy,
            version,
            announce: "#deploys".into(),
            approvals: if self.two_channels { "#approvals".into() } else { "#deploys".into() },
            topic: false,
            alerts: "#deploys".into(),
            leads: vec!["10m".parse().expect("a lead"), "start".parse().expect("a lead")],
            cron_reminders: Vec::new(),
            nag_locks: SignedDuration::from_hours(2),
            grammar: GRAMMAR.clone(),
        }
    }
}

/// The bundled zone of this name.
pub fn zone_of(name: &str) -> TimeZone {
    Zone::named(name).expect("the table holds zones").tz().clone()
}

fn parsed<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("the tables hold valid names")
}

impl Place {
    fn draw(dice: &mut Dice, name: &'static str, local: &Zoned) -> Self {
        let windows = dice.chance(300).then(|| {
            // Around the beginning, so that an edge is met.
            let from = (i32::from(local.hour()) * 60 + i32::from(local.minute()) - 180
                + 15 * i32::try_from(dice.below(24)).unwrap_or(0))
            .rem_euclid(1440);
            let length = 60 * i32::try_from(dice.between(4, 16)).unwrap_or(8);
            let mut days = [true; 7];
            if dice.chance(200) {
                days[usize::try_from(dice.below(7)).unwrap_or(0)] = false;
            }
            let (from, until) = (from / 15 * 15, from / 15 * 15 + length);
            // Closed for a quarter of an hour in between, not long after the beginning.
            let noon = i32::from(local.hour()) * 60 + i32::from(local.minute());
            let gap = noon / 15 * 15 + 15 * i32::try_from(dice.between(1, 9)).unwrap_or(4);
            if dice.chance(600) && from < gap && gap + 15 < until.min(1440) {
                vec![Window { days, from, until: gap }, Window { days, from: gap + 15, until }]
            } else {
                vec![Window { days, from, until }]
            }
        });
        let needed = u32::try_from(dice.below(3)).unwrap_or(0);
        let mut place = Self {
            name,
            after_staging: name == "production" && dice.chance(150),
            soak: None,
            seen: false,
            migrations: 0,
            windows,
            needed,
            also: 0,
            escalates: None,
            own: dice.chance(200),
            not_authors: false,
            lasts: *dice.pick(&[20, 60, 120]).expect("not empty"),
            overriders: u32::try_from(dice.below(3)).unwrap_or(0),
            checks: *dice.pick(&[Checks::None, Checks::None, Checks::All, Checks::Test]).expect("not empty"),
            by_service: dice.chance(400),
            cancels_queued: false,
            supersedes: false,
            has_checklist: false,
            emergency_hours: false,
            back_needed: u32::try_from(dice.below(2)).unwrap_or(0),
            back_in_window: dice.chance(300),
        };
        place.cancels_queued = place.lasts == 60;
        place.supersedes = place.lasts == 120 && place.by_service;
        place.has_checklist = place.lasts == 60 && !place.by_service && place.overriders == 0;
        place.emergency_hours = place.lasts == 20;
        // Drawn from what was drawn already, so that older seeds keep their other rules.
        place.soak = place.soak();
        place.seen = name == "staging" && place.back_needed == 1;
        place.migrations = u32::from(place.back_needed == 0);
        place.also = u32::from(place.needed == 1 && !place.by_service);
        place.escalates = (place.needed == 2 && place.lasts > 20).then_some(place.lasts / 3);
        place
    }

    fn soak(&self) -> Option<i64> {
        (self.after_staging && self.lasts > 20).then_some(self.lasts / 20)
    }

    fn schedule(&self, zone: &Zone) -> Option<Schedule> {
        const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        let windows = self.windows.as_ref()?;
        let clock = |minutes: i32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let open = windows.iter().flat_map(|window| {
            let hours = if window.until <= 1440 {
                format!("{}-{}", clock(window.from), clock(window.until))
            } else {
                format!("{}-{}", clock(window.from), clock(window.until - 1440))
            };
            let days = (0..7).filter(|day| window.days[*day]);
            days.map(move |day| parsed(&format!("{} {hours}", DAYS[day]))).collect::<Vec<_>>()
        });
        let rest = if self.emergency_hours { vec![parsed("Mon-Sun 00:00-24:00")] } else { Vec::new() };
        Some(Schedule::new(self.name, zone.clone(), open.collect(), rest).expect("it has a window"))
    }

    fn environment(&self, has_migrations: bool) -> Environment {
        let group = |name: &str| vec![parsed(name)];
        Environment {
            name: parsed(self.name),
            aliases: Vec::new(),
            after: self.after_staging.then(|| parsed("staging")),
            schedule: self.windows.as_ref().map(|_| self.name.to_owned()),
            deployers: group("devs"),
            approvals: ApprovalRule {
                needed: self.needed,
                from: group("leads"),
                own: self.own,
                not_authors: self.not_authors,
                expires: SignedDuration::from_mins(self.lasts),
                also: if self.also > 0 {
                    vec![Share { needed: self.also, from: group("devs") }]
                } else {
                    Vec::new()
                },
                remind: self.escalates.map(|minutes| SignedDuration::from_mins(minutes + 1)),
                escalate: self
                    .escalates
                    .iter()
                    .map(|minutes| Escalation {
                        after: SignedDuration::from_mins(*minutes),
                        to: group("devs"),
                    })
                    .collect(),
            },
            overrides: OverrideRule {
                needed: self.overriders,
                from: if self.overriders > 0 { group("leads") } else { Vec::new() },
            },
            checks: match self.checks {
                Checks::None => CheckRule::None,
                Checks::All => CheckRule::All,
                Checks::Test => CheckRule::Named(vec!["test".into()]),
            },
            queue: if self.by_service { QueueBy::Service } else { QueueBy::Environment },
            when_frozen: if self.cancels_queued { WhenFrozen::CancelQueued } else { WhenFrozen::Finish },
            supersede: self.supersedes,
            rollback: RollbackRule { needed: self.back_needed, in_window_only: self.back_in_window },
            url: None,
            preflight: Preflight {
                soak: self.soak.map(SignedDuration::from_mins),
                seen: self.seen.then(|| self.name.to_owned()),
                checklist: self.has_checklist.then(checklist),
                migrations: (has_migrations && self.migrations > 0)
                    .then(|| MigrationRule { needed: self.migrations, from: group("dbas") }),
                ..Preflight::default()
            },
        }
    }
}

/// The list of everything that is to be ticked.
fn checklist() -> Checklist {
    let item = |text: &str, who: &[&str], optional: bool| Item {
        text: text.to_owned(),
        fact: None,
        who: who.iter().map(|name| parsed(name)).collect(),
        with_migrations: false,
        optional,
    };
    Checklist {
        before: ITEMS.iter().map(|(text, who, optional)| item(text, who, *optional)).collect(),
        during: vec![item("Somebody watches it", &[], false)],
        after: vec![item("It was tried out", &["devs"], false)],
    }
}

impl Frozen {
    fn draw(dice: &mut Dice, number: u64, local: &Zoned) -> Self {
        let start = local.datetime().with().second(0).subsec_nanosecond(0).build().expect("a whole minute");
        let from = start.saturating_add(SignedDuration::from_mins(dice.between(-60, 300)));
        let until = from.saturating_add(SignedDuration::from_mins(dice.between(5, 60)));
        let place = dice.pick(&[None, Some("production"), Some("staging")]).copied().flatten();
        // Drawn from what was drawn already, so that older seeds keep their other rules.
        let tomorrow = from.date().saturating_add(Span::new().days(1));
        let holiday = HOLIDAYS.iter().find(|(_, date)| *date == from.date() || *date == tomorrow);
        let when = match ((from.minute() + until.minute()) % 8, holiday) {
            (3, _) => When::Feed,
            (4, _) => When::Daily,
            (5, _) => When::EveryOtherDay,
            (6, _) => When::Day(tomorrow),
            (7, Some((country, _))) => When::Holidays(country),
            _ => When::Dates,
        };
        Self { name: format!("Freeze {number}"), when, place, from, until }
    }

    fn when(&self) -> FreezeWhen {
        const ORDINALS: [&str; 5] = ["1st", "2nd", "3rd", "4th", "5th"];
        let lasts = format!("{}m", self.until.duration_since(self.from).as_mins());
        let when = match self.when {
            When::Dates => return FreezeWhen::Dates { from: self.from, until: self.until },
            When::Feed => {
                return FreezeWhen::Feed {
                    source: FeedSource::Address { url: crate::feeds::address(&self.name) },
                    refresh: SignedDuration::from_mins(FED_EVERY),
                    max_age: SignedDuration::from_mins(FED_AGE),
                };
            }
            When::Daily => {
                FreezeWhen::cron(&format!("{} {} * * *", self.from.minute(), self.from.hour()), &lasts)
            }
            When::EveryOtherDay => {
                let from = self.from.strftime("%Y-%m-%dT%H:%M").to_string();
                FreezeWhen::rule("FREQ=DAILY;INTERVAL=2", Some(&from), &lasts)
            }
            When::Day(date) if date.day() % 2 == 0 => {
                FreezeWhen::on(&date.strftime("%-d %B").to_string(), "1d")
            }
            When::Day(date) => {
                let which = ORDINALS[usize::try_from((date.day() - 1) / 7).unwrap_or(0)];
                FreezeWhen::on(&format!("{which} {}", date.strftime("%a of %B")), "1d")
            }
            When::Holidays(country) => FreezeWhen::holidays(country),
        };
        when.expect("the simulation writes freezes that can be read")
    }

    fn freeze(&self, zone: &Zone) -> Freeze {
        Freeze {
            id: FreezeId(self.name.to_lowercase().replace(' ', "-")),
            name: self.name.clone(),
            scope: FreezeScope {
                environments: self.place.iter().map(|name| (*name).to_owned()).collect(),
                ..FreezeScope::default()
            },
            zone: zone.clone(),
            when: self.when(),
            origin: FreezeOrigin::Settings,
        }
    }
}
