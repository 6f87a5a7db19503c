-- Version 10: API tokens that are bound to a client certificate.

ALTER TABLE tokens ADD COLUMN certificate BYTEA;   -- its SHA-256; none: the token has a secret
