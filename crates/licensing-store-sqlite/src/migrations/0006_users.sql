-- Version 6: users, and the sessions in which they work. The secrets of both are hashed or encrypted.

CREATE TABLE users (
    name             TEXT PRIMARY KEY,
    roles            TEXT NOT NULL,
    password         TEXT NOT NULL,           -- a PHC string
    password_set_at  INTEGER NOT NULL,
    must_change      INTEGER NOT NULL,
    factor           BLOB,                    -- encrypted; none: no second factor
    factor_confirmed INTEGER NOT NULL,
    factor_step      INTEGER NOT NULL,
    recovery         BLOB NOT NULL,           -- keyed hashes, one after the other
    failures         INTEGER NOT NULL,
    failed_at        INTEGER,
    signed_in_at     INTEGER,
    created_at       INTEGER NOT NULL,
    disabled_at      INTEGER,
    version          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    hash      BLOB PRIMARY KEY,
    owner     TEXT NOT NULL REFERENCES users (name),
    stage     TEXT NOT NULL,
    begun_at  INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    ends_at   INTEGER NOT NULL,
    origin    TEXT,
    agent     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_of_user ON sessions (owner);
CREATE INDEX sessions_by_end ON sessions (ends_at);
