//! The clock of the self-check: every ten seconds the record is followed, every minute all is compared and the head is
//! written down elsewhere. Not here: what is checked (`app::selfcheck`).

use crate::anchors::{AnchorFile, Seal};
use jiff::Timestamp;
use shipgate_app::App;
use shipgate_app::ports::Clock;
use shipgate_app::selfcheck::{Looked, SelfCheck};
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

    fn note(&self, at: Timestamp, looked: &Result<Looked, StoreError>) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let checked = match looked {
            Ok(looked) => SelfChecked {
                at: at.to_string(),
                rows: looked.rows,
                ok: looked.findings.is_empty(),
                result: match (looked.findings.as_slice(), &looked.stopped) {
                    ([], None) => "nothing was found".into(),
                    ([], Some((_, found))) => format!("nothing is started until somebody looked: {found}"),
                    ([only], _) => only.what.clone(),
                    ([first, more @ ..], _) => format!("{first}, and {} more", more.len()),
                },
                stopped: looked.stopped.is_some(),
            },
            Err(error) => SelfChecked {
                ok: false,
                result: format!("the check could not be made: {error}"),
                ..newest.clone().unwrap_or_else(|| SelfChecked {
                    at: at.to_string(),
                    rows: 0,
                    ok: false,
                    result: String::new(),
                    stopped: false,
                })
            },
        };
        let flag = |on: bool| if on { 1.0 } else { 0.0 };
        metrics::gauge!("shipgate_self_check_ok").set(flag(checked.ok));
        metrics::gauge!("shipgate_dispatching_stopped").set(flag(checked.stopped));
        metrics::gauge!("shipgate_self_check_rows").set(checked.rows as f64);
        if looked.is_ok() {
            metrics::gauge!("shipgate_self_check_timestamp_seconds").set(at.as_second() as f64);
        }
        *newest = Some(checked);
    }
}

/// Looks until told to stop. The first look reads the whole record, in the background of everything else.
pub async fn keep_looking(
    app: Arc<App>,
    anchoring: Anchoring,
    status: Arc<Status>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    let mut check = SelfCheck::new(anchoring.alarm_channels.clone());
    let key = anchoring.seal.as_ref().map(Seal::public_key);
    if let Some(Ok(Some(newest))) = anchoring.file.as_ref().map(|file| file.newest(key.as_deref())) {
        check.anchored_up_to(newest.seq);
    }
    let mut looks = 0_u64;
    while !stop.is_cancelled() {
        let is_full = looks.is_multiple_of(COMPARE_EVERY);
        let begun = Instant::now();
        let work = async {
            if is_full {
                app.look_after_itself(&mut check).await.map(Some)
            } else {
                app.follow_record(&mut check).await.map(|()| None)
            }
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
                status.note(clock.now(), &Ok(looked));
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!("the self-check could not be made: {error}");
                status.note(clock.now(), &Err(error));
            }
        }
        // A head is worth writing down only while nothing is wrong with what leads to it.
        if status.newest().is_some_and(|newest| newest.ok) {
            let anchors = check.take_anchors(is_full, clock.now());
            anchor(&app, &anchoring, &anchors).await;
        }
        looks += 1;
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(FOLLOW_EVERY) => {}
        }
    }
}

async fn anchor(app: &App, anchoring: &Anchoring, anchors: &[Anchor]) {
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        metrics::counter!("shipgate_anchor_failures_total").increment(1);
        tracing::error!(
            "cannot write the head of the record to {what}: {error}; the next one is tried in a minute"
        );
    };
    if let Some(file) = &anchoring.file {
        for anchor in anchors {
            if let Err(error) = file.append(anchor, anchoring.seal.as_ref()) {
                failed("the anchor file", &error);
            }
        }
    }
    let Some(newest) = anchors.last() else { return };
    metrics::gauge!("shipgate_anchor_row").set(newest.seq as f64);
    if let Some(channel) = &anchoring.channel {
        let signature = anchoring.seal.as_ref().map(|seal| seal.sign(newest));
        if let Err(error) = app.post_anchor(channel, newest, signature.as_deref()).await {
            failed(channel, &error);
        }
    }
}
