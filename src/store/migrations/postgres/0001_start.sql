-- The same tables as on SQLite, in a schema of their own. Times are milliseconds since 1970 in UTC; only the life of a
-- replica is measured by this database's clock. Bodies are JSON as text, kept to the byte: hashes are made of them.

CREATE TABLE shipgate.deploys (
    id           TEXT COLLATE "C" PRIMARY KEY,
    revision     BIGINT NOT NULL,
    service      TEXT COLLATE "C" NOT NULL,
    environment  TEXT COLLATE "C" NOT NULL,
    lock_group   TEXT COLLATE "C" NOT NULL,
    state        TEXT NOT NULL,
    active       BOOLEAN NOT NULL,
    is_open      BOOLEAN NOT NULL,
    ran          BOOLEAN NOT NULL,
    succeeded    BOOLEAN NOT NULL,
    requester    TEXT COLLATE "C" NOT NULL,
    commit_id    TEXT COLLATE "C",
    provider     TEXT COLLATE "C",
    run_id       TEXT COLLATE "C",
    short_id     TEXT COLLATE "C" NOT NULL,
    requested_at BIGINT NOT NULL,
    bound_at     BIGINT,
    ended_at     BIGINT,
    body         TEXT NOT NULL
);

-- INVARIANTS S4: at most one deploy holds the place of a lock group.
CREATE UNIQUE INDEX deploys_one_active ON shipgate.deploys (lock_group) WHERE active;
CREATE INDEX deploys_active_here ON shipgate.deploys (environment) WHERE active;
-- What is open is little beside what is over, but may be tens of thousands: by line, by age, by place, by person, and
-- by id for going through all of it.
CREATE INDEX deploys_open ON shipgate.deploys (lock_group) WHERE is_open;
CREATE INDEX deploys_open_newest ON shipgate.deploys (requested_at, id) WHERE is_open;
CREATE INDEX deploys_open_here ON shipgate.deploys (environment, service, requested_at, id) WHERE is_open;
CREATE INDEX deploys_open_mine ON shipgate.deploys (requester, environment) WHERE is_open;
CREATE INDEX deploys_open_id ON shipgate.deploys (id) WHERE is_open;
CREATE INDEX deploys_newest ON shipgate.deploys (requested_at, id);
CREATE INDEX deploys_short ON shipgate.deploys (short_id);
CREATE INDEX deploys_run ON shipgate.deploys (provider, run_id) WHERE run_id IS NOT NULL;
CREATE INDEX deploys_ran ON shipgate.deploys (service, environment, ended_at) WHERE ran;

CREATE TABLE shipgate.audit (
    seq    BIGINT PRIMARY KEY,
    body   TEXT NOT NULL,
    prev   TEXT NOT NULL,
    hash   TEXT NOT NULL,
    deploy TEXT COLLATE "C",
    at     BIGINT NOT NULL
);

CREATE INDEX audit_deploy ON shipgate.audit (deploy, seq) WHERE deploy IS NOT NULL;

-- The last row of the chain. Who appends locks it: one at a time, in order.
CREATE TABLE shipgate.audit_head (
    one  BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one),
    seq  BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO shipgate.audit_head (seq, hash) VALUES (0, repeat('0', 64));

-- INVARIANTS S10: rows are appended in order, each linked to the one before, and never change.
CREATE FUNCTION shipgate.audit_appended() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken BIGINT;
    last   RECORD;
BEGIN
    SELECT added.seq INTO broken
    FROM (
        SELECT n.seq, n.prev,
            lag(n.seq, 1, h.seq) OVER (ORDER BY n.seq) AS seq_before,
            lag(n.hash, 1, h.hash) OVER (ORDER BY n.seq) AS hash_before
        FROM new_rows AS n, shipgate.audit_head AS h
    ) AS added
    WHERE added.seq <> added.seq_before + 1 OR added.prev <> added.hash_before
    LIMIT 1;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'audit rows are appended in order: % does not follow', broken;
    END IF;
    SELECT n.seq, n.hash INTO last FROM new_rows AS n ORDER BY n.seq DESC LIMIT 1;
    IF FOUND THEN
        UPDATE shipgate.audit_head SET seq = last.seq, hash = last.hash;
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION shipgate.audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit rows never change and are never deleted';
END $$;
CREATE TRIGGER audit_append AFTER INSERT ON shipgate.audit REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION shipgate.audit_appended();
CREATE TRIGGER audit_change BEFORE UPDATE OR DELETE ON shipgate.audit
    FOR EACH ROW EXECUTE FUNCTION shipgate.audit_refuse();
