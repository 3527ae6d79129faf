//! The page around the picture: what comes next, and a table of what the picture shows. Not here: the picture.

use super::{Now, Picture, Place, picture};
use crate::assets;
use askama::Template;
use shipgate_app::messages::duration;
use shipgate_app::outlook as words;
use shipgate_domain::calendar::outlook::{Closure, Outlook, View};
use shipgate_domain::hidden::is_hidden;
use shipgate_domain::zone::Zone;

#[derive(Template)]
#[template(path = "calendar.html")]
struct CalendarPage {
    css: String,
    picture_css: String,
    icon: String,
    title: String,
    /// Name, and whether it is the one that is shown.
    environments: Vec<(String, bool)>,
    services: Vec<(String, bool)>,
    weeks: u32,
    next: Vec<String>,
    summary: String,
    picture: String,
    key: String,
    zones: String,
    rows: Vec<Row>,
    query: String,
    feed_query: String,
}

struct Row {
    from: String,
    until: String,
    length: String,
    why: String,
}

/// The whole page. Names of services and environments are words of letters, digits and dashes: they need no escaping
/// in an address.
pub(super) fn draw(now: &Now, place: Place<'_>, weeks: u32, outlook: &Outlook) -> String {
    let (policy, zone) = (&now.policy, &now.policy.zone);
    let (environment, service) = (&place.environment.name, &place.service.name);
    let schedule = place.environment.schedule.as_deref();
    let view = View {
        calendar: &now.calendar,
        environment: environment.as_str(),
        service: service.as_str(),
        schedule,
    };
    let ahead = view.ahead(now.at);
    let title = format!("{service} on {environment}");
    let feed_query = format!("environment={environment}&service={service}");
    let page = CalendarPage {
        css: assets::address("calendar.css").replacen("/assets/", "/calendar/assets/", 1),
        picture_css: assets::address("picture.css").replacen("/assets/", "/calendar/assets/", 1),
        icon: assets::address("icon.svg").replacen("/assets/", "/calendar/assets/", 1),
        environments: policy
            .environments
            .keys()
            .map(|name| (name.to_string(), name == environment))
            .collect(),
        services: policy.services.keys().map(|name| (name.to_string(), name == service)).collect(),
        weeks,
        next: ahead
            .map(|ahead| words::next(&ahead, |at| zone.say_near(at, now.at)))
            .unwrap_or_default()
            .iter()
            .map(|s| inert(s))
            .collect(),
        summary: inert(&words::summary(outlook, zone)),
        picture: Picture { outlook, zone, title: &title, now: now.at }.inline(),
        key: picture::key(),
        zones: words::zones(zone, schedule.and_then(|name| policy.schedules.get(name))),
        rows: outlook.closures().iter().map(|closure| row(closure, outlook, zone)).collect(),
        query: format!("{feed_query}&weeks={weeks}"),
        feed_query,
        title,
    };
    page.render().expect("the page's own template holds only values that can be written")
}

fn row(closure: &Closure, outlook: &Outlook, zone: &Zone) -> Row {
    let goes_on = closure.until >= outlook.until && closure.ends.is_empty();
    Row {
        from: zone.say_near(closure.from, outlook.from),
        until: if goes_on { "and on".to_owned() } else { zone.say_near(closure.until, outlook.from) },
        length: duration(closure.length()),
        why: inert(&words::why_closed(closure)),
    }
}

fn inert(text: &str) -> String {
    text.chars().map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect()
}
