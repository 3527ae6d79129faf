//! What people, and those who look after chat and code, do next. Not here: what follows from it.

use crate::chat::{Shown, ShownBoxes};
use crate::code::TAGS;
use crate::faults::Fault;
use crate::rules::{ACCOUNTS, Drawn, PLACES, SERVICES, account};
use crate::world::{Delivery, HOUR, MINUTE, Ms, SECOND, Sort, World, tell};
use jiff::SignedDuration;
use shipgate_app::inbound::{Content, Inbound, ReplyTo};
use shipgate_app::ports::MessageRef;
use shipgate_app::words::FieldKind;
use shipgate_domain::deploy::{Phase, State};
use shipgate_domain::ids::{Account, DeployId};
use std::sync::Arc;

/// What the executor has to do itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing more.
    Done,
    /// End a process.
    Crash(usize),
    /// End all processes.
    CrashAll,
    /// Stop a process in order, and start it again.
    Restart(usize),
    /// End all processes and start them with other rules.
    ChangeRules,
    /// Bring other rules to one process after the other.
    Upgrade,
    /// End all processes and start them with rules by which authors do not approve, in this place.
    RuleOutAuthors(&'static str),
}

const LEADS: [&str; 6] = ["U1CYD", "U2CYD", "U1DOT", "D2DOT", "U1ADA", "U1BEN"];
const DEVS: [&str; 5] = ["U1ADA", "D2ADA", "U1BEN", "U1CYD", "U1EVE"];
/// People by name, each with an account.
const NAMES: [&str; 5] = ["ada", "ben", "cyd", "dot", "eve"];
const FIRST: [&str; 5] = ["U1ADA", "U1BEN", "U1CYD", "U1DOT", "U1EVE"];
/// What tries to be more than text.
const HOSTILE: [&str; 4] = [
    "<!channel> <https://evil.example|Approve> *now*",
    "`x`\u{202e}gnp.exe\u{200b} @here",
    "line one\r\nSUCCEEDED\u{1b}[2J",
    "${{ github.token }} $(id) [a](javascript:b)",
];

impl World {
    /// The next thing that happens outside.
    pub fn act(&mut self) -> Act {
        match self.besides.below(1000) {
            0..50 => self.go_away(),
            50..150 => {
                if let Some(place) = self.where_authors_might_approve() {
                    return Act::RuleOutAuthors(place);
                }
            }
            150..280 if self.drawn.place("staging").is_some_and(|staging| staging.seen) => {
                self.hit(Fault::DeployedElsewhere, World::deploy_elsewhere);
            }
            280..340 => self.befall_calendars(),
            _ => {}
        }
        match self.dice.below(1000) {
            0..240 => self.ask_for_something(),
            240..580 => self.press_something(),
            580..650 => self.say_something(),
            650..690 => self.fill_a_form(),
            690..735 => self.lock_something(),
            735..780 => self.freeze_something(),
            780..785 => self.say("anybody", "status"),
            785..825 => return self.befall_a_process(),
            825..870 => self.befall_chat(),
            870..905 => self.befall_people(),
            905..965 => self.befall_code(),
            965..985 => self.befall_clock(),
            _ => self.replay(),
        }
        Act::Done
    }

    fn hit(&mut self, fault: Fault, what: impl FnOnce(&mut World)) {
        if self.rates.of(fault) > 0 {
            what(self);
        }
    }

