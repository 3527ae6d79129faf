//! What people, and those who look after chat and code, do next. Not here: what follows from it.

use crate::chat::Shown;
use crate::code::TAGS;
use crate::faults::Fault;
use crate::rules::{ACCOUNTS, PLACES, SERVICES, account};
use crate::world::{MINUTE, Ms, SECOND, Sort, World};
use shipgate_app::inbound::{Content, Inbound, ReplyTo};
use shipgate_app::ports::MessageRef;
use shipgate_app::words::FieldKind;
use shipgate_domain::deploy::{Phase, State};
use shipgate_domain::ids::Account;

/// What the executor has to do itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing more.
    Done,
    /// End the process.
    Crash,
    /// End the process and start it with other rules.
    ChangeRules,
}

const LEADS: [&str; 6] = ["U1CYD", "U2CYD", "U1DOT", "D2DOT", "U1ADA", "U1BEN"];
const DEVS: [&str; 5] = ["U1ADA", "D2ADA", "U1BEN", "U1CYD", "U1EVE"];

impl World {
    /// The next thing that happens outside.
    pub fn act(&mut self) -> Act {
        match self.dice.below(1000) {
            0..250 => self.ask_for_something(),
            250..620 => self.press_something(),
            620..700 => self.say_something(),
            700..740 => self.fill_a_form(),
            740..790 => self.lock_something(),
            790..840 => self.freeze_something(),
            840..850 => self.say("anybody", "status"),
            850..880 => self.move_somebody(),
            880..900 => self.hit(Fault::TagMoved, World::move_tag),
            900..920 => self.hit(Fault::CheckFlips, World::flip_check),
            920..930 => self.hit(Fault::CancelledElsewhere, World::cancel_elsewhere),
            930..940 => self.hit(Fault::MessageGone, World::delete_a_card),
            940..945 => self.hit(Fault::ChatDown, World::chat_down),
            945..950 => self.hit(Fault::CodeHostDown, World::code_down),
            950..960 => {
                let by = self.forward();
                self.hit(Fault::ClockForward, |world| world.jump(by));
            }
            960..970 => {
                let by = -self.dice.between(200, 3000);
                self.hit(Fault::ClockBack, |world| world.jump(by));
            }
            970..985 if self.rates.of(Fault::CrashIdle) > 0 && self.may_die() => {
                self.note(Fault::CrashIdle);
                return Act::Crash;
            }
            985.. if self.rates.of(Fault::RulesChange) > 0 && self.may_die() => {
                self.note(Fault::RulesChange);
                return Act::ChangeRules;
            }
            _ => {}
        }
        Act::Done
    }

    fn hit(&mut self, fault: Fault, what: impl FnOnce(&mut World)) {
        if self.rates.of(fault) > 0 {
            what(self);
        }
    }

    fn forward(&mut self) -> Ms {
        match self.dice.below(4) {
            0 => self.dice.between(10, 90) * MINUTE,
            _ => self.dice.between(1, 120) * SECOND,
        }
    }

    fn anybody(&mut self, of: &[&str]) -> Account {
        let list = if self.dice.chance(850) { of } else { &ACCOUNTS };
        account(self.dice.pick(list).copied().unwrap_or("U1ADA"))
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
    fn say_as(&mut self, account: &Account, text: String) {
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
            0..12 => format!("deploy {service} to {place} {version}"),
            12..15 => format!("deploy {service} to {place} {version} --emergency \"it burns\""),
            15 => format!("deploy {service} to {place} {version} --hold"),
            16 | 17 => format!("rollback {service} on {place}"),
            18 => format!("rollback {service} on {place} to {version} because it is slow"),
            _ => format!("deploy {place}"),
        };
        self.say_as(&account, text.clone());
        if self.dice.chance(80) {
            let other = self.anybody(&DEVS);
            self.say_as(&other, text);
        }
    }

    fn press_something(&mut self) {
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
        // Somebody else at the same instant.
        if self.dice.chance(350) {
            self.press(&shown);
        }
    }

    fn press(&mut self, shown: &Shown) {
        let leads = shown.label == "Approve" || shown.label == "Reject" || self.dice.chance(300);
        let account = self.anybody(if leads { &LEADS } else { &DEVS });
        let mut value = shown.value.clone();
        let mut on = shown.on.clone();
        let mut sort = Sort::Pressed(shown.label);
        if self.is_hit(Fault::PressedForged) {
            value = format!("{}.{}", shown.deploy, "0".repeat(26));
            sort = Sort::NotTheirs;
        } else if self.is_hit(Fault::PressedForeign) {
            on = MessageRef { channel: "C#elsewhere".into(), id: on.id };
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
            0..4 => format!("approve {id}"),
            4 => format!("reject {id} because it is late"),
            5 | 6 => format!("cancel {id}"),
            7 => format!("hold {id} a moment"),
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
        let fields = form.fields.iter().map(|field| {
            let value = match (&field.kind, field.name.as_str()) {
                (_, "run") => run.clone(),
                (_, "version") => "v2".to_owned(),
                (FieldKind::Select { options, .. }, _) => {
                    options.first().map(|(value, _)| value.clone()).unwrap_or_default()
                }
                (FieldKind::Text { .. }, _) => "because".to_owned(),
            };
            (field.name.clone(), value)
        });
        let content = Content::Submit { context: form.context.clone(), fields: fields.collect() };
        let inbound = self.inbound(&to.account, content);
        let now = self.mono;
        self.deliver(inbound, Sort::Said, now);
    }

    fn lock_something(&mut self) {
        let place = self.dice.pick(&PLACES).copied().unwrap_or("staging");
        let text = match self.dice.below(3) {
            0 => format!("lock {place} migrating --for {}m", self.dice.between(1, 4)),
            1 => format!("unlock {place}"),
            _ => format!("unlock {place} because the holder is away"),
        };
        let account = self.anybody(&LEADS);
        self.say_as(&account, text);
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
        self.tell("chat", format!("{group} is now {}", list.join(" ")));
        let now = self.mono;
        self.chat.groups.entry(group).or_default().push((now, members));
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
        }
    }

    /// People put right what is left over after the trouble: they answer what is asked, or stop it.
    pub fn help(&mut self) {
        let lead = account("U1DOT");
        self.chat.groups.entry("S0LEAD").or_default().push((self.mono, vec![lead.clone(), account("U1CYD")]));
        self.chat.groups.entry("S0DEV").or_default().push((self.mono, vec![lead.clone(), account("U1ADA")]));
        let deploys: Vec<_> = self.oracle.deploys.values().cloned().collect();
        for deploy in deploys {
            let id = deploy.id.short();
            match &deploy.state {
                State::Waiting { .. } => {
                    let text = match self.dice.below(3) {
                        0 => format!("cancel {id}"),
                        1 => format!("reject {id} because nobody needs it now"),
                        _ => format!("approve {id}"),
                    };
                    self.say_as(&lead, text);
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
