//! The clock of the self-check: every ten seconds the record is followed, every minute all is compared and the head is
//! written down elsewhere. Not here: what is checked (`app::selfcheck`).

use crate::anchors::{AnchorFile, Seal};
use crate::live::Live;
use jiff::Timestamp;
use shipgate_app::App;
use shipgate_app::ports::Clock;
use shipgate_app::selfcheck::{Looked, Rest, SelfCheck};
use shipgate_app::store::StoreError;
use shipgate_domain::audit::Anchor;
use shipgate_web::ops::SelfChecked;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Between two looks at the record.
const FOLLOW_EVERY: Duration = Duration::from_secs(10);
/// Once in so many looks everything is compared.
const COMPARE_EVERY: u64 = 6;

/// The last anchor may take so long: together with the last work it ends before the program is killed.
pub const LAST_ANCHOR: Duration = Duration::from_secs(3);

/// Whoever comes back so soon was waited for by nobody.
const IS_IDLE: Duration = Duration::from_micros(300);
/// What a page of the record waits longest for others: a million rows are read within two minutes however much there is
/// to do.
const LONGEST_REST: Duration = Duration::from_millis(20);

/// Lets others go first. The longer it takes until it is this one's turn again, the more they have to do, and the longer
/// it rests.
async fn rest() {
    let begun = Instant::now();
    tokio::task::yield_now().await;
    let waited = begun.elapsed();
    if waited > IS_IDLE {
        tokio::time::sleep((waited * 10).min(LONGEST_REST)).await;
    }
}

/// Where the head of the record goes, and who is told when something is wrong with it.
#[derive(Default)]
pub struct Anchoring {
    /// The file.
    pub file: Option<AnchorFile>,
    /// The channel.
    pub channel: Option<String>,
    /// What signs.
    pub seal: Option<Seal>,
    /// Channels for alarms, besides the announce channel.
    pub alarm_channels: Vec<String>,
}

/// The newest self-check, for `/readyz`.
#[derive(Debug, Default)]
pub struct Status {
    newest: Mutex<Option<SelfChecked>>,
}

impl Status {
    /// The newest self-check, once there was one.
    pub fn newest(&self) -> Option<SelfChecked> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn show(&self, at: Timestamp, looked: &Result<Looked, StoreError>) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let not_made = |error: &StoreError| format!("the check could not be made: {}", error.with_causes());
        let before =
            || SelfChecked { at: at.to_string(), rows: 0, ok: false, result: String::new(), stopped: false };
        let checked = match looked {
            Ok(looked) => SelfChecked {
                at: at.to_string(),
                rows: looked.rows,
                ok: looked.open.is_empty() && looked.failed.is_none(),
                result: match (looked.open.as_slice(), &looked.stopped, &looked.failed) {
                    ([only], ..) => only.what.clone(),
                    ([first, more @ ..], ..) => format!("{first}, and {} more", more.len()),
                    ([], _, Some(error)) => not_made(error),
                    ([], Some((_, found)), None) => {
                        format!("nothing is started until somebody looked: {found}")
                    }
                    ([], None, None) => "nothing was found".into(),
                },
                stopped: looked.stopped.is_some(),
            },
            Err(error) => {
                SelfChecked { ok: false, result: not_made(error), ..newest.clone().unwrap_or_else(before) }
            }
        };
        let flag = |on: bool| if on { 1.0 } else { 0.0 };
        metrics::gauge!("shipgate_self_check_ok").set(flag(checked.ok));
        metrics::gauge!("shipgate_dispatching_stopped").set(flag(checked.stopped));
        metrics::gauge!("shipgate_self_check_rows").set(checked.rows as f64);
        if looked.as_ref().is_ok_and(|looked| looked.failed.is_none()) {
            metrics::gauge!("shipgate_self_check_timestamp_seconds").set(at.as_second() as f64);
        }
        *newest = Some(checked);
    }
}

/// The self-check of this process: what it has seen, and where the head of the record goes.
pub struct Lookout {
    live: Arc<Live>,
    anchoring: Arc<Anchoring>,
    status: Arc<Status>,
    clock: Arc<dyn Clock>,
    seen: tokio::sync::Mutex<Seen>,
}

