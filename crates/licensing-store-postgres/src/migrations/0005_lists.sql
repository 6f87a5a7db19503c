-- What the vendor looks through, in the order in which it is shown: ADR 23 says what each costs.
ALTER TABLE licenses ADD COLUMN customer TEXT;               -- that of its ticket, which never changes
UPDATE licenses SET customer = t.customer FROM tickets t WHERE t.id = licenses.ticket AND t.customer IS NOT NULL;
CREATE INDEX licenses_by_customer ON licenses (customer, id) WHERE customer IS NOT NULL;
CREATE INDEX licenses_by_definition ON licenses (definition, id);
CREATE INDEX orders_by_time ON orders (created_at, id);
CREATE INDEX orders_by_customer ON orders (lower(customer COLLATE "C"), (customer COLLATE "C"), created_at, id) WHERE customer IS NOT NULL;
CREATE INDEX orders_by_name ON orders (lower(id), id);
CREATE INDEX items_by_name ON items (lower(id), id);
CREATE INDEX containers_by_time ON containers (registered_at, serial);
CREATE INDEX containers_flagged ON containers (registered_at, serial) WHERE status <> 'normal';
CREATE INDEX activations_unfinished ON activations (created_at, id) WHERE step IS NOT NULL;
CREATE INDEX events_by_time ON events (at, sequence);
CREATE INDEX events_by_action ON events (action, at, sequence) INCLUDE (quantity);
