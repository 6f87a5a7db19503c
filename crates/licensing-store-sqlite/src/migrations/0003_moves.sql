-- Version 3: a database that was copied to another place, or is an unfinished copy, is not served.

CREATE TABLE moves (                 -- at most one row
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    key   BLOB NOT NULL,             -- the same in both databases of a move
    part  TEXT NOT NULL,             -- leaving, gone, filling
    other TEXT NOT NULL,             -- where the other one is, for people
    since INTEGER NOT NULL
) STRICT;
