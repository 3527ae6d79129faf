//! Stores what was read, counts it, and says what to tell Slack. Not here: how Slack is told (`http`, `socket`).

use super::payloads::{Read, Refusal};
use super::{Sink, SinkError, count};
use shipgate_app::point;
use std::collections::BTreeMap;

/// A delivery that was not taken.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It is not for us.
    Refused(Refusal),
    /// It was not taken over.
    NotTaken {
        /// What the person reads.
        say: String,
        /// For a form: what it shows, by block.
        complaint: BTreeMap<String, String>,
        /// Whether the same delivery may come again by itself: not when the person was told to try again.
        may_come_again: bool,
    },
}

/// Stores a delivery, where there is something to store. When this returns `Ok`, Slack may be told "received".
pub(crate) async fn store(
    sink: &dyn Sink,
    kind: &'static str,
    read: Result<Read, Refusal>,
) -> Result<Read, Failed> {
    point!("ack", kind, "unstored");
    match read {
        Ok(Read::Inbound { inbound, complaint }) => match sink.accept((*inbound).clone()).await {
            Ok(()) => {
                point!("ack", kind, "stored");
                count(kind, "accepted");
                Ok(Read::Inbound { inbound, complaint })
            }
            Err(error) => {
                let may_come_again = matches!(error, SinkError::NotStored { .. });
                if may_come_again {
                    count(kind, "not_stored");
                    tracing::error!(kind, "a delivery from Slack was {error}");
                } else {
                    count(kind, "too_many");
                    tracing::warn!(kind, "a delivery from Slack was {error}");
                }
                let say = error.say().to_owned();
                let complaint = complaint.into_keys().map(|block| (block, say.clone())).collect();
                Err(Failed::NotTaken { say, complaint, may_come_again })
            }
        },
        Ok(other) => {
            count(kind, "nothing_to_store");
            Ok(other)
        }
        Err(refusal) => {
            count(kind, refusal.code());
            tracing::warn!(kind, why = refusal.code(), "refused a delivery from Slack");
            Err(Failed::Refused(refusal))
        }
    }
}
