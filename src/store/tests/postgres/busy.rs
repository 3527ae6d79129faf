//! Work that waits for the server with a connection in its hand. Not here: a server that is away (`wire`).

use super::*;
use shipgate_app::WORKERS;
use tokio::task::JoinSet;

#[tokio::test]
async fn workers_that_all_wait_with_a_connection_keep_nobody_from_coming_in() {
    let cluster = Cluster::start();
    let database = cluster.database();
    let store = Arc::new(open(&database.url()).await);
    let (holder, connection) = tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    holder.batch_execute("BEGIN; LOCK TABLE shipgate.locks IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let store = store.clone();
        workers.spawn(async move { store.locks().await });
    }
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'shipgate.locks'::regclass";
    let all: i64 = WORKERS.try_into().unwrap();
    while holder.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < all {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.inbox_put(&inbound("a"), at(1)).await.unwrap(), Accepted::New);
    store.effect_wake("nobody", at(1)).await.unwrap();
    holder.batch_execute("COMMIT").await.unwrap();
    while let Some(ended) = workers.join_next().await {
        assert_eq!(ended.unwrap().unwrap(), Vec::new());
    }
}
