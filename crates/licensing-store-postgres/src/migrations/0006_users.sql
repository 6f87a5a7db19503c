-- Version 6: users, and the sessions in which they work. The secrets of both are hashed or encrypted.

CREATE TABLE users (
    name             TEXT COLLATE "C" PRIMARY KEY,
    roles            TEXT NOT NULL,
    password         TEXT NOT NULL,           -- a PHC string
    password_set_at  BIGINT NOT NULL,
    must_change      BOOLEAN NOT NULL,
    factor           BYTEA,                    -- encrypted; none: no second factor
    factor_confirmed BOOLEAN NOT NULL,
    factor_step      BIGINT NOT NULL,
    recovery         BYTEA NOT NULL,           -- keyed hashes, one after the other
    failures         BIGINT NOT NULL,
    failed_at        BIGINT,
    signed_in_at     BIGINT,
    created_at       BIGINT NOT NULL,
    disabled_at      BIGINT,
    version          BIGINT NOT NULL
);

CREATE TABLE sessions (
    hash      BYTEA PRIMARY KEY,
    owner     TEXT COLLATE "C" NOT NULL REFERENCES users (name),
    stage     TEXT NOT NULL,
    begun_at  BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    ends_at   BIGINT NOT NULL,
    origin    TEXT,
    agent     TEXT NOT NULL
);

CREATE INDEX sessions_of_user ON sessions (owner);
CREATE INDEX sessions_by_end ON sessions (ends_at);
