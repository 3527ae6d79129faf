//! What is believed of an anchor file, and what is not. Not here: databases behind it (`tests/it/selfcheck.rs`).

use super::*;
use secrecy::SecretString;

fn anchor(seq: u64) -> Anchor {
    let hash = shipgate_domain::hex(&[u8::try_from(seq).unwrap(); 32]);
    Anchor { seq, hash, count: seq, at: "2026-11-21T12:00:00Z".parse().unwrap() }
}

fn seal(digit: &str) -> Seal {
    Seal::from_seed(&SecretString::from(digit.repeat(64))).unwrap()
}

#[test]
fn what_never_ends_is_no_anchor_file() {
    for device in ["/dev/zero", "/dev/full", "/dev/null"] {
        let refused = AnchorFile::open(Path::new(device)).unwrap_err();
        assert!(format!("{refused:#}").contains("no regular file"), "{refused:#}");
    }
    let refused = AnchorFile::read(Path::new("/dev/zero"), None).unwrap_err();
    assert!(format!("{refused:#}").contains("another file"), "{refused:#}");
}

#[test]
fn what_holds_something_else_is_no_anchor_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for text in
        ["SQLite format 3\0\u{10}\0", "# settings\n[http]\n", "{\"level\":\"INFO\"}\n", "\u{37f}\u{6}"]
    {
        std::fs::write(&path, text).unwrap();
        let refused = AnchorFile::open(&path).unwrap_err();
        assert!(format!("{refused:#}").contains("something else than anchors"), "{text}: {refused:#}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    for text in ["", "\n", "\0\0\0", "{\"what\":\"anch"] {
        std::fs::write(&path, text).unwrap();
        for seq in [3, 4] {
            AnchorFile::open(&path).unwrap().append(&anchor(seq), None).unwrap();
        }
        assert_eq!(AnchorFile::read(&path, None).unwrap().anchors, [anchor(3), anchor(4)], "{text}");
    }
}

#[test]
fn what_was_appended_is_read_back_and_a_cut_line_stays_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anchors.jsonl");
    let file = AnchorFile::open(&path).unwrap();
    assert_eq!(file.newest(None).unwrap(), None);
    file.append(&anchor(3), Some(&seal("1"))).unwrap();
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"what\":\"anc").unwrap();
    file.append(&anchor(5), Some(&seal("1"))).unwrap();
    assert_eq!(file.newest(None).unwrap(), Some(anchor(5)));
    let read = AnchorFile::read(&path, Some(&seal("1").public_key())).unwrap();
    assert_eq!(read.anchors, [anchor(3), anchor(5)]);
    assert_eq!((read.signed, &read.cut[..], read.problems.len()), (2, &[2][..], 0), "{read:?}");
}

#[test]
fn an_anchor_of_another_key_or_an_edited_one_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anchors.jsonl");
    let file = AnchorFile::open(&path).unwrap();
    file.append(&anchor(3), Some(&seal("1"))).unwrap();
    file.append(&anchor(4), Some(&seal("2"))).unwrap();
    file.append(&anchor(5), None).unwrap();
    let read = AnchorFile::read(&path, Some(&seal("1").public_key())).unwrap();
    assert_eq!((read.anchors, read.problems.len()), (vec![anchor(3)], 2));
    let text = std::fs::read_to_string(&path).unwrap().replacen("\"seq\":3", "\"seq\":2", 1);
    std::fs::write(&path, text).unwrap();
    let read = AnchorFile::read(&path, None).unwrap();
    assert_eq!((read.anchors, read.problems.len()), (vec![anchor(4), anchor(5)], 1));
}

#[test]
fn a_restored_backup_makes_later_anchors_void() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anchors.jsonl");
    let file = AnchorFile::open(&path).unwrap();
    file.append(&anchor(3), None).unwrap();
    file.append(&anchor(9), None).unwrap();
    file.append_restored(5, &anchor(5).hash, anchor(5).at, None).unwrap();
    assert_eq!(file.newest(None).unwrap(), Some(anchor(5)));
    file.append(&anchor(7), None).unwrap();
    assert_eq!(AnchorFile::read(&path, None).unwrap().anchors, [anchor(3), anchor(7)]);
}

#[test]
fn a_forged_word_that_a_backup_was_restored_is_named_and_makes_nothing_void() {
    let (own, other) = (seal("1"), seal("2"));
    for forger in [None, Some(&other)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchors.jsonl");
        let file = AnchorFile::open(&path).unwrap();
        file.append(&anchor(3), Some(&own)).unwrap();
        file.append(&anchor(9), Some(&own)).unwrap();
        file.append_restored(5, &anchor(5).hash, anchor(5).at, forger).unwrap();
        // Whether the verifier knows the key or not: it is not that of the anchors.
        for key in [Some(own.public_key()), None] {
            let read = AnchorFile::read(&path, key.as_deref()).unwrap();
            assert_eq!(read.anchors, [anchor(3), anchor(9)]);
            let [problem] = &read.problems[..] else { panic!("{read:?}") };
            assert!(problem.starts_with("line 3: the word that a backup was restored to row 5"), "{problem}");
        }
        assert_eq!(file.newest(Some(&own.public_key())).unwrap(), Some(anchor(9)));
    }
}

#[test]
fn a_signed_word_that_a_backup_was_restored_makes_later_anchors_void_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anchors.jsonl");
    let (file, seal) = (AnchorFile::open(&path).unwrap(), seal("1"));
    let key = seal.public_key();
    file.append(&anchor(9), Some(&seal)).unwrap();
    let restored = "2026-11-21T12:00:01Z".parse().unwrap();
    file.append_restored(5, &anchor(5).hash, restored, Some(&seal)).unwrap();
    assert_eq!(file.newest(Some(&key)).unwrap().map(|anchor| anchor.seq), Some(5));
    let later = Anchor { at: "2026-11-21T12:00:02Z".parse().unwrap(), ..anchor(7) };
    file.append(&later, Some(&seal)).unwrap();
    // Somebody who may only append repeats what was signed before.
    let said = std::fs::read_to_string(&path).unwrap();
    let old: Vec<&str> = said.lines().take(2).collect();
    let mut appending = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    writeln!(appending, "{}", old.join("\n")).unwrap();
    assert_eq!(file.newest(Some(&key)).unwrap(), Some(later.clone()));
    let read = AnchorFile::read(&path, Some(&key)).unwrap();
    assert_eq!((&read.anchors[..], &read.problems[..]), (&[later][..], &[][..]));
}

#[test]
fn a_key_that_is_new_forgets_no_anchor_before_it_has_signed_one() {
    let folder = tempfile::tempdir().unwrap();
    let (file, seal) = (AnchorFile::open(&folder.path().join("anchors.jsonl")).unwrap(), seal("1"));
    file.append(&anchor(9), None).unwrap();
    assert_eq!(file.newest(Some(&seal.public_key())).unwrap(), Some(anchor(9)));
    file.append(&anchor(8), Some(&seal)).unwrap();
    assert_eq!(file.newest(Some(&seal.public_key())).unwrap(), Some(anchor(8)));
}
