//! Reading over the network, against working models. Not here: what calendars say (`files`).

use crate::Elsewhere;
use shipgate_app::ports::{Calendars as _, Fetched, OutsideError};
use shipgate_domain::calendar::{FeedContent, FeedSource};
use shipgate_world::faults::Fault;
use shipgate_world::gitlab::{GitLab, TOKEN};
use shipgate_world::pages::{Page, Pages};
use tokio_util::sync::CancellationToken;

const CALENDAR: &str = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20261225\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

fn elsewhere(token: &str) -> Elsewhere {
    Elsewhere::new(Some(token.to_owned().into())).expect("it can read")
}

async fn read(source: FeedSource, known: Option<&str>) -> Result<Fetched, OutsideError> {
    elsewhere(TOKEN).read(&source, known).await
}

fn address(url: String) -> FeedSource {
    FeedSource::Address { url }
}

fn new(fetched: Result<Fetched, OutsideError>) -> (FeedContent, Option<String>) {
    match fetched {
        Ok(Fetched::New { content, mark }) => (content, mark),
        other => panic!("nothing new: {other:?}"),
    }
}

fn why(fetched: Result<Fetched, OutsideError>) -> String {
    fetched.expect_err("it cannot be read").to_string()
}

#[tokio::test]
async fn an_address_is_asked_again_by_its_mark_and_may_say_that_nothing_changed() {
    let stop = CancellationToken::new();
    let pages = Pages::start(stop.clone()).await.expect("a port");
    pages.set("/a.ics", Page::Text(CALENDAR.to_owned()));
    let (content, mark) = new(read(address(pages.url("/a.ics")), None).await);
    assert_eq!(content.events.len(), 1);
    let again = read(address(pages.url("/a.ics")), mark.as_deref()).await;
    assert_eq!(again.expect("an answer"), Fetched::Unchanged);
    pages.set("/a.ics", Page::Text(CALENDAR.replace("20261225", "20261226")));
    let (changed, _) = new(read(address(pages.url("/a.ics")), mark.as_deref()).await);
    assert_ne!(changed, content);
    let statuses: Vec<_> = pages.calls().iter().map(|call| call.status).collect();
    assert_eq!(statuses, [Some(200), Some(304), Some(200)]);
    stop.cancel();
}

#[tokio::test]
async fn an_address_that_fails_says_why_and_never_gives_half_a_calendar() {
    let stop = CancellationToken::new();
    let pages = Pages::start(stop.clone()).await.expect("a port");
    for (page, says) in [
        (Page::Status(503), "it answers 503"),
        (Page::Status(403), "it answers 403"),
        (Page::Status(304), "it answers 304"),
        (Page::Text("<html>sign in</html>".to_owned()), "not a calendar"),
        (Page::Text(CALENDAR[..60].to_owned()), "breaks off"),
        (Page::Text(format!("{CALENDAR}{}", " ".repeat(3_000_000))), "larger than 2 MB"),
        (Page::Elsewhere("/loop".to_owned()), "redirects more than 3 times"),
        (Page::Elsewhere("http://169.254.169.254/latest".to_owned()), "redirects to an address inside"),
        (Page::Elsewhere("file:///etc/passwd".to_owned()), "it redirects to"),
    ] {
        pages.set("/loop", page.clone());
        let said = why(read(address(pages.url("/loop")), None).await);
        assert!(said.contains(says), "{page:?}: {said}");
    }
    pages.set("/moved", Page::Elsewhere("/b.ics".to_owned()));
    pages.set("/b.ics", Page::Text(CALENDAR.to_owned()));
    assert_eq!(new(read(address(pages.url("/moved")), None).await).0.events.len(), 1);
    stop.cancel();
    let nobody = Pages::start(CancellationToken::new()).await.expect("a port");
    let gone = address(nobody.url("/x").replace("http://127.0.0.1", "http://localhost.invalid"));
    assert!(why(read(gone, None).await).contains("cannot be reached"));
}

#[tokio::test]
async fn a_file_is_read_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| FeedSource::File { path: folder.path().join(name).display().to_string() };
    std::fs::write(folder.path().join("a.ics"), CALENDAR).expect("written");
    assert_eq!(new(read(path("a.ics"), None).await).0.events.len(), 1);
    std::fs::write(folder.path().join("b.ics"), "x".repeat(3_000_000)).expect("written");
    for (source, says) in [
        (path("none.ics"), "cannot be read"),
        (path("b.ics"), "larger than 2 MB"),
        (FeedSource::File { path: folder.path().display().to_string() }, "is no file"),
        (FeedSource::File { path: "/dev/zero".to_owned() }, "is no file"),
    ] {
        let said = why(read(source, None).await);
        assert!(said.contains(says), "{said}");
    }
}

#[tokio::test]
async fn all_pages_of_gitlabs_freeze_periods_are_read_with_the_token() {
    let stop = CancellationToken::new();
    let gitlab = GitLab::start(stop.clone()).await.expect("a port");
    let source = |project: &str| FeedSource::Gitlab { url: gitlab.url(), project: project.to_owned() };
    gitlab.project("acme/empty");
    assert_eq!(new(read(source("acme/empty"), None).await).0.periods.len(), 0);
    for hour in 0..205 {
        gitlab.freeze("acme/shop/api", &format!("{} {} * * 5", hour % 60, hour % 24), "0 7 * * 1", "UTC");
    }
    assert_eq!(new(read(source("acme/shop/api"), None).await).0.periods.len(), 205);
    gitlab.freeze("acme/web", "0 23 * * 5", "0 7 * * 1", "Berlin");
    gitlab.freeze("acme/web", "0 23 * * 5", "0 7 * * 1", "Eastern Time (US & Canada)");
    gitlab.freeze("acme/web", "0 23 * * 5", "0 7 * * 1", "Samoa");
    let (content, _) = new(read(source("acme/web"), None).await);
    let zones: Vec<&str> = content.periods.iter().map(|period| period.zone.name()).collect();
    assert_eq!(zones, ["Europe/Berlin", "America/New_York", "Pacific/Apia"]);
    for (project, zone, start, says) in [
        ("acme/z", "Astana", "0 23 * * 5", "has the time zone “Astana”, which no one place has"),
        ("acme/c", "UTC", "every friday", "freeze period"),
    ] {
        gitlab.freeze(project, "0 1 * * *", "0 2 * * *", "UTC");
        gitlab.freeze(project, start, "0 7 * * 1", zone);
        let said = why(read(source(project), None).await);
        assert!(said.contains(says), "{said}");
    }
    assert!(why(read(source("acme/nothing"), None).await).contains("no such project"));
    let stranger = elsewhere("glpat-of-somebody-else").read(&source("acme/web"), None).await;
    assert!(why(stranger).contains("does not know GITLAB_TOKEN"));
    assert_eq!(gitlab.violations(), Vec::<String>::new());
    gitlab.faults().next("GET /api/v4/projects", 1, Fault::ErrorBefore { status: 502 });
    assert!(why(read(source("acme/web"), None).await).contains("it answers 502"));
    stop.cancel();
}
