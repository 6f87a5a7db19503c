-- Receivers of events. What they are told is the event log; here is how far each has come.

CREATE TABLE webhooks (
    name         TEXT PRIMARY KEY,
    url          TEXT NOT NULL,
    sealed       BLOB NOT NULL,         -- signing secrets, encrypted
    actions      TEXT NOT NULL,         -- with spaces between them; empty for all
    disabled_at  INTEGER,
    disabled_why TEXT,
    created_at   INTEGER NOT NULL,
    version      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE webhook_progress (
    webhook       TEXT PRIMARY KEY REFERENCES webhooks(name),
    reached       INTEGER NOT NULL,     -- every event up to it was told, is not wanted, or is put aside
    lease         BLOB,                 -- of the process that tells it
    lease_until   INTEGER,
    failing_since INTEGER,
    taken_at      INTEGER,
    version       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE webhook_parked (           -- events put aside
    webhook  TEXT NOT NULL REFERENCES webhooks(name),
    sequence INTEGER NOT NULL,
    lane     TEXT NOT NULL,             -- what must stay in order
    attempts INTEGER NOT NULL,
    since    INTEGER NOT NULL,
    next_at  INTEGER NOT NULL,
    outcome  TEXT NOT NULL,
    dead_at  INTEGER,                   -- since when it is not tried any more
    PRIMARY KEY (webhook, sequence)
) STRICT, WITHOUT ROWID;
-- A long list of dead letters does not slow down what is still tried.
CREATE INDEX webhook_parked_waiting ON webhook_parked (webhook, sequence) WHERE dead_at IS NULL;
