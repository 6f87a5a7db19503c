-- Version 1. Ids are 16 bytes, times whole seconds since 1970, serials mask * 2^48 + number. The same columns as in
-- the SQLite driver, so that a database can be moved between the two; what only this driver needs comes last.

CREATE TABLE definitions (          -- item definitions, once each however many licenses have them
    hash      BYTEA PRIMARY KEY,
    document  TEXT NOT NULL
);

CREATE TABLE items (
    id          TEXT COLLATE "C" PRIMARY KEY,
    definition  BYTEA NOT NULL,
    created_at  BIGINT NOT NULL,
    version     BIGINT NOT NULL
);

CREATE TABLE tickets (
    id          BYTEA PRIMARY KEY,
    lookup      BYTEA NOT NULL UNIQUE, -- keyed hash of the code
    sealed      BYTEA NOT NULL,        -- the code, encrypted
    customer    TEXT,
    together    BOOLEAN NOT NULL,
    created_at  BIGINT NOT NULL
);

CREATE TABLE orders (
    id          TEXT COLLATE "C" PRIMARY KEY,
    customer    TEXT,
    comment     TEXT NOT NULL,
    ticket      BYTEA NOT NULL REFERENCES tickets(id),
    content     BYTEA NOT NULL,        -- hash by which a repeated submission is recognised
    created_at  BIGINT NOT NULL
);

CREATE TABLE licenses (
    id          BYTEA PRIMARY KEY,
    ticket      BYTEA NOT NULL REFERENCES tickets(id),
    order_id    TEXT COLLATE "C" NOT NULL,
    position    BIGINT NOT NULL,
    definition  BYTEA NOT NULL,
    quantity    BIGINT NOT NULL,
    generation  BIGINT NOT NULL,
    fresh       BIGINT NOT NULL CHECK (fresh >= 0),
    carried     TEXT,                 -- returned shares with what they have left; usually none
    activating  BIGINT NOT NULL CHECK (activating >= 0),
    active      BIGINT NOT NULL CHECK (active >= 0),
    being_returned BIGINT NOT NULL CHECK (being_returned >= 0),
    withdrawn   BIGINT NOT NULL CHECK (withdrawn >= 0),
    created_at  BIGINT NOT NULL,
    version     BIGINT NOT NULL
);
CREATE INDEX licenses_by_ticket ON licenses (ticket);

CREATE TABLE containers (
    serial        BIGINT PRIMARY KEY,
    identity_key  BYTEA NOT NULL,
    sealing_key   BYTEA NOT NULL,
    test_host     BOOLEAN NOT NULL,
    status        TEXT NOT NULL,
    registered_at BIGINT NOT NULL,
    version       BIGINT NOT NULL
);

CREATE TABLE firms (                -- firm items of containers
    serial            BIGINT NOT NULL REFERENCES containers(serial),
    firm_code         BIGINT NOT NULL,
    confirmed_counter BIGINT NOT NULL,
    confirmed_digest  BYTEA NOT NULL,
    last_sequence     BIGINT,        -- the newest context seen: all five or none
    last_certified    BIGINT,
    last_box_time     BIGINT,
    last_hash         BYTEA,
    last_seen_at      BIGINT,
    version           BIGINT NOT NULL,
    PRIMARY KEY (serial, firm_code)
);

CREATE TABLE steps (                -- issued steps; their bytes never change
    id             BYTEA PRIMARY KEY,
    serial         BIGINT NOT NULL,
    firm_code      BIGINT NOT NULL,
    before_counter BIGINT NOT NULL,
    before_digest  BYTEA NOT NULL,
    after_digest   BYTEA NOT NULL,
    bytes          BYTEA NOT NULL,
    issued_at      BIGINT NOT NULL,
    proof          BYTEA,              -- the context that proves it was applied
    settled_at     BIGINT
);
CREATE INDEX steps_pending ON steps (serial, firm_code, before_counter) WHERE proof IS NULL;

CREATE TABLE activations (
    id                BYTEA PRIMARY KEY,
    license           BYTEA NOT NULL REFERENCES licenses(id),
    ticket            BYTEA NOT NULL,
    container         BIGINT NOT NULL,
    firm_code         BIGINT NOT NULL,
    entry             BYTEA NOT NULL,
    generation        BIGINT NOT NULL,
    quantity          BIGINT NOT NULL CHECK (quantity > 0),
    units             BIGINT,
    expires           BIGINT,
    maintenance_until BIGINT,
    usage_started     BIGINT,
    state             TEXT NOT NULL,
    step              BYTEA,           -- pending step: activating, returning
    activated_at      BIGINT,        -- active, returning
    returned_at       BIGINT,        -- returned
    proof             BYTEA,           -- active, returned
    created_at        BIGINT NOT NULL,
    version           BIGINT NOT NULL
);
CREATE INDEX activations_live_by_ticket ON activations (ticket, container, firm_code) WHERE state <> 'returned';
CREATE INDEX activations_by_license ON activations (license);
CREATE INDEX activations_pending ON activations (container, firm_code) WHERE step IS NOT NULL;

CREATE TABLE contexts (             -- which context was seen under a sequence number
    serial    BIGINT NOT NULL,
    firm_code BIGINT NOT NULL,
    sequence  BIGINT NOT NULL,
    hash      BYTEA NOT NULL,
    PRIMARY KEY (serial, firm_code, sequence)
);

CREATE TABLE receipts (             -- contexts kept as proof
    hash        BYTEA PRIMARY KEY,
    serial      BIGINT NOT NULL,
    firm_code   BIGINT NOT NULL,
    counter     BIGINT NOT NULL,
    digest      BYTEA NOT NULL,
    bytes       BYTEA NOT NULL,
    received_at BIGINT NOT NULL
);

CREATE TABLE requests (             -- answers, so that asking again gives the same bytes
    key         BYTEA PRIMARY KEY,
    fingerprint BYTEA NOT NULL,
    response    BYTEA NOT NULL,
    at          BIGINT NOT NULL
);

CREATE TABLE tokens (
    hash       BYTEA PRIMARY KEY,
    name       TEXT COLLATE "C" NOT NULL,        -- a revoked token leaves its name free
    roles      TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    version    BIGINT NOT NULL
);

CREATE SEQUENCE events_sequence;

CREATE TABLE events (
    sequence  BIGINT PRIMARY KEY DEFAULT nextval('events_sequence'),
    at        BIGINT NOT NULL,
    action    TEXT NOT NULL,
    outcome   TEXT NOT NULL,
    actor     TEXT NOT NULL,
    origin    TEXT,
    ticket    BYTEA,
    license   BYTEA,
    container BIGINT,
    firm_code BIGINT,
    quantity  BIGINT,
    proof     BYTEA,
    detail    TEXT NOT NULL
);
CREATE INDEX events_by_ticket ON events (ticket, sequence) WHERE ticket IS NOT NULL;
CREATE INDEX events_by_license ON events (license, sequence) WHERE license IS NOT NULL;
CREATE INDEX events_by_container ON events (container, sequence) WHERE container IS NOT NULL;

-- No foreign key leads to definitions: their rows are never deleted, and a key would make everybody who sells the
-- same item lock the same row.

CREATE TABLE commits (              -- one row per connection: its last commit that took place
    process  BYTEA PRIMARY KEY,
    number   BIGINT NOT NULL,
    begun_at TIMESTAMPTZ NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
