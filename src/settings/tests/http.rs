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
