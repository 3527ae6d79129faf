//! Stores what was read, counts it, and says what to tell Slack. Not here: how Slack is told (`http`, `socket`).

use super::payloads::{Read, Refusal};
use super::{Sink, count};
use std::collections::BTreeMap;

/// A delivery that was not taken.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It is not for us.
    Refused(Refusal),
    /// It could not be stored. For a form: what it shows, by block.
    NotStored(BTreeMap<String, String>),
}

/// Stores a delivery, where there is something to store. When this returns `Ok`, Slack may be told "received".
pub(crate) async fn store(
    sink: &dyn Sink,
    kind: &'static str,
    read: Result<Read, Refusal>,
) -> Result<Read, Failed> {
    match read {
        Ok(Read::Inbound { inbound, complaint }) => match sink.accept((*inbound).clone()).await {
            Ok(()) => {
                count(kind, "accepted");
                Ok(Read::Inbound { inbound, complaint })
            }
            Err(error) => {
                count(kind, "not_stored");
                tracing::error!(kind, "a delivery from Slack was {error}");
                Err(Failed::NotStored(complaint))
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