    /// Something happens to processes or their database.
    fn befall_a_process(&mut self) -> Act {
        let me = self.any_replica();
        let (fault, act) = match self.dice.below(20) {
            0..5 => (Fault::FrozenTooLong, None),
            5..8 => (Fault::CutOff, None),
            8 => (Fault::DatabaseDown, None),
            9..12 => (Fault::CrashIdle, Some(Act::Crash(me))),
            12 => (Fault::CrashAll, Some(Act::CrashAll)),
            13 | 14 => (Fault::Restarted, Some(Act::Restart(me))),
            15 | 16 => (Fault::RulesChange, Some(Act::ChangeRules)),
            _ => (Fault::RollingUpgrade, Some(Act::Upgrade)),
        };
        let all_may = (0..self.replicas.len()).all(|one| self.may_die(one));
        if self.rates.of(fault) == 0 || !all_may {
            return Act::Done;
        }
        let is_up = self.replicas[me].is_up;
        match (fault, act) {
            (Fault::FrozenTooLong, _) => self.freeze(),
            (Fault::CutOff, _) => self.cut_off(),
            (Fault::DatabaseDown, _) => self.database_down(),
            (Fault::CrashIdle | Fault::Restarted, _) if !is_up => {}
            (fault, Some(act)) => {
                self.note(fault);
                return act;
            }
            (_, None) => {}
        }
        Act::Done
    }

    fn befall_chat(&mut self) {
        match self.dice.below(8) {
            0 | 1 => self.hit(Fault::MessageGone, World::delete_a_card),
            2 | 3 => self.hit(Fault::ChatDown, World::chat_down),
            4 => {
                let is_rare = self.dice.chance(250);
                self.hit(Fault::ChatDownLong, |world| {
                    if is_rare {
                        world.chat_down_long()
                    }
                });
            }
            5 => self.hit(Fault::ChatStorm, World::chat_storm),
            6 => self.hit(Fault::ChannelArchived, |world| world.chat_refuses(Fault::ChannelArchived)),
            _ => self.hit(Fault::BotRemoved, |world| world.chat_refuses(Fault::BotRemoved)),
        }
    }

    fn befall_people(&mut self) {
        match self.dice.below(8) {
            0..4 => self.move_somebody(),
            4 => self.hit(Fault::GroupEmptied, World::empty_a_group),
            5 => self.hit(Fault::ApproverRemoved, World::remove_an_approver),
            6 => self.hit(Fault::AccountDeactivated, |world| {
                world.lose_account(Fault::AccountDeactivated, |facts| facts.active = false);
            }),
            _ => self.hit(Fault::AccountMadeGuest, |world| {
                world.lose_account(Fault::AccountMadeGuest, |facts| facts.guest = true);
            }),
        }
    }

    fn befall_code(&mut self) {
        match self.dice.below(16) {
            0..3 => self.hit(Fault::TagMoved, World::move_tag),
            3 => self.hit(Fault::TagDeleted, |world| world.spoil_tag(Fault::TagDeleted)),
            4 => self.hit(Fault::NameShared, |world| world.spoil_tag(Fault::NameShared)),
            5 => self.hit(Fault::BranchMoved, World::move_branch),
            6 => self.hit(Fault::ForcePushed, World::force_push),
            7 | 8 => self.hit(Fault::CheckFlips, World::flip_check),
            9 => self.hit(Fault::CheckVanishes, World::drop_check),
            10 => self.hit(Fault::CancelledElsewhere, World::cancel_elsewhere),
            11 => self.hit(Fault::RerunElsewhere, |world| world.meddle(Fault::RerunElsewhere)),
            12 => self.hit(Fault::RunRenamed, |world| world.meddle(Fault::RunRenamed)),
            13 => self.hit(Fault::RunDeleted, |world| world.meddle(Fault::RunDeleted)),
            14 => match self.dice.below(2) {
                0 => self.hit(Fault::CodeHostDown, World::code_down),
                _ => self.hit(Fault::CodeHostStorm, World::code_storm),
            },
            _ => self.hit(Fault::WebhookForged, World::forge_hook),
        }
    }

    fn befall_clock(&mut self) {
        let (fault, by) = match self.dice.below(10) {
            0..5 => (Fault::ClockForward, self.forward()),
            5 => (Fault::ClockForwardDay, 24 * HOUR),
            6..9 => (Fault::ClockBack, -self.dice.between(200, 3000)),
            _ => (Fault::ClockBackHour, -HOUR),
        };
        self.hit(fault, |world| {
            world.note(fault);
            world.jump(by);
        });
    }

