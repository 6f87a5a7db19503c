-- The vendor wants a license back, with all that is still to come of what it replaces.
ALTER TABLE licenses ADD COLUMN wanted_back BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE licenses SET wanted_back = TRUE WHERE replaced_by IS NULL AND (withdrawn > 0
    OR EXISTS (SELECT 1 FROM activations a WHERE a.license = licenses.id AND a.withdraw
        AND a.state NOT IN ('returned', 'consumed', 'cancelled', 'superseded')));
