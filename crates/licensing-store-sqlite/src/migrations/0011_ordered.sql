-- Version 11: what somebody has taken of an item lately without a second person.

CREATE TABLE ordered (
    who     TEXT NOT NULL,
    item    TEXT NOT NULL,
    taken   TEXT NOT NULL,        -- end of a step and how many, a line each
    version INTEGER NOT NULL,
    PRIMARY KEY (who, item)
) STRICT, WITHOUT ROWID;
