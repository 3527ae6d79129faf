//! What the database itself guards: that the record is only appended to, and that one deploy at most has a place. Looked
//! for here. Not here: putting it back (`put_back`), or what the tables hold.

use super::fault::{Fault, Trouble};
use super::migrate::{self, START};
use super::open::OpenError;
use super::pool::Pool;
use super::statement::{column, texts};
use super::transaction::Asked;
use tokio_postgres::Row;

/// Every table.
pub(super) const TABLES: [&str; 12] = [
    "audit",
    "audit_head",
    "cards",
    "deploys",
    "effects",
    "freezes",
    "inbox",
    "locks",
    MIGRATIONS,
    "notes",
    "replicas",
    "scopes",
];

/// The table that says which steps were applied.
const MIGRATIONS: &str = "migrations";

/// A trigger that guards the record.
pub(super) struct Trigger {
    pub name: &'static str,
    /// Its function.
    pub function: &'static str,
    /// When it fires, in the bits of the catalogue: 1 for each row, 2 before, 4 insert, 8 delete, 16 update, 32 truncate.
    when: i64,
    /// The name by which its function knows the new rows.
    new_rows: Option<&'static str>,
}

pub(super) const TRIGGERS: [Trigger; 3] = [
    Trigger { name: "audit_append", function: "audit_appended", when: 4, new_rows: Some("new_rows") },
    Trigger { name: "audit_change", function: "audit_refuse", when: 1 | 2 | 8 | 16, new_rows: None },
    Trigger { name: "audit_truncate", function: "audit_refuse", when: 2 | 32, new_rows: None },
];

/// The index without which two deploys could have one place.
pub(super) const PLACE: &str = "deploys_one_active";

/// The tables as they are there. Not by `to_regclass`, which a view would do for.
const TABLES_THERE: &str = "
    SELECT c.relname::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'shipgate' AND c.relkind = 'r'";

/// The triggers as they are there. Compared by what they are, not by the text that the server makes of them: that
/// depends on settings.
const TRIGGERS_THERE: &str = r"
    SELECT t.tgname::text, c.relname::text, t.tgenabled IN ('O', 'A'), p.proname::text, p.prosrc, t.tgtype::bigint,
        t.tgnewtable::text,
        p.pronamespace = c.relnamespace AND l.lanname = 'plpgsql' AND p.proconfig IS NULL AND NOT p.prosecdef
            AND t.tgnargs = 0 AND t.tgattr::text = '' AND t.tgqual IS NULL AND t.tgoldtable IS NULL
            AND t.tgconstraint = 0
    FROM pg_trigger AS t
    JOIN pg_class AS c ON c.oid = t.tgrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_proc AS p ON p.oid = t.tgfoid
    JOIN pg_language AS l ON l.oid = p.prolang
    WHERE n.nspname = 'shipgate' AND NOT t.tgisinternal ORDER BY t.tgname, c.relname";

/// What has the index's name, and whether it forbids what it must. One of its name may stand on another table, or be
/// half made.
const PLACE_THERE: &str = r#"
    SELECT coalesce(
        i.indisunique AND i.indimmediate AND i.indisvalid AND i.indisready AND i.indislive
            AND i.indnatts = 1 AND i.indkey[0] = a.attnum AND i.indcollation[0] = a.attcollation
            AND o.opcdefault AND o.opcnamespace = 'pg_catalog'::regnamespace
            AND trim('"' FROM pg_get_expr(i.indpred, i.indrelid)) = 'active',
        false)
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
    LEFT JOIN pg_class AS d ON d.oid = i.indrelid AND d.relnamespace = n.oid AND d.relname = 'deploys'
    LEFT JOIN pg_attribute AS a ON a.attrelid = d.oid AND a.attname = 'lock_group' AND NOT a.attisdropped
    LEFT JOIN pg_opclass AS o ON o.oid = i.indclass[0]
    WHERE n.nspname = 'shipgate' AND c.relname = 'deploys_one_active'"#;