/// Whether anybody is there after it who could post it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Yes,
    No,
}

/// What was checked, and which row's anchor was posted last.
struct Seen {
    check: SelfCheck,
    posted_up_to: u64,
}

impl Lookout {
    /// A lookout that has seen nothing yet.
    pub fn new(
        live: Arc<Live>,
        anchoring: Anchoring,
        status: Arc<Status>,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let mut check = SelfCheck::new(anchoring.alarm_channels.clone(), Rest::new(rest));
        let key = anchoring.seal.as_ref().map(Seal::public_key);
        if let Some(Ok(Some(newest))) = anchoring.file.as_ref().map(|file| file.newest(key.as_deref())) {
            check.anchored_up_to(newest.seq);
        }
        let seen = tokio::sync::Mutex::new(Seen { check, posted_up_to: 0 });
        Arc::new(Self { live, anchoring: Arc::new(anchoring), status, clock, seen })
    }

    /// Looks until told to stop. The first look reads the whole record, in the background of everything else.
    pub async fn keep_looking(self: Arc<Self>, stop: CancellationToken) {
        let mut seen = self.seen.lock().await;
        let mut looks = 0_u64;
        while !stop.is_cancelled() {
            let is_full = looks.is_multiple_of(COMPARE_EVERY);
            let begun = Instant::now();
            let work = async {
                if !is_full {
                    self.live.app().follow_record(&mut seen.check).await?;
                    if !seen.check.has_news() {
                        return Ok(None);
                    }
                }
                self.live.app().look_after_itself(&mut seen.check).await.map(Some)
            };
            let looked = tokio::select! {
                () = stop.cancelled() => return,
                looked = work => looked,
            };
            match looked {
                Ok(Some(looked)) => {
                    if looks == 0 {
                        let seconds = begun.elapsed().as_secs_f64();
                        tracing::info!(rows = looked.rows, seconds, "the whole record was checked");
                    }
                    if let Some(error) = &looked.failed {
                        tracing::warn!("the self-check was not whole: {}", error.with_causes());
                    }
                    self.status.show(self.clock.now(), &Ok(looked));
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!("the self-check could not be made: {}", error.with_causes());
                    self.status.show(self.clock.now(), &Err(error));
                }
            }
            // A head is worth writing down only while nothing is wrong with what leads to it, as far as anybody has seen.
            if seen.check.is_sound()
                && self.status.newest().is_some_and(|newest| newest.ok && !newest.stopped)
            {
                self.anchor(&mut seen, is_full, Last::No).await;
            }
            looks += 1;
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(FOLLOW_EVERY) => {}
            }
        }
    }

    /// At the end, when nothing writes any more: what was recorded since the newest anchor is anchored too, so that
    /// none of it can be cut off while nobody watches. It takes no longer than [`LAST_ANCHOR`].
    pub async fn last_anchor(&self) {
        if self.anchoring.file.is_none() && self.anchoring.channel.is_none() {
            return;
        }
        let anchoring = async {
            let mut seen = self.seen.lock().await;
            match self.live.app().may_be_anchored(&mut seen.check).await {
                Ok(true) => self.anchor(&mut seen, true, Last::Yes).await,
                Ok(false) => tracing::warn!(
                    "the head of the record is not anchored: something was found that nobody has accepted yet"
                ),
                Err(error) => tracing::warn!(
                    "the record could not be read to its end, so its head is not anchored: {}",
                    error.with_causes()
                ),
            }
        };
        if tokio::time::timeout(LAST_ANCHOR, anchoring).await.is_err() {
            tracing::warn!(
                "the last head of the record could not be written down in {} s; the next start anchors it",
                LAST_ANCHOR.as_secs()
            );
        }
    }

    /// Writes down what is due wherever it is wanted.
    async fn anchor(&self, seen: &mut Seen, newest: bool, last: Last) {
        let Seen { check, posted_up_to } = seen;
        let due = check.due_anchors(newest, self.clock.now());
        let written = write(self.anchoring.clone(), due.clone()).await;
        let posted = self.anchoring.post(&self.live.app(), &due, *posted_up_to, last).await;
        *posted_up_to = posted.unwrap_or(*posted_up_to);
        // Where there is a file it decides: what it did not take is due again.
        let anchored = match (&self.anchoring.file, &self.anchoring.channel) {
            (Some(_), _) => written,
            (None, Some(_)) => posted,
            (None, None) => {
                // Nobody wants them.
                check.anchored_up_to(due.last().map_or(0, |anchor| anchor.seq));
                None
            }
        };
        if let Some(seq) = anchored {
            check.anchored_up_to(seq);
            metrics::gauge!("shipgate_anchor_row").set(seq as f64);
        }
    }
}

