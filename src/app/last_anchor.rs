//! The head of the record, said at the very end, when no worker is left that would post it. Not here: when anything is
//! anchored, or the words.

use crate::bot::App;
use crate::ports::{ChatError, Post};
use crate::words::Body;
use shipgate_domain::audit::Anchor;

impl App {
    /// Posts an anchor at once. It is tried once: the next start anchors the same row again.
    ///
    /// # Errors
    /// The chat platform did not take it.
    pub async fn post_last_anchor(
        &self,
        channel: &str,
        anchor: &Anchor,
        signature: Option<&str>,
    ) -> Result<(), ChatError> {
        let body = Body::Message(self.words().anchor(anchor, signature));
        let key = format!("anchor/{}", anchor.seq);
        let post = Post { channel: channel.to_owned(), thread: None, body, key };
        self.chat.post(&post, false).await.map(drop)
    }
}
