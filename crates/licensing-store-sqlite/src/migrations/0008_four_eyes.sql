-- Version 8: four eyes. Scopes of API tokens, first grants of approvals, and orders that wait for a second person.

ALTER TABLE tokens ADD COLUMN scopes TEXT;              -- none: everything its roles allow
ALTER TABLE approvals ADD COLUMN first_grant_by TEXT;   -- while a second person still has to grant it

CREATE TABLE held_orders (
    id          TEXT PRIMARY KEY,
    content     BLOB NOT NULL,
    customer    TEXT,
    order_lines TEXT NOT NULL,       -- quantity and item, a line each
    asked_by    TEXT NOT NULL,
    asked_at    INTEGER NOT NULL,
    state       TEXT NOT NULL,       -- pending, released, denied, placed
    decided_by  TEXT,
    decided_at  INTEGER,
    until       INTEGER,
    version     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX held_orders_waiting ON held_orders (id) WHERE state = 'pending';