/// Appends on a thread of its own: a file system that hangs must not keep the program from ending.
async fn write(anchoring: Arc<Anchoring>, due: Vec<Anchor>) -> Option<u64> {
    if anchoring.file.is_none() || due.is_empty() {
        return None;
    }
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || tell.send(anchoring.write(&due)));
    told.await.ok().flatten()
}

impl Anchoring {
    /// Appends what is due to the file, in order, up to the first that it does not take. Says how far it came.
    fn write(&self, due: &[Anchor]) -> Option<u64> {
        let file = self.file.as_ref()?;
        let mut written = None;
        for anchor in due {
            if let Err(error) = file.append(anchor, self.seal.as_ref()) {
                failed("the anchor file", &error);
                break;
            }
            written = Some(anchor.seq);
        }
        written
    }

    /// Posts the newest in the channel, if it is not there yet. Says that it did.
    async fn post(&self, app: &App, due: &[Anchor], posted: u64, last: Last) -> Option<u64> {
        let channel = self.channel.as_ref()?;
        let newest = due.last().filter(|anchor| anchor.seq > posted)?;
        let signature = self.seal.as_ref().map(|seal| seal.sign(newest));
        let signature = signature.as_deref();
        let outcome = match last {
            Last::No => app.post_anchor(channel, newest, signature).await.map_err(|error| error.to_string()),
            Last::Yes => {
                app.post_last_anchor(channel, newest, signature).await.map_err(|error| error.to_string())
            }
        };
        match outcome {
            Ok(()) => Some(newest.seq),
            Err(error) => {
                failed(channel, &error);
                None
            }
        }
    }
}

fn failed(what: &str, error: &dyn std::fmt::Display) {
    metrics::counter!("shipgate_anchor_failures_total").increment(1);
    tracing::error!(
        "cannot write the head of the record to {what}: {error}; it is tried again within a minute, or at the next start"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use shipgate_app::ports::Store as _;
    use shipgate_app::store::Changes;
    use shipgate_domain::audit::{Actor, Entry};
    use shipgate_store::SqliteStore;

    #[tokio::test]
    async fn what_the_file_does_not_take_is_due_until_it_does() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let store = SqliteStore::in_memory().unwrap();
        let until = "2026-11-21T12:01:00Z".parse().unwrap();
        let by = store.replica_enter("rules", now, until).await.unwrap();
        let row = |event: &str| Entry {
            at: now,
            actor: Actor::Shipgate,
            deploy: None,
            environment: None,
            event: event.to_owned(),
            data: serde_json::json!({}),
        };
        let mut check = SelfCheck::default();
        check.follow(&store).await.unwrap();
        // One anchor after a thousand rows, and one of the head.
        let mut changes = Changes::by(by, now);
        changes.audit = (0..1200).map(|n| row(&format!("event_{n}"))).collect();
        store.commit(changes).await.unwrap();
        check.follow(&store).await.unwrap();

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchors.jsonl");
        let file = AnchorFile::open(&path).unwrap();
        let anchoring = Anchoring { file: Some(file.clone()), ..Anchoring::default() };
        // Where the file was, there is a folder: nobody can append to it, whoever runs this.
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        for _ in 0..2 {
            let due = check.due_anchors(true, now);
            assert_eq!(due.iter().map(|anchor| anchor.seq).collect::<Vec<_>>(), [1000, 1200]);
            assert_eq!(anchoring.write(&due), None);
        }
        std::fs::remove_dir(&path).unwrap();
        let due = check.due_anchors(true, now);
        let written = anchoring.write(&due).unwrap();
        assert_eq!(AnchorFile::read(&path, None).unwrap().anchors, due);
        check.anchored_up_to(written);
        assert_eq!(check.due_anchors(true, now), []);
    }
}