/// What else makes tables hold other than what is written, or triggers do nothing: what it is, its name, its table.
const BESIDE: &str = "
    WITH tables AS (
        SELECT c.* FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = 'shipgate' AND c.relkind = 'r' AND c.relname = ANY($1)
    )
    SELECT 'rule', r.rulename::text, t.relname::text FROM pg_rewrite AS r JOIN tables AS t ON t.oid = r.ev_class
    UNION ALL SELECT 'rows', '', t.relname::text FROM tables AS t
        WHERE t.relrowsecurity AND (t.relforcerowsecurity OR row_security_active(t.oid))
    UNION ALL SELECT 'unlogged', '', t.relname::text FROM tables AS t WHERE t.relpersistence <> 'p'
    UNION ALL SELECT 'session', '', '' WHERE current_setting('session_replication_role') = 'replica'
    UNION ALL
    SELECT 'role', coalesce(r.rolname::text, ''), coalesce(d.datname::text, '')
    FROM pg_db_role_setting AS s
    CROSS JOIN unnest(s.setconfig) AS one (setting)
    LEFT JOIN pg_roles AS r ON r.oid = s.setrole
    LEFT JOIN pg_database AS d ON d.oid = s.setdatabase
    WHERE lower(one.setting) = 'session_replication_role=replica'
        AND (s.setdatabase = 0 OR d.datname = current_database())
        AND (s.setrole = 0 OR EXISTS (
            SELECT 1 FROM pg_namespace AS n
            WHERE n.nspname = 'shipgate' AND has_schema_privilege(s.setrole, n.oid, 'USAGE')
        ))
        -- A superuser of another system may do anything anyway.
        AND (r.rolname IS NULL OR NOT r.rolsuper OR r.rolname = current_user)
    ORDER BY 1, 2, 3";

/// A trigger as it is there.
struct Found {
    name: String,
    table: String,
    is_on: bool,
    function: String,
    source: String,
    when: i64,
    new_rows: Option<String>,
    /// Nothing about it, or its function, is set that the migration does not set.
    is_plain: bool,
}

impl Found {
    fn read(row: &Row) -> Result<Self, Fault> {
        Ok(Self {
            name: column(row, 0)?,
            table: column(row, 1)?,
            is_on: column(row, 2)?,
            function: column(row, 3)?,
            source: column(row, 4)?,
            when: column(row, 5)?,
            new_rows: column(row, 6)?,
            is_plain: column(row, 7)?,
        })
    }

    fn stands_for(&self, known: &Trigger) -> bool {
        self.name == known.name && self.table == "audit"
    }

    fn does_what(&self, known: &Trigger) -> bool {
        self.is_plain
            && self.function == known.function
            && Some(self.source.as_str()) == source(known.function)
            && self.when == known.when
            && self.new_rows.as_deref() == known.new_rows
    }
}

/// Something that is not as it was made.
pub(super) struct Amiss {
    /// A clause for people.
    pub what: String,
    /// What Shipgate can put back. It leaves alone what others made.
    pub piece: Option<Piece>,
}

/// Something that can be made anew without forgetting anything.
pub(super) struct Piece {
    /// Its name.
    pub name: &'static str,
    /// How it was found, once it is so no more.
    pub was: String,
}

/// In which way a piece is not as it was made.
#[derive(Clone, Copy)]
enum Wrong {
    Missing,
    Off,
    Other,
}

impl Amiss {
    fn piece(kind: &str, name: &'static str, wrong: Wrong) -> Self {
        let told = |verb: &str| match wrong {
            Wrong::Missing => format!("the {kind} {name} {verb} missing in the database"),
            Wrong::Off => format!("the {kind} {name} in the database {verb} switched off"),
            Wrong::Other => {
                format!("the {kind} {name} in the database {verb} not the one that Shipgate made")
            }
        };
        Self { what: told("is"), piece: Some(Piece { name, was: told("was") }) }
    }

    fn foreign(what: String) -> Self {
        Self { what, piece: None }
    }
}

/// What is missing or other than it was made, one clause for people each.
pub(super) async fn amiss(pool: &Pool) -> Result<Vec<String>, Trouble> {
    Ok(look(&Asked::Itself(pool)).await?.into_iter().map(|amiss| amiss.what).collect())
}

/// Looks at everything that guards the record.
pub(super) async fn look(asked: &Asked<'_>) -> Result<Vec<Amiss>, Fault> {
    let gone = gone(asked).await?;
    let told = |table| Amiss::foreign(format!("the table {table} is missing in the database"));
    let mut amiss: Vec<Amiss> = gone.iter().copied().map(told).collect();
    // What stood on a table went with it.
    if !gone.contains(&"audit") {
        amiss.extend(compare_triggers(&asked.rows(TRIGGERS_THERE, &[]).await?)?);
    }
    if !gone.contains(&"deploys") {
        let place = asked.rows(PLACE_THERE, &[]).await?;
        match place.first().map(|row| column(row, 0)).transpose()? {
            None => amiss.push(Amiss::piece("index", PLACE, Wrong::Missing)),
            Some(false) => amiss.push(Amiss::piece("index", PLACE, Wrong::Other)),
            Some(true) => {}
        }
    }
    let names = TABLES.map(str::to_owned).to_vec();
    for row in asked.rows(BESIDE, &[texts(&names)]).await? {
        let (kind, name): (String, String) = (column(&row, 0)?, column(&row, 1)?);
        amiss.push(Amiss::foreign(told_of(&kind, &name, &column::<String>(&row, 2)?)));
    }
    Ok(amiss)
}

