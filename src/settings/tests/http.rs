//! `[http]`: names by which the program is called. Not here: what becomes of requests (`shipgate-web`).

use super::{env, read, told};

fn names(http: &str) -> Vec<String> {
    let text = super::example().replace("[http]\n", &format!("[http]\n{http}\n"));
    let mut names: Vec<String> = read(&text, &super::good_env()).unwrap().http.names().collect();
    names.sort();
    names
}

#[test]
fn the_server_is_called_by_its_public_address_and_by_what_is_named() {
    assert_eq!(names(""), ["shipgate.example.com"]);
    assert_eq!(
        names("hosts = [\"Gate.Internal\", \"gate_2\"]"),
        ["gate.internal", "gate_2", "shipgate.example.com"]
    );
}

#[test]
fn an_address_is_no_name() {
    for bad in
        ["http://gate.internal", "gate.internal:8080", "gate.internal/", "", "gate internal", "*.internal"]
    {
        let said = told(read(&format!("[http]\nhosts = [\"{bad}\"]"), &env(&[])));
        assert!(said.contains("in `http.hosts` is not the name of a host"), "{said}");
        assert!(said.contains("no http://, no port, no path"), "{said}");
    }
}

#[test]
fn the_secret_address_follows_from_the_key_and_needs_one() {
    let text = super::example().replace("[http]\n", "[http]\ncalendar = \"secret\"\n");
    let with = |key: &str| {
        let mut env = super::good_env();
        env.insert("SHIPGATE_CALENDAR_KEY".into(), key.into());
        read(&text, &env)
    };
    let address = |key: &str| with(key).unwrap().http.secret_feed().unwrap();
    let (one, other) = ("a".repeat(32), "b".repeat(32));
    assert_eq!(address(&one), address(&one));
    assert_ne!(address(&one), address(&other));
    let word = address(&one);
    let word = word.strip_prefix("https://shipgate.example.com/calendar/feed/").unwrap();
    let word = word.strip_suffix(".ics").unwrap();
    assert!(word.len() == 32 && word.bytes().all(|b| b.is_ascii_hexdigit()), "{word}");
    assert!(!format!("{:?}", with(&one).unwrap().http).contains(word), "nobody prints it by accident");
    let said = told(read(&text, &super::good_env()));
    assert!(said.contains("SHIPGATE_CALENDAR_KEY is not set"), "{said}");
    let said = told(with("short"));
    assert!(said.contains("shorter than 32 characters") && !said.contains("short\n"), "{said}");
    let said = told(read(&text.replace("\"secret\"", "\"public\""), &super::good_env()));
    assert!(said.contains("calendar") && said.contains("secret"), "{said}");
}
