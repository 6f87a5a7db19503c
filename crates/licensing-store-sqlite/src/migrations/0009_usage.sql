-- Activations counted by calendar month (202611), in parts that do not wait for each other. Part 255 counts nothing: it
-- notes that somebody was told that the limit is near.

CREATE TABLE usage (
    month       INTEGER NOT NULL,
    shard       INTEGER NOT NULL,
    activations INTEGER NOT NULL CHECK (activations >= 0),
    PRIMARY KEY (month, shard)
) STRICT, WITHOUT ROWID;

-- What was activated before counting began.
INSERT INTO usage (month, shard, activations)
    SELECT CAST(strftime('%Y%m', at, 'unixepoch') AS INTEGER) AS month, 0, count(*) FROM events
    WHERE action = 'activation_issued' GROUP BY 1;
