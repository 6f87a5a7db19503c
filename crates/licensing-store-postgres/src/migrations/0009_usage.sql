-- Activations counted by calendar month (202611), in parts that do not wait for each other. Part 255 counts nothing: it
-- notes that somebody was told that the limit is near.

CREATE TABLE usage (
    month       BIGINT NOT NULL,
    shard       BIGINT NOT NULL,
    activations BIGINT NOT NULL CHECK (activations >= 0),
    PRIMARY KEY (month, shard)
);

-- What was activated before counting began.
INSERT INTO usage (month, shard, activations)
    SELECT to_char(to_timestamp(at) AT TIME ZONE 'UTC', 'YYYYMM')::bigint AS month, 0, count(*) FROM events
    WHERE action = 'activation_issued' GROUP BY 1;
