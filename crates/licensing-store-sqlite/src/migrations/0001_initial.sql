-- Version 1. Ids are 16-byte blobs, times whole seconds since 1970, serials mask * 2^48 + number.

CREATE TABLE definitions (          -- item definitions, once each however many licenses have them
    hash      BLOB PRIMARY KEY,
    document  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE items (
    id          TEXT PRIMARY KEY,
    definition  BLOB NOT NULL REFERENCES definitions(hash),
    created_at  INTEGER NOT NULL,
    version     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tickets (
    id          BLOB PRIMARY KEY,
    lookup      BLOB NOT NULL UNIQUE, -- keyed hash of the code
    sealed      BLOB NOT NULL,        -- the code, encrypted
    customer    TEXT,
    together    INTEGER NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
    id          TEXT PRIMARY KEY,
    customer    TEXT,
    comment     TEXT NOT NULL,
    ticket      BLOB NOT NULL REFERENCES tickets(id),
    content     BLOB NOT NULL,        -- hash by which a repeated submission is recognised
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE licenses (
    id          BLOB PRIMARY KEY,
    ticket      BLOB NOT NULL REFERENCES tickets(id),
    order_id    TEXT NOT NULL,
    position    INTEGER NOT NULL,
    definition  BLOB NOT NULL REFERENCES definitions(hash),
    quantity    INTEGER NOT NULL,
    generation  INTEGER NOT NULL,
    fresh       INTEGER NOT NULL CHECK (fresh >= 0),
    carried     TEXT,                 -- returned shares with what they have left; usually none
    activating  INTEGER NOT NULL CHECK (activating >= 0),
    active      INTEGER NOT NULL CHECK (active >= 0),
    being_returned INTEGER NOT NULL CHECK (being_returned >= 0),
    withdrawn   INTEGER NOT NULL CHECK (withdrawn >= 0),
    created_at  INTEGER NOT NULL,
    version     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX licenses_by_ticket ON licenses (ticket);

CREATE TABLE containers (
    serial        INTEGER PRIMARY KEY,
    identity_key  BLOB NOT NULL,
    sealing_key   BLOB NOT NULL,
    test_host     INTEGER NOT NULL,
    status        TEXT NOT NULL,
    registered_at INTEGER NOT NULL,
    version       INTEGER NOT NULL
) STRICT;

CREATE TABLE firms (                -- firm items of containers
    serial            INTEGER NOT NULL REFERENCES containers(serial),
    firm_code         INTEGER NOT NULL,
    confirmed_counter INTEGER NOT NULL,
    confirmed_digest  BLOB NOT NULL,
    last_sequence     INTEGER,        -- the newest context seen: all five or none
    last_certified    INTEGER,
    last_box_time     INTEGER,
    last_hash         BLOB,
    last_seen_at      INTEGER,
    version           INTEGER NOT NULL,
    PRIMARY KEY (serial, firm_code)
) STRICT, WITHOUT ROWID;

CREATE TABLE steps (                -- issued steps; their bytes never change
    id             BLOB PRIMARY KEY,
    serial         INTEGER NOT NULL,
    firm_code      INTEGER NOT NULL,
    before_counter INTEGER NOT NULL,
    before_digest  BLOB NOT NULL,
    after_digest   BLOB NOT NULL,
    bytes          BLOB NOT NULL,
    issued_at      INTEGER NOT NULL,
    proof          BLOB,              -- the context that proves it was applied
    settled_at     INTEGER
) STRICT;
CREATE INDEX steps_pending ON steps (serial, firm_code, before_counter) WHERE proof IS NULL;

CREATE TABLE activations (
    id                BLOB PRIMARY KEY,
    license           BLOB NOT NULL REFERENCES licenses(id),
    ticket            BLOB NOT NULL,
    container         INTEGER NOT NULL,
    firm_code         INTEGER NOT NULL,
    entry             BLOB NOT NULL,
    generation        INTEGER NOT NULL,
    quantity          INTEGER NOT NULL CHECK (quantity > 0),
    units             INTEGER,
    expires           INTEGER,
    maintenance_until INTEGER,
    usage_started     INTEGER,
    state             TEXT NOT NULL,
    step              BLOB,           -- pending step: activating, returning
    activated_at      INTEGER,        -- active, returning
    returned_at       INTEGER,        -- returned
    proof             BLOB,           -- active, returned
    created_at        INTEGER NOT NULL,
    version           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX activations_live_by_ticket ON activations (ticket, container, firm_code) WHERE state <> 'returned';
CREATE INDEX activations_by_license ON activations (license);
CREATE INDEX activations_pending ON activations (container, firm_code) WHERE step IS NOT NULL;

CREATE TABLE contexts (             -- which context was seen under a sequence number
    serial    INTEGER NOT NULL,
    firm_code INTEGER NOT NULL,
    sequence  INTEGER NOT NULL,
    hash      BLOB NOT NULL,
    PRIMARY KEY (serial, firm_code, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE receipts (             -- contexts kept as proof
    hash        BLOB PRIMARY KEY,
    serial      INTEGER NOT NULL,
    firm_code   INTEGER NOT NULL,
    counter     INTEGER NOT NULL,
    digest      BLOB NOT NULL,
    bytes       BLOB NOT NULL,
    received_at INTEGER NOT NULL
) STRICT;

CREATE TABLE requests (             -- answers, so that asking again gives the same bytes
    key         BLOB PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    response    BLOB NOT NULL,
    at          INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
    hash       BLOB PRIMARY KEY,
    name       TEXT NOT NULL,        -- a revoked token leaves its name free
    roles      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    version    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    sequence  INTEGER PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    action    TEXT NOT NULL,
    outcome   TEXT NOT NULL,
    actor     TEXT NOT NULL,
    origin    TEXT,
    ticket    BLOB,
    license   BLOB,
    container INTEGER,
    firm_code INTEGER,
    quantity  INTEGER,
    proof     BLOB,
    detail    TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_ticket ON events (ticket, sequence) WHERE ticket IS NOT NULL;
CREATE INDEX events_by_license ON events (license, sequence) WHERE license IS NOT NULL;
CREATE INDEX events_by_container ON events (container, sequence) WHERE container IS NOT NULL;