    /// Something that was done long ago comes again, word for word.
    fn replay(&mut self) {
        let done: Vec<String> =
            self.done.iter().filter(|(_, d)| d.acked).map(|(key, _)| key.clone()).collect();
        if self.rates.of(Fault::InboundReplayed) > 0
            && let Some(done) = self.dice.pick(&done).and_then(|key| self.done.get(key)).cloned()
        {
            self.note(Fault::InboundReplayed);
            self.deliveries.push(Delivery { at: self.mono, inbound: done.inbound });
        }
    }

    /// All processes get other rules.
    pub fn change_rules(&mut self) {
        let now = self.now();
        let mut drawn = (*self.drawn).clone();
        if drawn.change(&mut self.dice, now) {
            self.note(Fault::AccountsLinked);
        }
        self.rule_by(drawn);
    }

    /// All processes get rules by which nobody has to say yes.
    pub fn need_nobody(&mut self) {
        let mut drawn = (*self.drawn).clone();
        for place in &mut drawn.places {
            (place.needed, place.back_needed, place.also) = (0, 0, 0);
        }
        self.rule_by(drawn);
    }

    /// All processes get these rules when they start next.
    pub fn rule_by(&mut self, drawn: Drawn) {
        self.drawn = Arc::new(drawn);
        for replica in &mut self.replicas {
            replica.drawn = self.drawn.clone();
        }
        tell!(self, "rules", "{:?} {:?} {:?}", self.drawn.places, self.drawn.groups, self.drawn.freezes);
    }

    /// Each process gets other rules when it starts next; the second perhaps much later.
    pub fn change_rules_one_by_one(&mut self) {
        let before = self.drawn.clone();
        self.change_rules();
        if let Some(last) = self.replicas.get_mut(1)
            && self.dice.chance(500)
        {
            last.drawn = before;
        }
    }

    fn forward(&mut self) -> Ms {
        match self.dice.below(4) {
            0 => self.dice.between(10, 90) * MINUTE,
            _ => self.dice.between(1, 120) * SECOND,
        }
    }

    fn anybody(&mut self, of: &[&str]) -> Account {
        let odd = [
            (Fault::BotActs, "UBOT"),
            (Fault::GuestActs, "UGUEST"),
            (Fault::ExternalActs, "UOTHER"),
            (Fault::StrangerActs, "USTRANGE"),
            (Fault::LeaverActs, "ULEFT"),
        ];
        if self.dice.chance(150)
            && let Some((fault, who)) = self.dice.pick(&odd).copied()
            && self.rates.of(fault) > 0
        {
            self.note(fault);
            return account(who);
        }
        let list = if self.dice.chance(900) { of } else { &ACCOUNTS };
        account(self.dice.pick(list).copied().unwrap_or("U1ADA"))
    }

    /// A reason, perhaps one that tries to be more than text.
    fn reason(&mut self, usual: &str) -> String {
        if self.is_hit_of(Fault::HostileText, 10) {
            let text = self.dice.pick(&HOSTILE).copied().unwrap_or_default();
            return format!("{text} {}", crate::oracle::HOSTILE);
        }
        usual.to_owned()
    }

    fn inbound(&self, account: &Account, content: Content) -> Inbound {
        let reply_to = ReplyTo {
            account: account.clone(),
            channel: Some("C#deploys".into()),
            thread: None,
            response_url: Some("once".into()),
            trigger: Some("soon".into()),
        };
        Inbound {
            key: String::new(),
            account: account.clone(),
            name: account.id.to_lowercase(),
            reply_to,
            content,
        }
    }

