//! The demo as a program: who may open its page. Not here: what the page does (`tests/browser`).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running demo, and where it listens.
struct Demo {
    child: Child,
    address: String,
}

impl Demo {
    fn start(arguments: &[&str]) -> Self {
        Self::start_in(&std::env::temp_dir(), arguments)
    }

    /// One that makes its folder there.
    fn start_in(folder: &Path, arguments: &[&str]) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_shipgate"));
        program.args(["demo", "--listen", "127.0.0.1:0"]).args(arguments).stdout(Stdio::piped());
        program.env("TMPDIR", folder);
        let mut child = program.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.map_while(Result::ok).find_map(|line| {
            let (_, address) = line.split_once("http://")?;
            Some(address.trim_end_matches('/').to_owned())
        });
        Self { child, address: address.expect("it says where it is") }
    }

    fn ask(&self, host: &str, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_name_that_another_site_let_point_here_does_not_open_the_page() {
    let demo = Demo::start(&["--host", "box.internal"]);
    let port = demo.address.rsplit(':').next().unwrap();
    for host in [&demo.address, &format!("localhost:{port}"), &format!("Box.internal:{port}")] {
        assert!(demo.ask(host, "GET /").starts_with("HTTP/1.1 200"), "{host}");
    }
    for path in ["GET /", "POST /say", "GET /metrics"] {
        let answer = demo.ask(&format!("evil.example:{port}"), path);
        assert!(answer.starts_with("HTTP/1.1 421"), "{path}: {answer}");
        assert!(answer.contains("--host") && !answer.contains("<html"), "{path}: {answer}");
    }
}

#[test]
fn closing_the_terminal_ends_it_in_order_and_nothing_stays_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Demo::start_in(folder.path(), &[]);
    assert_eq!(folder.path().read_dir().unwrap().count(), 1, "its folder is there");
    let hung_up = Command::new("kill").args(["-HUP", &demo.child.id().to_string()]).status().unwrap();
    assert!(hung_up.success());
    let ended = demo.child.wait().unwrap();
    assert_eq!(ended.code(), Some(0), "{ended}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "something stayed behind");
}
