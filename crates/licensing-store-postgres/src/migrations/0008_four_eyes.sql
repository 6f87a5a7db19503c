-- Version 8: four eyes. Scopes of API tokens, first grants of approvals, and orders that wait for a second person.

ALTER TABLE tokens ADD COLUMN scopes TEXT;              -- none: everything its roles allow
ALTER TABLE approvals ADD COLUMN first_grant_by TEXT;   -- while a second person still has to grant it

CREATE TABLE held_orders (
    id          TEXT COLLATE "C" PRIMARY KEY,
    content     BYTEA NOT NULL,
    customer    TEXT,
    order_lines TEXT NOT NULL,       -- quantity and item, a line each
    asked_by    TEXT NOT NULL,
    asked_at    BIGINT NOT NULL,
    state       TEXT NOT NULL,       -- pending, released, denied, placed
    decided_by  TEXT,
    decided_at  BIGINT,
    until       BIGINT,
    version     BIGINT NOT NULL
);

CREATE INDEX held_orders_waiting ON held_orders (id) WHERE state = 'pending';
