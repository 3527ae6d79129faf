-- Times are milliseconds since 1970 in UTC. Bodies are JSON and keep full precision; the columns beside a body are
-- there to search and to constrain, and are written from the body each time.

CREATE TABLE deploys (
    id           TEXT PRIMARY KEY,
    revision     INTEGER NOT NULL,
    service      TEXT NOT NULL,
    environment  TEXT NOT NULL,
    lock_group   TEXT NOT NULL,
    state        TEXT NOT NULL,
    active       INTEGER NOT NULL CHECK (active IN (0, 1)),
    is_open      INTEGER NOT NULL CHECK (is_open IN (0, 1)),
    ran          INTEGER NOT NULL CHECK (ran IN (0, 1)),
    succeeded    INTEGER NOT NULL CHECK (succeeded IN (0, 1)),
    requester    TEXT NOT NULL,
    commit_id    TEXT,
    provider     TEXT,
    run_id       TEXT,
    short_id     TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    bound_at     INTEGER,
    ended_at     INTEGER,
    body         TEXT NOT NULL
) STRICT;

-- INVARIANTS S4: at most one deploy holds the place of a lock group.
CREATE UNIQUE INDEX deploys_one_active ON deploys (lock_group) WHERE active = 1;
CREATE INDEX deploys_active_here ON deploys (environment) WHERE active = 1;
-- What is open is little beside what is over, but may be tens of thousands: by line, by age, by place, by person, and
-- by id for going through all of it.
CREATE INDEX deploys_open ON deploys (lock_group) WHERE is_open = 1;
CREATE INDEX deploys_open_newest ON deploys (requested_at, id) WHERE is_open = 1;
CREATE INDEX deploys_open_here ON deploys (environment, service, requested_at, id) WHERE is_open = 1;
CREATE INDEX deploys_open_mine ON deploys (requester, environment) WHERE is_open = 1;
CREATE INDEX deploys_open_id ON deploys (id) WHERE is_open = 1;
CREATE INDEX deploys_newest ON deploys (requested_at, id);
CREATE INDEX deploys_short ON deploys (short_id);
CREATE INDEX deploys_run ON deploys (provider, run_id) WHERE run_id IS NOT NULL;
CREATE INDEX deploys_ran ON deploys (service, environment, ended_at) WHERE ran = 1;

CREATE TABLE audit (
    seq    INTEGER PRIMARY KEY,
    body   TEXT NOT NULL,
    prev   TEXT NOT NULL,
    hash   TEXT NOT NULL,
    deploy TEXT,
    at     INTEGER NOT NULL
) STRICT;

CREATE INDEX audit_deploy ON audit (deploy, seq) WHERE deploy IS NOT NULL;

-- INVARIANTS S10. The check on insert also stops INSERT OR REPLACE, which deletes without a delete trigger.
CREATE TRIGGER audit_append BEFORE INSERT ON audit
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit)
BEGIN SELECT RAISE(ABORT, 'audit rows are appended in order'); END;
CREATE TRIGGER audit_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'audit rows never change'); END;
CREATE TRIGGER audit_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'audit rows are never deleted'); END;

-- Processes that work on this database. A row goes when its process leaves or was silent for too long: then its
-- epoch has ended, and a write that names it is refused.
CREATE TABLE replicas (
    epoch       INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Version of the rules it works by.
    rules       TEXT NOT NULL,
    alive_until INTEGER NOT NULL
) STRICT;

CREATE TABLE effects (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    key         TEXT NOT NULL UNIQUE,
    effect      TEXT NOT NULL,
    lane        TEXT NOT NULL,
    repeat      TEXT NOT NULL CHECK (repeat IN ('once', 'whenever')),
    state       TEXT NOT NULL CHECK (state IN ('pending', 'done', 'dead')),
    due         INTEGER NOT NULL,
    -- Asked for again while somebody held it: it runs again at this instant.
    again       INTEGER,
    asked       INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    -- Rises with every lease: an older one is worth nothing.
    token       INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER,
    -- The epoch that holds it.
    held_by     INTEGER,
    ended_at    INTEGER,
    last_error  TEXT,
    CHECK ((held_by IS NULL) = (lease_until IS NULL))
) STRICT;

-- By lane: ten thousand messages that are due are not looked through to find a start.
CREATE INDEX effects_due ON effects (due, id) WHERE state = 'pending';
CREATE INDEX effects_due_lane ON effects (lane, due, id) WHERE state = 'pending';
CREATE INDEX effects_dead ON effects (id) WHERE state = 'dead';
CREATE INDEX effects_held ON effects (held_by) WHERE held_by IS NOT NULL;

CREATE TABLE inbox (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    key      TEXT NOT NULL UNIQUE,
    content  TEXT,
    at       INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    done     INTEGER NOT NULL DEFAULT 0 CHECK (done IN (0, 1)),
    -- Whose it is: one account's items are worked on in order.
    account  TEXT NOT NULL,
    -- The epoch that works on it, and which of its workers.
    held_by  INTEGER,
    worker   INTEGER,
    CHECK ((done = 1) = (content IS NULL))
) STRICT;

CREATE INDEX inbox_waiting ON inbox (id) WHERE done = 0;
CREATE INDEX inbox_held ON inbox (account) WHERE held_by IS NOT NULL;

CREATE TABLE scopes (
    name     TEXT PRIMARY KEY,
    revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A person's lock, and one quarantine for each deploy whose outcome is unknown, may stand side by side: the end of one is
-- not the end of another.
CREATE TABLE locks (
    environment   TEXT NOT NULL,
    -- The deploy whose outcome is unknown; empty for a person's lock.
    quarantine    TEXT NOT NULL,
    body          TEXT NOT NULL,
    PRIMARY KEY (environment, quarantine)
) STRICT;

CREATE TABLE freezes (
    id       TEXT PRIMARY KEY,
    ended_at INTEGER,
    body     TEXT NOT NULL
) STRICT;

CREATE TABLE cards (
    deploy   TEXT PRIMARY KEY REFERENCES deploys (id),
    revision INTEGER NOT NULL,
    body     TEXT NOT NULL
) STRICT;

CREATE TABLE notes (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
