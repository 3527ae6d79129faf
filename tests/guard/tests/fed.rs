//! Calendars of others in the record: what they say is told there, and when they were read is not. Not here: the whole
//! program (`tests/it/calendars.rs`), forged rows of each kind (`src/store/tests/tables.rs`).

use crate::roles::Town;

#[tokio::test]
async fn what_a_calendar_says_is_in_the_record_however_often_it_is_read() {
    let mut town = Town::found_with(|settings| {
        format!(
            "{settings}[[freezes]]\nname = \"Company\"\nenvironments = [\"production\"]\nics = \"company.ics\"\nrefresh = \"5m\"\n"
        )
    })
    .await;
    // It cannot be read yet, and has nothing to be told.
    town.pass(3).await;
    assert_eq!(town.findings().await, Vec::<String>::new());
    town.calendar(1);
    town.pass(20).await;
    let read = async || town.events().await.iter().filter(|event| *event == "calendar_read").count();
    assert_eq!(read().await, 1, "it said the same each time");
    assert_eq!(town.findings().await, Vec::<String>::new());
    let said = town.note("calendar/settings:Company").await.expect("what it says");
    town.calendar(2);
    town.pass(6).await;
    assert_ne!(town.note("calendar/settings:Company").await, Some(said.clone()));
    assert_eq!(town.findings().await, Vec::<String>::new());
    // Somebody lets the calendar say what it said before.
    town.forge("calendar/settings:Company", &said).await;
    let found = town.findings().await;
    assert!(
        found.iter().any(|what| what.contains("the note “calendar/settings:Company” is stored with another")),
        "{found:?}"
    );
}
