-- +goose Up
-- Times are unix nanoseconds, UTC. Severities are the numbers of api.Severity.

CREATE TABLE stores (
    name       TEXT   NOT NULL PRIMARY KEY,
    first_seen BIGINT NOT NULL
);

CREATE TABLE nodes (
    store      TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen  BIGINT NOT NULL DEFAULT 0, -- 0: enrolled, never heard
    status     BLOB,                      -- the last api.Status
    PRIMARY KEY (store, name)
);

-- The place in each outbox of a node: everything up to sequence is stored, but for the gaps.
CREATE TABLE journals (
    store      TEXT   NOT NULL,
    node       TEXT   NOT NULL,
    journal_id TEXT   NOT NULL,
    sequence   BIGINT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen  BIGINT NOT NULL,
    PRIMARY KEY (store, node, journal_id)
);

CREATE TABLE gaps (
    store         TEXT   NOT NULL,
    node          TEXT   NOT NULL,
    journal_id    TEXT   NOT NULL,
    from_sequence BIGINT NOT NULL,
    to_sequence   BIGINT NOT NULL, -- inclusive
    noticed       BIGINT NOT NULL,
    PRIMARY KEY (store, node, journal_id, from_sequence)
);

CREATE TABLE events (
    key        INTEGER PRIMARY KEY AUTOINCREMENT,
    store      TEXT   NOT NULL,
    node       TEXT   NOT NULL,
    journal_id TEXT   NOT NULL,
    sequence   BIGINT NOT NULL,
    id         TEXT   NOT NULL,
    time       BIGINT NOT NULL,
    received   BIGINT NOT NULL,
    kind       TEXT   NOT NULL,
    severity   BIGINT NOT NULL,
    object     TEXT   NOT NULL,
    message    TEXT   NOT NULL,
    condition  TEXT   NOT NULL,
    incident   TEXT   NOT NULL,
    generation BIGINT NOT NULL,
    attributes TEXT   NOT NULL, -- JSON object
    UNIQUE (store, node, journal_id, sequence)
);
CREATE INDEX events_by_store ON events (store, key);
CREATE INDEX events_by_incident ON events (store, incident, time) WHERE incident <> '';
CREATE INDEX events_by_condition ON events (store, object, condition, time) WHERE condition <> '';

-- One row per incident, computed from its parts.
CREATE TABLE incidents (
    store            TEXT   NOT NULL,
    id               TEXT   NOT NULL,
    revision         BIGINT NOT NULL,
    kind             TEXT   NOT NULL,
    title            TEXT   NOT NULL,
    severity         BIGINT NOT NULL,
    opened           BIGINT NOT NULL,
    closed           BIGINT NOT NULL, -- 0: open
    redundant        BIGINT NOT NULL, -- 0: not yet
    failed_node      TEXT   NOT NULL,
    survivor         TEXT   NOT NULL,
    generation       BIGINT NOT NULL,
    recovery_seconds DOUBLE PRECISION NOT NULL,
    updated          BIGINT NOT NULL,
    PRIMARY KEY (store, id)
);
CREATE INDEX incidents_by_time ON incidents (opened);
CREATE INDEX incidents_by_store ON incidents (store, opened);
CREATE INDEX incidents_open ON incidents (store, opened) WHERE closed = 0;

-- What each node said about an incident: its highest revision, without snapshots.
CREATE TABLE incident_parts (
    store    TEXT   NOT NULL,
    incident TEXT   NOT NULL,
    author   TEXT   NOT NULL,
    revision BIGINT NOT NULL,
    body     BLOB   NOT NULL, -- api.Incident
    PRIMARY KEY (store, incident, author)
);

CREATE TABLE snapshots (
    store    TEXT   NOT NULL,
    incident TEXT   NOT NULL,
    node     TEXT   NOT NULL,
    source   TEXT   NOT NULL,
    author   TEXT   NOT NULL,
    revision BIGINT NOT NULL,
    body     BLOB   NOT NULL, -- api.Snapshot
    PRIMARY KEY (store, incident, node, source, author)
);

CREATE TABLE alarms (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    store           TEXT   NOT NULL,
    node            TEXT   NOT NULL,
    object          TEXT   NOT NULL,
    condition       TEXT   NOT NULL,
    severity        BIGINT NOT NULL,
    message         TEXT   NOT NULL,
    incident        TEXT   NOT NULL,
    raised          BIGINT NOT NULL,
    updated         BIGINT NOT NULL,
    cleared         BIGINT NOT NULL DEFAULT 0, -- 0: raised now
    count           BIGINT NOT NULL DEFAULT 1,
    acknowledged    BIGINT NOT NULL DEFAULT 0,
    acknowledged_by TEXT   NOT NULL DEFAULT '',
    comment         TEXT   NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX alarms_raised ON alarms (store, object, condition) WHERE cleared = 0;
CREATE INDEX alarms_by_time ON alarms (updated);

CREATE TABLE inventory (
    store    TEXT   NOT NULL,
    node     TEXT   NOT NULL,
    time     BIGINT NOT NULL,
    facts    TEXT   NOT NULL, -- JSON object
    PRIMARY KEY (store, node)
);

CREATE TABLE users (
    name    TEXT   NOT NULL PRIMARY KEY,
    role    TEXT   NOT NULL,
    hash    TEXT   NOT NULL, -- argon2id, PHC string
    created BIGINT NOT NULL
);

CREATE TABLE sessions (
    token  TEXT   NOT NULL PRIMARY KEY, -- hashed
    data   BLOB   NOT NULL,
    expiry BIGINT NOT NULL
);
CREATE INDEX sessions_by_expiry ON sessions (expiry);

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    time    BIGINT NOT NULL,
    who     TEXT   NOT NULL,
    address TEXT   NOT NULL,
    action  TEXT   NOT NULL,
    object  TEXT   NOT NULL,
    detail  TEXT   NOT NULL
);
CREATE INDEX audit_by_time ON audit (time);

-- +goose Down
DROP TABLE audit;
DROP TABLE sessions;
DROP TABLE users;
DROP TABLE inventory;
DROP TABLE alarms;
DROP TABLE snapshots;
DROP TABLE incident_parts;
DROP TABLE incidents;
DROP TABLE events;
DROP TABLE gaps;
DROP TABLE journals;
DROP TABLE nodes;
DROP TABLE stores;