    /// Says something as a mention, or as a slash command.
    pub fn say_as(&mut self, account: &Account, text: String) {
        let content = if self.dice.chance(500) {
            Content::Slash { command: "shipgate".into(), text }
        } else {
            Content::Mention { text }
        };
        let inbound = self.inbound(account, content);
        let now = self.mono;
        self.deliver(inbound, Sort::Said, now);
    }

    fn say(&mut self, _who: &str, text: &str) {
        let account = self.anybody(&DEVS);
        self.say_as(&account, text.to_owned());
    }

    /// Somebody who approves is away for a while, and somebody else is asked to stand in; or is back.
    fn go_away(&mut self) {
        let who = account(self.besides.pick(&LEADS).copied().unwrap_or("U1CYD"));
        let text = if self.besides.chance(250) {
            "away end".to_owned()
        } else {
            let until = self.now() + SignedDuration::from_secs(self.besides.between(60, 90 * 60));
            let delegate = self.besides.pick(&NAMES).copied().unwrap_or("ben");
            format!("away until {until} --delegate {delegate}")
        };
        self.say_as(&who, text);
    }

    /// Where something was deployed, so that those who write what comes next can be told from those who approve it.
    fn where_authors_might_approve(&mut self) -> Option<&'static str> {
        let is_one = |place: &&crate::rules::Place| {
            !place.not_authors
                && place.needed + place.also > 0
                && place.lasts > 20
                && SERVICES.iter().any(|(service, _)| self.oracle.in_place(service, place.name).is_some())
        };
        self.drawn.places.iter().find(is_one).map(|place| place.name)
    }

    /// Rules by which those who wrote it do not approve it.
    pub fn rule_out_authors(&mut self, name: &str) {
        let mut drawn = (*self.drawn).clone();
        for place in drawn.places.iter_mut().filter(|place| place.name == name) {
            place.not_authors = true;
        }
        self.rule_by(drawn);
    }

    /// Some mean to take commits away.
    fn knowingly(&mut self) -> &'static str {
        if self.plans.chance(350) { " --older \"it was better\"" } else { "" }
    }

    /// Some want it later: at a time, or as soon as the window opens, if that is in the next hours.
    fn plan(&mut self, place: &str) -> String {
        match self.plans.below(20) {
            0 | 1 => {
                let ahead = SignedDuration::from_secs(self.plans.between(-30, 40 * 60));
                format!(" --at {}", self.now() + ahead)
            }
            2 if self.opens_within(place, 5 * 60) => " --when-open".to_owned(),
            _ => String::new(),
        }
    }

    fn ask_for_something(&mut self) {
        let place = if self.dice.chance(600) { PLACES[1] } else { PLACES[0] };
        let service = if self.dice.chance(700) { SERVICES[0].0 } else { SERVICES[1].0 };
        let version = match self.dice.below(20) {
            0 => "main".to_owned(),
            1 if self.dice.chance(300) => "v99".to_owned(),
            2 if self.dice.chance(300) => "both".to_owned(),
            3 => crate::code::commit(self.dice.below(6) + 1).to_string(),
            _ => self.dice.pick(&TAGS).copied().unwrap_or("v1").to_owned(),
        };
        let account = self.anybody(&DEVS);
        let text = match self.dice.below(20) {
            0..12 => {
                let (plan, older) = (self.plan(place), self.knowingly());
                format!("deploy {service} to {place} {version}{plan}{older}")
            }
            12..15 => {
                let older = self.knowingly();
                format!("deploy {service} to {place} {version} --emergency \"it burns\"{older}")
            }
            15 => format!("deploy {service} to {place} {version} --hold"),
            16 | 17 => {
                let across = if self.plans.chance(300) { " --across-migrations \"we know\"" } else { "" };
                format!("rollback {service} on {place}{across}")
            }
            18 => {
                let why = self.reason("it is slow");
                format!("rollback {service} on {place} to {version} because {why}")
            }
            _ => format!("deploy {place}"),
        };
        self.say_as(&account, text.clone());
        if self.dice.chance(80) {
            let other = self.anybody(&DEVS);
            self.say_as(&other, text);
        }
    }

    /// A press by somebody who should not, or should not once more: the requester, or a second account.
    fn press_oddly(&mut self, shown: &Shown) {
        if shown.label == "Approve" && self.is_hit_of(Fault::OwnApproval, 4) {
            let own = self.oracle.deploys.get(&shown.deploy).map(|deploy| deploy.request.account.clone());
            if let Some(own) = own {
                self.press_as(own, shown, None);
            }
        }
        if self.is_hit_of(Fault::SecondAccount, 4) {
            let (one, two) = if self.dice.chance(500) { ("U1CYD", "U2CYD") } else { ("U1DOT", "D2DOT") };
            self.press_as(account(one), shown, None);
            self.press_as(account(two), shown, None);
        }
        if self.is_hit_of(Fault::TwoAtOnce, 6) {
            let at = self.mono + self.dice.between(5, 400);
            let (one, two) = (self.anybody(&LEADS), self.anybody(&LEADS));
            self.press_as(one, shown, Some(at));
            self.press_as(two, shown, Some(at));
        }
    }

    fn press_as(&mut self, who: Account, shown: &Shown, at: Option<Ms>) {
        let content = Content::Press { value: shown.value.clone(), message: Some(shown.on.clone()) };
        let inbound = self.inbound(&who, content);
        match at {
            Some(at) => self.deliver_at(inbound, Sort::Pressed(shown.label), shown.drawn, at),
            None => self.deliver(inbound, Sort::Pressed(shown.label), shown.drawn),
        }
    }

    /// Somebody presses boxes of a checklist: mostly to tick them, on a card that is mostly the newest.
    fn tick_something(&mut self) {
        let is_current = !self.lessons.chance(80);
        let shown: Vec<ShownBoxes> =
            self.chat.boxes.iter().filter(|shown| shown.current == is_current).cloned().collect();
        let Some(shown) = self.lessons.pick(&shown).cloned() else { return };
        let who = account(self.lessons.pick(&ACCOUNTS).copied().unwrap_or("U1DOT"));
        let presses = 1 + self.lessons.below(3);
        let mut selected = shown.boxes.clone();
        for _ in 0..presses {
            let at = usize::try_from(self.lessons.below(selected.len() as u64)).unwrap_or(0);
            let is_ticked = &mut selected[at].1;
            *is_ticked = !*is_ticked || self.lessons.chance(600);
            self.tick(&who, &shown, &selected);
        }
    }

    /// Somebody ticks whatever is left of the list of a deploy.
    fn tick_all(&mut self, who: &Account, deploy: &DeployId) {
        let rows = self.chat.boxes.iter().filter(|row| row.current && row.deploy == *deploy);
        for row in rows.cloned().collect::<Vec<_>>() {
            let mut boxes = row.boxes.clone();
            for at in 0..boxes.len() {
                if !boxes[at].1 {
                    boxes[at].1 = true;
                    self.tick(who, &row, &boxes);
                }
            }
        }
    }

    /// Somebody presses a box, after which these are ticked on their screen.
    pub fn tick(&mut self, who: &Account, shown: &ShownBoxes, boxes: &[(String, bool)]) {
        let ticked = boxes.iter().filter(|(_, is_ticked)| *is_ticked);
        let content = Content::Tick {
            value: shown.value.clone(),
            selected: ticked.map(|(key, _)| key.clone()).collect(),
            message: Some(shown.on.clone()),
        };
        let inbound = self.inbound(who, content);
        let now = self.mono;
        self.deliver(inbound, Sort::Said, now);
    }

    fn press_something(&mut self) {
        if self.chat.boxes.iter().any(|shown| shown.current) && self.lessons.chance(600) {
            self.tick_something();
        }
        let is_current = !self.dice.chance(80);
        let shown: Vec<Shown> =
            self.chat.buttons.iter().filter(|shown| shown.current == is_current).cloned().collect();
        // Yes is said more often than anything else.
        let approvals: Vec<Shown> = shown.iter().filter(|shown| shown.label == "Approve").cloned().collect();
        let list = if !approvals.is_empty() && self.dice.chance(650) { &approvals } else { &shown };
        let Some(shown) = self.dice.pick(list).cloned() else { return };
        if !is_current {
            self.note(Fault::PressedStale);
        }
        self.press(&shown);
        self.press_oddly(&shown);
        // Somebody else at the same instant.
        if self.dice.chance(350) {
            self.press(&shown);
        }
    }

    fn press(&mut self, shown: &Shown) {
        let leads = shown.label == "Approve" || shown.label == "Reject" || self.dice.chance(300);
        let mut account = self.anybody(if leads { &LEADS } else { &DEVS });
        // Whoever was asked to stand in does.
        if leads
            && self.besides.chance(300)
            && let Some(delegate) = self.oracle.away.delegates().last()
            && let Some((_, id)) = NAMES.iter().zip(FIRST).find(|(name, _)| **name == delegate)
        {
            account = crate::rules::account(id);
        }
        let mut value = shown.value.clone();
        let mut on = shown.on.clone();
        let mut sort = Sort::Pressed(shown.label);
        if self.is_hit(Fault::PressedForged) {
            value = format!("{}.{}", shown.deploy, "0".repeat(26));
            sort = Sort::NotTheirs;
        } else if self.is_hit(Fault::PressedForeign) {
            on = MessageRef { channel: "C#elsewhere".into(), id: on.id };
            sort = Sort::NotTheirs;
        } else if self.is_hit(Fault::PressedElsewhere)
            && let Some(other) = self.chat.buttons.iter().rfind(|other| other.deploy != shown.deploy)
        {
            let token = value.split_once('.').map(|(_, token)| token.to_owned()).unwrap_or_default();
            (value, on) = (format!("{}.{token}", other.deploy), other.on.clone());
            sort = Sort::NotTheirs;
        }
        let content = Content::Press { value, message: Some(on) };
        let inbound = self.inbound(&account, content);
        self.deliver(inbound.clone(), sort, shown.drawn);
        if self.is_hit(Fault::PressedTwice) {
            self.deliver(inbound, sort, shown.drawn);
        }
    }

    fn say_something(&mut self) {
        let open: Vec<String> = self
            .oracle
            .deploys
            .values()
            .filter(|deploy| !deploy.is_done())
            .map(|deploy| deploy.id.short().to_owned())
            .collect();
        let Some(id) = self.dice.pick(&open).cloned() else { return };
        let text = match self.dice.below(10) {
            0..3 => format!("approve {id}"),
            3 => format!("withdraw {id}"),
            4 => format!("reject {id} because {}", self.reason("it is late")),
            5 | 6 => format!("cancel {id}"),
            7 => format!("hold {id} {}", self.reason("a moment")),
            8 => format!("resume {id}"),
            _ => format!("rerun {id}"),
        };
        let account = self.anybody(&LEADS);
        self.say_as(&account, text);
    }

    fn fill_a_form(&mut self) {
        if self.chat.forms.is_empty() {
            return;
        }
        let at = usize::try_from(self.dice.below(self.chat.forms.len() as u64)).unwrap_or(0);
        let (to, form) = self.chat.forms[at].clone();
        let run = self.code.runs.last().map(|run| run.id.to_string()).unwrap_or_default();
        let why = self.reason("because");
        let fields = form.fields.iter().map(|field| {
            let value = match (&field.kind, field.name.as_str()) {
                (_, "run") => run.clone(),
                (_, "version") => "v2".to_owned(),
                (FieldKind::Select { options, .. }, _) => {
                    options.first().map(|(value, _)| value.clone()).unwrap_or_default()
                }
                (FieldKind::Text { .. }, _) => why.clone(),
            };
            (field.name.clone(), value)
        });
        let mut content = Content::Submit { context: form.context.clone(), fields: fields.collect() };
        let now = self.mono;
        if self.is_hit_of(Fault::FormForged, 4)
            && let Content::Submit { context, .. } = &mut content
        {
            let deploy = self.oracle.deploys.keys().next_back().map(ToString::to_string).unwrap_or_default();
            *context = format!("{{\"form\":\"reject\",\"value\":\"{deploy}.{}\"}}", "0".repeat(26));
            let inbound = self.inbound(&to.account, content);
            return self.deliver(inbound, Sort::NotTheirs, now);
        }
        let inbound = self.inbound(&to.account, content);
        self.deliver(inbound.clone(), Sort::Said, now);
        if self.is_hit_of(Fault::FormTwice, 4) {
            self.deliver(inbound, Sort::Said, now);
        }
    }

    fn lock_something(&mut self) {
        let place = self.dice.pick(&PLACES).copied().unwrap_or("staging");
        let text = match self.dice.below(3) {
            0 => {
                let minutes = self.dice.between(1, 4);
                format!("lock {place} migrating --for {minutes}m{}", self.lock_words(300))
            }
            1 => format!("unlock {place}"),
            _ => format!("unlock {place} because the holder is away"),
        };
        let account = self.anybody(&LEADS);
        self.say_as(&account, text);
    }

    /// Of what kind a lock is, and, so many times of a thousand, that it is taken from whoever has it.
    pub fn lock_words(&mut self, steals: u64) -> String {
        let kind = self.lessons.pick(&["", "", " --automation", " --warn"]).copied().unwrap_or_default();
        let steal = if self.lessons.chance(steals) { " --steal" } else { "" };
        format!("{kind}{steal}")
    }

    fn freeze_something(&mut self) {
        let place = self.dice.pick(&PLACES).copied().unwrap_or("staging");
        let name = self.dice.below(4);
        let text = match self.dice.below(3) {
            0 | 1 => format!("freeze add \"Stop {name}\" {place} for {}m", self.dice.between(1, 4)),
            _ => format!("freeze end \"Stop {name}\""),
        };
        let account = self.anybody(&LEADS);
        self.say_as(&account, text);
    }

    /// Somebody freezes an environment, or locks it, while a start there is decided.
    pub fn freeze_at_once(&mut self, place: &str) {
        let name = self.dice.below(1000);
        let text = if self.dice.chance(600) {
            format!("freeze add \"Now {name}\" {place} for {}m", self.dice.between(1, 3))
        } else {
            format!("lock {place} migrating --for {}m", self.dice.between(1, 3))
        };
        let who = account(if self.dice.chance(500) { "U1DOT" } else { "U1CYD" });
        let content = Content::Mention { text };
        let inbound = self.inbound(&who, content);
        let (now, at) = (self.mono, self.mono + self.dice.between(0, 200));
        self.deliver_at(inbound, Sort::Said, now, at);
    }

    /// Somebody joins or leaves a group.
    fn move_somebody(&mut self) {
        if self.rates.of(Fault::GroupChanges) == 0 {
            return;
        }
        let group = if self.dice.chance(500) { "S0DEV" } else { "S0LEAD" };
        let who = account(self.dice.pick(&ACCOUNTS).copied().unwrap_or("U1ADA"));
        let mut members = self.chat.members(group);
        if members.contains(&who) {
            members.retain(|other| *other != who);
        } else {
            members.push(who.clone());
        }
        self.note(Fault::GroupChanges);
        let list: Vec<&str> = members.iter().map(|account| account.id.as_str()).collect();
        tell!(self, "chat", "{group} is now {}", list.join(" "));
        let now = self.mono;
        self.chat.groups.entry(group).or_default().push((now, members));
    }

    fn empty_a_group(&mut self) {
        let group = if self.dice.chance(500) { "S0DEV" } else { "S0LEAD" };
        self.note(Fault::GroupEmptied);
        tell!(self, "chat", "{group} is empty");
        let now = self.mono;
        self.chat.groups.entry(group).or_default().push((now, Vec::new()));
    }

    /// Somebody who approved a deploy that still waits is taken out of the group.
    fn remove_an_approver(&mut self) {
        let waiting = self.oracle.deploys.values().filter(|d| matches!(d.state, State::Waiting { .. }));
        let who: Vec<Account> = waiting.flat_map(|d| d.approvals.iter().map(|a| a.account.clone())).collect();
        let Some(who) = self.dice.pick(&who).cloned() else { return };
        let mut members = self.chat.members("S0LEAD");
        if members.contains(&who) {
            self.note(Fault::ApproverRemoved);
            tell!(self, "chat", "{} leaves S0LEAD after a yes", who.id);
            members.retain(|other| *other != who);
            let now = self.mono;
            self.chat.groups.entry("S0LEAD").or_default().push((now, members));
        }
    }

    fn delete_a_card(&mut self) {
        let cards: Vec<usize> =
            (0..self.chat.messages.len()).filter(|at| self.chat.messages[*at].card.is_some()).collect();
        if let Some(at) = self.dice.pick(&cards).copied() {
            self.note(Fault::MessageGone);
            self.chat.messages[at].gone = true;
            let on = self.chat.messages[at].at.clone();
            for shown in self.chat.buttons.iter_mut().filter(|shown| shown.on == on) {
                shown.current = false;
            }
            for shown in self.chat.boxes.iter_mut().filter(|shown| shown.on == on) {
                shown.current = false;
            }
        }
    }

    /// Those who put things right are there, and may.
    pub fn gather(&mut self) {
        for who in ["U1ADA", "U1CYD", "U1DOT"].map(account) {
            if let Some(facts) = self.chat.accounts.get_mut(&who) {
                (facts.active, facts.guest) = (true, false);
                self.chat.lost.remove(&who);
            }
        }
        for (group, one) in [("S0LEAD", "U1CYD"), ("S0DEV", "U1ADA")] {
            let members = vec![account("U1DOT"), account(one)];
            if self.chat.members(group) != members {
                self.chat.groups.entry(group).or_default().push((self.mono, members));
            }
        }
    }

    /// People put right what is left over after the trouble: they answer what is asked, or stop it.
    pub fn help(&mut self) {
        self.gather();
        let lead = account("U1DOT");
        let deploys: Vec<_> = self.oracle.deploys.values().cloned().collect();
        for deploy in deploys {
            let id = deploy.id.short();
            match &deploy.state {
                State::Waiting { .. } => {
                    self.tick_all(&lead, &deploy.id);
                    let text = match self.dice.below(3) {
                        0 => format!("cancel {id}"),
                        1 => format!("reject {id} because nobody needs it now"),
                        _ => format!("approve {id}"),
                    };
                    self.say_as(&lead, text);
                }
                State::Running { cancel: None, .. } if self.dice.chance(300) => {
                    self.say_as(&lead, format!("cancel {id}"));
                }
                // No answer to what was asked.
                State::Dispatching { cancel: None, phase: Phase::Unknown { asked: Some(_), .. }, .. }
                    if self.dice.chance(400) =>
                {
                    self.say_as(&lead, format!("cancel {id}"));
                }
                State::Dispatching { phase: Phase::Unknown { asked: Some(_), .. }, .. } => {
                    let shown = self.chat.buttons.iter().rfind(|shown| {
                        shown.current && shown.deploy == deploy.id && shown.label == "It did not"
                    });
                    if let Some(shown) = shown.cloned() {
                        let content = Content::Press { value: shown.value, message: Some(shown.on) };
                        let inbound = self.inbound(&lead, content);
                        self.deliver(inbound, Sort::Said, shown.drawn);
                    }
                }
                _ => {}
            }
        }
    }
}
