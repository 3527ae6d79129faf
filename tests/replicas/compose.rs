//! The balancer of `compose.yaml`, the very program and the very file, in front of replicas of this machine. Not here:
//! containers.

use crate::fleet::{Fleet, Plan};
use crate::replica::{LOOK, PATIENCE, get};
use crate::settings::Transport;
use crate::stage::tell;
use crate::trouble::Done;
use shipgate_cluster::Cluster;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const CONFIGURATION: &str = include_str!("../../compose/haproxy.cfg");

/// HAProxy with the file of `compose.yaml`; only the addresses are others.
struct Haproxy {
    child: Child,
    address: String,
}

impl Haproxy {
    async fn start(fleet: &Fleet) -> Self {
        let address = {
            let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback ports are free");
            listener.local_addr().expect("it listens").to_string()
        };
        let [one, two] = [0, 1].map(|number| fleet.replicas[number].address().to_owned());
        let mut file = CONFIGURATION.to_owned();
        for (there, here) in [("bind :8080", format!("bind {address}")), ("one:8080", one), ("two:8080", two)]
        {
            assert!(file.contains(there), "haproxy.cfg has no “{there}” any more");
            file = file.replace(there, &here);
        }
        let path = fleet.replicas[0].folder().join("haproxy.cfg");
        std::fs::write(&path, file).expect("the file is written");
        // Debian keeps it out of the way of people who are not root.
        let program = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"].map(PathBuf::from);
        let program = program.into_iter().find(|program| program.is_file());
        let program = program.expect("HAProxy is not on this machine: run ./test, which installs it");
        let child = Command::new(program)
            .arg("-f")
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("HAProxy starts");
        let haproxy = Self { child, address };
        let give_up = Instant::now() + PATIENCE;
        // A request that no replica takes as signed: the balancer has found them.
        while get(&haproxy.address, "/slack/commands").await.0 != 405 {
            assert!(Instant::now() < give_up, "HAProxy finds no replica");
            tokio::time::sleep(LOOK).await;
        }
        haproxy
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_balancer_of_compose_gives_deliveries_to_replicas_that_are_ready_and_nothing_else() {
    let database = Cluster::shared().database();
    let plan = Plan {
        replicas: 2,
        transport: Transport::Http,
        places: 2,
        database: Some(database.name().to_owned()),
        port: Cluster::shared().port(),
    };
    let fleet = Fleet::start(plan).await;
    let haproxy = Haproxy::start(&fleet).await;
    fleet.world.set_target(&format!("http://{}", haproxy.address));
    for path in ["/metrics", "/readyz", "/", "/slack", "/github/webhooks/x"] {
        assert_eq!(get(&haproxy.address, path).await.0, 404, "{path}");
    }
    tell(fleet, 31, 20, async |mut fleet, _, _| {
        tokio::time::sleep(Duration::from_secs(2)).await;
        // The first dies; what people send goes to the second.
        fleet.replicas[0].kill9();
        tokio::time::sleep(Duration::from_secs(4)).await;
        (fleet.run_at_the_end(0).await, Done { kills: 1, ..Done::default() })
    })
    .await;
}
