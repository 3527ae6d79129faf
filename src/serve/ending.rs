//! Serving until a signal comes or a part of the program fails, then ending in order. Not here: the parts.

use anyhow::Context as _;
use axum::Router;
use shipgate_web::server::{self, Hosts};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// What is in hand at the end gets this long: longer than a send may take, so an ordered stop leaves no start in the
/// dark.
const LAST_WORK: Duration = Duration::from_secs(40);

/// Serves until a signal comes, then ends everything in order: no new requests, work in hand is finished, the rest
/// stays in the database.
///
/// # Errors
/// The server failed, or something in the background ended before it was told to: a server that acknowledges and works
/// nothing is worse than one that is started anew.
pub async fn run_until_stopped(
    listener: TcpListener,
    routes: Router,
    hosts: Hosts,
    stop: CancellationToken,
    mut background: JoinSet<()>,
) -> anyhow::Result<()> {
    let on_signal = stop.clone();
    tokio::spawn(async move {
        if let Err(error) = signal().await {
            tracing::error!("cannot wait for signals: {error}");
            std::future::pending::<()>().await;
        }
        tracing::info!("stopping: finishing what is in hand");
        on_signal.cancel();
    });
    let ending = stop.clone();
    let mut server = tokio::spawn(server::serve(listener, routes, hosts, ending));
    let mut has_server_ended = false;
    let outcome = tokio::select! {
        // First: what ends because of it has not failed.
        biased;
        () = stop.cancelled() => Ok(()),
        ended = &mut server => {
            has_server_ended = true;
            ended.context("the server failed")
        }
        Some(ended) = background.join_next() => Err(unasked(ended)),
    };
    if outcome.is_err() {
        // Why is told at the end.
        tracing::warn!("stopping because a part of the program failed: finishing what is in hand");
    }
    stop.cancel();
    let finished = tokio::time::timeout(LAST_WORK, async {
        while background.join_next().await.is_some() {}
        if !has_server_ended {
            let _ = (&mut server).await;
        }
    });
    if finished.await.is_err() {
        tracing::warn!("some work did not end in {} s; it goes on at the next start", LAST_WORK.as_secs());
        background.abort_all();
        server.abort();
    }
    outcome
}

fn unasked(ended: Result<(), JoinError>) -> anyhow::Error {
    let what = "a part of the program ended before it was told to";
    match ended {
        Ok(()) => anyhow::anyhow!(what),
        Err(error) => anyhow::Error::new(error).context(what),
    }
}

async fn signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Runs a part beside one that finishes its work once it is told to stop.
    async fn beside(
        part: impl Future<Output = ()> + Send + 'static,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let is_finished = Arc::new(AtomicBool::new(false));
        let mut background = JoinSet::new();
        let (finishing, told) = (is_finished.clone(), stop.clone());
        background.spawn(async move {
            told.cancelled().await;
            finishing.store(true, Ordering::Release);
        });
        background.spawn(part);
        let outcome = run_until_stopped(listener, Router::new(), Hosts::default(), stop, background).await;
        assert!(is_finished.load(Ordering::Acquire), "work in hand is finished");
        outcome
    }

    #[tokio::test]
    async fn a_part_that_breaks_off_ends_the_program_in_order_and_as_a_failure() {
        let outcome = beside(async { panic!("a mistake") }, CancellationToken::new()).await;
        let told = format!("{:#}", outcome.expect_err("a failure"));
        assert!(told.contains("before it was told to") && told.contains("a mistake"), "{told}");
    }

    #[tokio::test]
    async fn a_part_that_comes_to_an_end_unasked_ends_the_program_as_a_failure() {
        beside(async {}, CancellationToken::new()).await.expect_err("a failure");
    }

    #[tokio::test]
    async fn parts_that_end_because_they_are_told_to_are_no_failure() {
        let stop = CancellationToken::new();
        let told = stop.clone();
        beside(async move { told.cancel() }, stop).await.expect("an ordered end");
    }
}
