-- What the vendor looks through, in the order in which it is shown: ADR 23 says what each costs.
ALTER TABLE licenses ADD COLUMN customer TEXT;               -- that of its ticket, which never changes
UPDATE licenses SET customer = (SELECT t.customer FROM tickets t WHERE t.id = licenses.ticket);
CREATE INDEX licenses_by_customer ON licenses (customer, id) WHERE customer IS NOT NULL;
CREATE INDEX licenses_by_definition ON licenses (definition, id);
CREATE INDEX orders_by_time ON orders (created_at, id);
CREATE INDEX orders_by_customer ON orders (customer COLLATE NOCASE, customer, created_at, id) WHERE customer IS NOT NULL;
CREATE INDEX orders_by_name ON orders (id COLLATE NOCASE);
CREATE INDEX items_by_name ON items (id COLLATE NOCASE);
CREATE INDEX containers_by_time ON containers (registered_at, serial);
CREATE INDEX containers_flagged ON containers (registered_at, serial) WHERE status <> 'normal';
CREATE INDEX activations_unfinished ON activations (created_at, id) WHERE step IS NOT NULL;
CREATE INDEX events_by_time ON events (at, sequence);
CREATE INDEX events_by_action ON events (action, at, sequence, quantity);
