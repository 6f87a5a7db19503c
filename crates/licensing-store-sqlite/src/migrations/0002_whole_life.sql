-- Version 2: the whole life of a license.

ALTER TABLE licenses ADD COLUMN assigned INTEGER;            -- container it goes to by itself
ALTER TABLE licenses ADD COLUMN replaces BLOB;
ALTER TABLE licenses ADD COLUMN replaced_by BLOB;
ALTER TABLE licenses ADD COLUMN withdrawn_carried TEXT;      -- those of the withdrawn that had been activated before
CREATE INDEX licenses_by_assigned ON licenses (assigned) WHERE assigned IS NOT NULL;
CREATE INDEX licenses_by_order ON licenses (order_id);

ALTER TABLE firms ADD COLUMN last_free INTEGER;              -- product items that fitted in at the newest context
ALTER TABLE firms ADD COLUMN last_traits BLOB;               -- its trait digests
ALTER TABLE firms ADD COLUMN resync INTEGER NOT NULL DEFAULT 0;

ALTER TABLE steps ADD COLUMN voided INTEGER NOT NULL DEFAULT 0; -- replaced by a competing step
ALTER TABLE steps ADD COLUMN dropped_at INTEGER;             -- proven never to have been applied
DROP INDEX steps_pending;
CREATE INDEX steps_unproven ON steps (serial, firm_code, before_counter) WHERE settled_at IS NULL AND dropped_at IS NULL;
CREATE INDEX steps_by_firm ON steps (serial, firm_code, before_counter);

ALTER TABLE activations ADD COLUMN added_uses INTEGER NOT NULL DEFAULT 0;
ALTER TABLE activations ADD COLUMN feature_map INTEGER;
ALTER TABLE activations ADD COLUMN withdraw INTEGER NOT NULL DEFAULT 0;
ALTER TABLE activations ADD COLUMN update_effect TEXT;       -- what an update does to its base
ALTER TABLE activations ADD COLUMN ended_at INTEGER;         -- returned, cancelled, superseded
UPDATE activations SET ended_at = returned_at;
DROP INDEX activations_live_by_ticket;
DROP INDEX activations_pending;
DROP INDEX activations_by_license;
ALTER TABLE activations DROP COLUMN returned_at;
CREATE INDEX activations_live_by_ticket ON activations (ticket, container, firm_code)
    WHERE state NOT IN ('returned', 'consumed', 'cancelled', 'superseded');
CREATE INDEX activations_live_by_container ON activations (container, firm_code)
    WHERE state NOT IN ('returned', 'consumed', 'cancelled', 'superseded');
CREATE INDEX activations_by_license ON activations (license, state);

CREATE TABLE approvals (
    id           BLOB PRIMARY KEY,
    kind         TEXT NOT NULL,
    license      BLOB NOT NULL REFERENCES licenses(id),
    ticket       BLOB NOT NULL,
    container    INTEGER NOT NULL,
    firm_code    INTEGER NOT NULL,
    state        TEXT NOT NULL,
    decided_at   INTEGER,             -- granted, denied, used
    until        INTEGER,             -- granted
    reason       TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    version      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX approvals_by_ticket ON approvals (ticket);
CREATE INDEX approvals_pending ON approvals (id) WHERE state = 'pending';

CREATE TABLE blacklist (
    version   INTEGER PRIMARY KEY,
    serial    INTEGER NOT NULL UNIQUE REFERENCES containers(serial),
    listed_at INTEGER NOT NULL,
    reason    TEXT NOT NULL
) STRICT;

CREATE TABLE preactivations (
    id          BLOB PRIMARY KEY,
    ticket      BLOB NOT NULL REFERENCES tickets(id),
    quantity    INTEGER NOT NULL,
    conversions INTEGER NOT NULL,
    converted   INTEGER NOT NULL CHECK (converted <= conversions),
    created_at  INTEGER NOT NULL,
    version     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE conversions (
    preactivation BLOB NOT NULL REFERENCES preactivations(id),
    serial        INTEGER NOT NULL,
    PRIMARY KEY (preactivation, serial)
) STRICT, WITHOUT ROWID;

CREATE TABLE server_state (          -- one row
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    reconciling INTEGER               -- since when
) STRICT;
INSERT INTO server_state (id, reconciling) VALUES (1, NULL);

CREATE INDEX receipts_by_firm ON receipts (serial, firm_code, counter);
