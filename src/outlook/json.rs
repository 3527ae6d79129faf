//! The answers for programs. Their shape is written in docs/rules.md and does not change without a new `format`.

use super::explain::Says;
use super::{Elsewhere, Place, Rules};
use jiff::Timestamp;
use serde_json::{Value, json};
use shipgate_app::outlook::why_closed;
use shipgate_domain::calendar::outlook::{Ahead, Cause, Held, Holds, Outlook, Stretch, Turn};

/// The number of this shape.
const FORMAT: u32 = 1;

pub(super) fn explained(
    rules: &Rules,
    place: &Place<'_>,
    at: Timestamp,
    ahead: &Ahead,
    says: Says,
) -> String {
    let view = rules.view(place);
    let (opening, _) = rules.calendar.opening(view.schedule, at);
    let mut answer = head(rules, place);
    answer["at"] = json!(at);
    answer["open"] = match says {
        Says::Open => json!(true),
        Says::NotOpen => json!(false),
        Says::NotKnown => Value::Null,
    };
    answer["opening"] = json!(opening);
    answer["freezes"] = Value::Array(view.held(at).iter().map(held).collect());
    answer["next_opening"] = ahead.opening.as_ref().map_or(Value::Null, turn);
    answer["next_closing"] = ahead.closing.as_ref().map_or(Value::Null, turn);
    pretty(&answer)
}

pub(super) fn simulated(rules: &Rules, place: &Place<'_>, outlook: &Outlook, now: Timestamp) -> String {
    let ahead = rules.view(place).ahead(now);
    let next = |found: Option<&Turn>| found.map_or(Value::Null, turn);
    let sums = outlook.sums();
    let mut answer = head(rules, place);
    answer["from"] = json!(outlook.from);
    answer["until"] = json!(outlook.until);
    answer["next_opening"] = next(ahead.as_ref().and_then(|ahead| ahead.opening.as_ref()));
    answer["next_closing"] = next(ahead.as_ref().and_then(|ahead| ahead.closing.as_ref()));
    for holds in Holds::ALL {
        answer["seconds"][holds.code()] = json!(sums.of(holds).as_secs());
    }
    answer["stretches"] = Value::Array(outlook.stretches.iter().map(stretch).collect());
    let closures = outlook.closures().into_iter().map(|closure| {
        json!({
            "from": closure.from,
            "until": closure.until,
            "why": why_closed(&closure),
            "begins": causes(&closure.begins),
            "ends": causes(&closure.ends),
            "freezes": closure.freezes.iter().map(|held| &held.name).collect::<Vec<_>>(),
        })
    });
    answer["closures"] = Value::Array(closures.collect());
    pretty(&answer)
}

fn head(rules: &Rules, place: &Place<'_>) -> Value {
    json!({
        "format": FORMAT,
        "service": place.service.name.as_str(),
        "environment": place.environment.name.as_str(),
        "schedule": place.environment.schedule,
        "timezone": rules.policy.zone.name(),
        "chat_freezes_included": rules.chat.is_ok(),
        "calendars": rules.calendars.iter().map(calendar).collect::<Vec<_>>(),
    })
}

fn calendar(calendar: &Elsewhere) -> Value {
    json!({
        "name": calendar.name,
        "known": calendar.known.is_ok(),
        "why": calendar.known.as_ref().err(),
    })
}

fn stretch(stretch: &Stretch) -> Value {
    json!({
        "from": stretch.from,
        "until": stretch.until,
        "holds": stretch.holds().code(),
        "opening": stretch.opening,
        "freezes": stretch.freezes.iter().map(held).collect::<Vec<_>>(),
    })
}

fn held(held: &Held) -> Value {
    let from = held.unreadable.is_none().then_some(held.from);
    json!({
        "id": held.id.0,
        "name": held.name,
        "from": from,
        "until": held.until,
        "reason": held.reason,
        "unreadable": held.unreadable,
    })
}

fn turn(turn: &Turn) -> Value {
    json!({ "at": turn.at, "because": causes(&turn.causes) })
}

fn causes(all: &[Cause]) -> Value {
    let one = |cause: &Cause| match cause {
        Cause::WindowEnds(then) => json!({ "kind": "window_ends", "then": then }),
        Cause::WindowOpens => json!({ "kind": "window_opens" }),
        Cause::FreezeBegins(name) => json!({ "kind": "freeze_begins", "freeze": name }),
        Cause::FreezeEnds(name) => json!({ "kind": "freeze_ends", "freeze": name }),
    };
    all.iter().map(one).collect()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("plain data has a text")
}