fn compare_triggers(there: &[Row]) -> Result<Vec<Amiss>, Fault> {
    let there = there.iter().map(Found::read).collect::<Result<Vec<Found>, Fault>>()?;
    let mut amiss = Vec::new();
    for known in &TRIGGERS {
        let Some(found) = there.iter().find(|found| found.stands_for(known)) else {
            amiss.push(Amiss::piece("trigger", known.name, Wrong::Missing));
            continue;
        };
        if !found.is_on {
            amiss.push(Amiss::piece("trigger", known.name, Wrong::Off));
        }
        if !found.does_what(known) {
            amiss.push(Amiss::piece("trigger", known.name, Wrong::Other));
        }
    }
    let is_foreign = |found: &&Found| TRIGGERS.iter().all(|known| !found.stands_for(known));
    let foreign = there.iter().filter(is_foreign);
    amiss.extend(foreign.map(|found| Amiss::foreign(told_of("trigger", &found.name, &found.table))));
    Ok(amiss)
}

/// A clause about something that Shipgate did not make.
fn told_of(kind: &str, name: &str, table: &str) -> String {
    match kind {
        "trigger" | "rule" => format!(
            "there is a {kind} {name} in the database that Shipgate did not make: it may change what is written to \
             the table {table}"
        ),
        "rows" => format!(
            "row level security is switched on for the table {table} in the database: rows may be hidden from Shipgate"
        ),
        "unlogged" => {
            format!("the table {table} in the database is unlogged: a crash of the server empties it")
        }
        "session" => "session_replication_role is “replica” in the database: its triggers do nothing".into(),
        _ => {
            let role = if name.is_empty() { "every role".into() } else { format!("the role {name}") };
            let place = if table.is_empty() { "every database" } else { "this database" };
            format!(
                "session_replication_role is set to “replica” for {role} in {place}: the triggers do nothing there"
            )
        }
    }
}

/// The tables that are missing.
async fn gone(asked: &Asked<'_>) -> Result<Vec<&'static str>, Fault> {
    let there = asked.rows(TABLES_THERE, &[]).await?;
    let there = there.iter().map(|row| column(row, 0)).collect::<Result<Vec<String>, Fault>>()?;
    Ok(TABLES.into_iter().filter(|table| there.iter().all(|name| name != table)).collect())
}

/// Whether all tables are there, or nobody has made them yet. One that is gone cannot be made anew: what it held is lost.
pub(super) async fn check_tables(pool: &Pool) -> Result<(), OpenError> {
    let failed = |fault: Fault| OpenError::of(pool, fault.into());
    let was_made = async || migrate::version(pool).await.map(|version| version.unwrap_or(0) > 0);
    let mut is_made = was_made().await.map_err(failed)?;
    let mut gone = gone(&Asked::Itself(pool)).await.map_err(failed)?;
    if !is_made && gone.len() < TABLES.len() {
        // Another process may have made them between the two.
        is_made = was_made().await.map_err(failed)?;
    }
    if !is_made {
        // That table alone says nothing; the others say that its rows, or all of it, went later.
        gone.retain(|table| *table != MIGRATIONS);
        if gone.len() == TABLES.len() - 1 {
            return Ok(());
        }
        gone.push(MIGRATIONS);
    }
    if gone.is_empty() {
        return Ok(());
    }
    Err(OpenError::Incomplete { place: pool.address().place(), missing: gone.join(", ") })
}

/// A statement of the first migration.
pub(super) fn made_by(begin: &str, end: &str) -> &'static str {
    let from = START.find(begin).expect("the migration has this statement");
    let length = START[from..].find(end).expect("a statement has an end") + end.len();
    &START[from..from + length]
}

/// What a function does, as the migration has it.
fn source(function: &str) -> Option<&'static str> {
    made_by(&format!("CREATE FUNCTION shipgate.{function}()"), "END $$;").split("$$").nth(1)
}
