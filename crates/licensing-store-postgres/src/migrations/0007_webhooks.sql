-- Receivers of events. What they are told is the event log; here is how far each has come.

CREATE TABLE webhooks (
    name         TEXT COLLATE "C" PRIMARY KEY,
    url          TEXT NOT NULL,
    sealed       BYTEA NOT NULL,         -- signing secrets, encrypted
    actions      TEXT NOT NULL,         -- with spaces between them; empty for all
    disabled_at  BIGINT,
    disabled_why TEXT,
    created_at   BIGINT NOT NULL,
    version      BIGINT NOT NULL
);

CREATE TABLE webhook_progress (
    webhook       TEXT COLLATE "C" PRIMARY KEY REFERENCES webhooks(name),
    reached       BIGINT NOT NULL,     -- every event up to it was told, is not wanted, or is put aside
    lease         BYTEA,                 -- of the process that tells it
    lease_until   BIGINT,
    failing_since BIGINT,
    taken_at      BIGINT,
    version       BIGINT NOT NULL
);

CREATE TABLE webhook_parked (           -- events put aside
    webhook  TEXT COLLATE "C" NOT NULL REFERENCES webhooks(name),
    sequence BIGINT NOT NULL,
    lane     TEXT NOT NULL,             -- what must stay in order
    attempts BIGINT NOT NULL,
    since    BIGINT NOT NULL,
    next_at  BIGINT NOT NULL,
    outcome  TEXT NOT NULL,
    dead_at  BIGINT,                   -- since when it is not tried any more
    PRIMARY KEY (webhook, sequence)
);
-- A long list of dead letters does not slow down what is still tried.
CREATE INDEX webhook_parked_waiting ON webhook_parked (webhook, sequence) WHERE dead_at IS NULL;
