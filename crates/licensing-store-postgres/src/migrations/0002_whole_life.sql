-- Version 2: the whole life of a license.

ALTER TABLE licenses ADD COLUMN assigned BIGINT;             -- container it goes to by itself
ALTER TABLE licenses ADD COLUMN replaces BYTEA;
ALTER TABLE licenses ADD COLUMN replaced_by BYTEA;
ALTER TABLE licenses ADD COLUMN withdrawn_carried TEXT;      -- those of the withdrawn that had been activated before
CREATE INDEX licenses_by_assigned ON licenses (assigned) WHERE assigned IS NOT NULL;
CREATE INDEX licenses_by_order ON licenses (order_id);

ALTER TABLE firms ADD COLUMN last_free BIGINT;               -- product items that fitted in at the newest context
ALTER TABLE firms ADD COLUMN last_traits BYTEA;              -- its trait digests
ALTER TABLE firms ADD COLUMN resync BOOLEAN NOT NULL DEFAULT FALSE;

ALTER TABLE steps ADD COLUMN voided BOOLEAN NOT NULL DEFAULT FALSE; -- replaced by a competing step
ALTER TABLE steps ADD COLUMN dropped_at BIGINT;              -- proven never to have been applied
DROP INDEX steps_pending;
CREATE INDEX steps_unproven ON steps (serial, firm_code, before_counter) WHERE settled_at IS NULL AND dropped_at IS NULL;
CREATE INDEX steps_by_firm ON steps (serial, firm_code, before_counter);

ALTER TABLE activations ADD COLUMN added_uses BIGINT NOT NULL DEFAULT 0;
ALTER TABLE activations ADD COLUMN feature_map BIGINT;
ALTER TABLE activations ADD COLUMN withdraw BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE activations ADD COLUMN update_effect TEXT;       -- what an update does to its base
ALTER TABLE activations ADD COLUMN ended_at BIGINT;          -- returned, cancelled, superseded
UPDATE activations SET ended_at = returned_at WHERE returned_at IS NOT NULL;
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
    id           BYTEA PRIMARY KEY,
    kind         TEXT NOT NULL,
    license      BYTEA NOT NULL REFERENCES licenses(id),
    ticket       BYTEA NOT NULL,
    container    BIGINT NOT NULL,
    firm_code    BIGINT NOT NULL,
    state        TEXT NOT NULL,
    decided_at   BIGINT,              -- granted, denied, used
    until        BIGINT,              -- granted
    reason       TEXT NOT NULL,
    requested_at BIGINT NOT NULL,
    version      BIGINT NOT NULL
);
CREATE INDEX approvals_by_ticket ON approvals (ticket);
CREATE INDEX approvals_pending ON approvals (id) WHERE state = 'pending';

CREATE TABLE blacklist (
    version   BIGINT PRIMARY KEY,
    serial    BIGINT NOT NULL UNIQUE REFERENCES containers(serial),
    listed_at BIGINT NOT NULL,
    reason    TEXT NOT NULL
);

CREATE TABLE preactivations (
    id          BYTEA PRIMARY KEY,
    ticket      BYTEA NOT NULL REFERENCES tickets(id),
    quantity    BIGINT NOT NULL,
    conversions BIGINT NOT NULL,
    converted   BIGINT NOT NULL CHECK (converted <= conversions),
    created_at  BIGINT NOT NULL,
    version     BIGINT NOT NULL
);

CREATE TABLE conversions (
    preactivation BYTEA NOT NULL REFERENCES preactivations(id),
    serial        BIGINT NOT NULL,
    PRIMARY KEY (preactivation, serial)
);

CREATE TABLE server_state (          -- one row
    id          BIGINT PRIMARY KEY CHECK (id = 1),
    reconciling BIGINT               -- since when
);
INSERT INTO server_state (id, reconciling) VALUES (1, NULL);

CREATE INDEX receipts_by_firm ON receipts (serial, firm_code, counter);
