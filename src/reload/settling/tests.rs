//! Files that are replaced, and files that are written in their place, slowly. Not here: what becomes of whole ones
//! (`reload/tests.rs`).

use super::super::files::Files;
use super::*;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

const FIRST: &str = "[environments.staging]\nchecks = \"none\"\n";
/// Half of it is in order, and lets everybody deploy to production.
const LATER: &str = "[environments.staging]\nchecks = \"all\"\n[environments.production]\nchecks = \"none\"\n\
                     approvals = { needed = 2 }\n";

struct Scene {
    _folder: tempfile::TempDir,
    config: PathBuf,
    in_force: Content,
    settling: Settling,
    now: Instant,
}

impl Scene {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("shipgate.toml");
        fs::create_dir(folder.path().join("own")).unwrap();
        fs::write(&config, text).unwrap();
        let (look, now) = (Files { config: config.clone() }.look(), Instant::now());
        let in_force = look.content.clone();
        Self { _folder: folder, config, in_force, settling: Settling::new(look, now), now }
    }

    /// The next look, so many seconds later.
    fn after(&mut self, seconds: u64) -> bool {
        self.now += Duration::from_secs(seconds);
        let look = Files { config: self.config.clone() }.look();
        self.settling.is_whole(look, &self.in_force, self.now)
    }

    fn replace(&self, text: &str) {
        let beside = self.config.with_extension("new");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, &self.config).unwrap();
    }
}

#[test]
fn a_file_that_took_the_place_of_another_is_whole_when_it_was_seen_twice() {
    let mut scene = Scene::new(LATER);
    assert!(scene.after(2), "nothing changed");
    scene.replace(FIRST);
    assert!(!scene.after(2));
    assert!(scene.after(2), "also when it says less");
}

#[test]
fn half_of_a_file_that_is_written_slowly_is_never_taken_for_a_whole_one() {
    let mut scene = Scene::new(FIRST);
    let half = LATER.split("approvals").next().unwrap();
    let mut file = fs::File::create(&scene.config).unwrap();
    file.write_all(half.as_bytes()).unwrap();
    assert!(!scene.after(2));
    assert!(!scene.after(2), "seen twice, and not whole");
    assert!(!scene.after(4));
    file.write_all(&LATER.as_bytes()[half.len()..]).unwrap();
    assert!(!scene.after(2));
    assert!(!scene.after(8));
    assert!(scene.after(2), "it rested for ten seconds");
}

#[test]
fn what_lacks_something_of_what_is_in_force_rests_for_longer() {
    for less in [FIRST, "", "[environments.staging]\nchecks = \"all\"\n"] {
        let mut scene = Scene::new(LATER);
        fs::write(&scene.config, less).unwrap();
        assert!(!scene.after(2));
        assert!(!scene.after(28), "{less}");
        assert!(scene.after(2), "{less}");
    }
    // No more than its order and values are other.
    let mut scene = Scene::new(FIRST);
    fs::write(&scene.config, FIRST.replace("none", "all")).unwrap();
    assert!(!scene.after(2));
    assert!(scene.after(10));
}

#[test]
fn a_file_that_is_replaced_by_one_that_is_still_being_written_is_waited_for() {
    let mut scene = Scene::new(FIRST);
    fs::remove_file(&scene.config).unwrap();
    assert!(!scene.after(2));
    assert!(!scene.after(2), "somebody writes it anew, surely");
    let half = LATER.split("approvals").next().unwrap();
    fs::write(&scene.config, half).unwrap();
    assert!(!scene.after(2));
    assert!(!scene.after(2));
    fs::write(&scene.config, LATER).unwrap();
    assert!(!scene.after(2));
    assert!(!scene.after(8));
    assert!(scene.after(2));
    scene.settling.taken();
    scene.replace(FIRST);
    assert!(!scene.after(2));
    assert!(scene.after(2), "what was before is forgotten");
}

#[test]
fn a_command_file_that_is_written_in_its_place_is_waited_for_too() {
    let mut scene = Scene::new("[commands]\nfolder = \"own\"\n");
    let command = scene.config.with_file_name("own").join("restart.toml");
    fs::write(&command, "name = \"restart\"\n").unwrap();
    assert!(!scene.after(2));
    assert!(scene.after(2), "a new one");
    scene.settling.taken();
    fs::write(&command, "name = \"restart\"\nrole = \"approver\"\n").unwrap();
    assert!(!scene.after(2));
    assert!(!scene.after(2));
    assert!(scene.after(8));
}