CREATE TRIGGER audit_truncate BEFORE TRUNCATE ON shipgate.audit
    FOR EACH STATEMENT EXECUTE FUNCTION shipgate.audit_refuse();

-- Processes that work on this database. A row goes when its process leaves or was silent for too long: then its
-- epoch has ended, and a write that names it is refused.
CREATE TABLE shipgate.replicas (
    epoch       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Version of the rules it works by.
    rules       TEXT NOT NULL,
    -- By the clock of this database.
    alive_until TIMESTAMPTZ NOT NULL
);

CREATE SEQUENCE shipgate.effect_ids AS BIGINT;

CREATE TABLE shipgate.effects (
    id          BIGINT PRIMARY KEY,
    key         TEXT COLLATE "C" NOT NULL UNIQUE,
    effect      TEXT NOT NULL,
    lane        TEXT COLLATE "C" NOT NULL,
    repeat      TEXT NOT NULL CHECK (repeat IN ('once', 'whenever')),
    state       TEXT NOT NULL CHECK (state IN ('pending', 'done', 'dead')),
    due         BIGINT NOT NULL,
    -- Asked for again while somebody held it: it runs again at this instant.
    again       BIGINT,
    asked       BIGINT NOT NULL,
    attempts    BIGINT NOT NULL,
    -- Rises with every lease: an older one is worth nothing.
    token       BIGINT NOT NULL DEFAULT 0,
    -- By the clock of the holder, who alone compares it.
    lease_until BIGINT,
    -- The epoch that holds it.
    held_by     BIGINT,
    ended_at    BIGINT,
    last_error  TEXT,
    CHECK ((held_by IS NULL) = (lease_until IS NULL))
)
-- Every effect changes several times in a short life: what is left over is cleared away early.
WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

CREATE INDEX effects_due ON shipgate.effects (lane, due, id) WHERE state = 'pending';
CREATE INDEX effects_dead ON shipgate.effects (id) WHERE state = 'dead';
CREATE INDEX effects_held ON shipgate.effects (held_by) WHERE held_by IS NOT NULL;

CREATE TABLE shipgate.inbox (
    id       BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    key      TEXT COLLATE "C" NOT NULL UNIQUE,
    content  TEXT,
    at       BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    done     BOOLEAN NOT NULL DEFAULT FALSE,
    -- Whose it is: one account's items are worked on in order.
    account  TEXT COLLATE "C" NOT NULL,
    -- The epoch that works on it, and which of its workers.
    held_by  BIGINT,
    worker   BIGINT,
    CHECK (done = (content IS NULL))
)
WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

CREATE INDEX inbox_waiting ON shipgate.inbox (id) WHERE NOT done;
CREATE INDEX inbox_turn ON shipgate.inbox (account, id) WHERE NOT done;
CREATE INDEX inbox_held ON shipgate.inbox (held_by) WHERE held_by IS NOT NULL;
-- One account's items are worked on one at a time, by whatever replica.
CREATE UNIQUE INDEX inbox_one_at_work ON shipgate.inbox (account) WHERE held_by IS NOT NULL;

CREATE TABLE shipgate.scopes (
    name     TEXT COLLATE "C" PRIMARY KEY,
    revision BIGINT NOT NULL
);

-- A person's lock, and one quarantine for each deploy whose outcome is unknown, may stand side by side: the end of one is
-- not the end of another.
CREATE TABLE shipgate.locks (
    environment   TEXT COLLATE "C" NOT NULL,
    -- The deploy whose outcome is unknown; empty for a person's lock.
    quarantine    TEXT COLLATE "C" NOT NULL,
    body          TEXT NOT NULL,
    PRIMARY KEY (environment, quarantine)
);

CREATE TABLE shipgate.freezes (
    id       TEXT COLLATE "C" PRIMARY KEY,
    -- The order in which they were added.
    place    BIGINT GENERATED BY DEFAULT AS IDENTITY,
    ended_at BIGINT,
    body     TEXT NOT NULL
);

CREATE TABLE shipgate.cards (
    deploy   TEXT COLLATE "C" PRIMARY KEY REFERENCES shipgate.deploys (id),
    revision BIGINT NOT NULL,
    body     TEXT NOT NULL
);

CREATE TABLE shipgate.notes (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value TEXT NOT NULL
);
