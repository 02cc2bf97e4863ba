-- What a generation's merge of the configuration came to. db/schema.sql says what each column is.

CREATE TABLE generation_merge (
    jail_id  TEXT NOT NULL,
    number   INTEGER NOT NULL,
    added    INTEGER NOT NULL,
    replaced INTEGER NOT NULL,
    removed  INTEGER NOT NULL,
    kept     INTEGER NOT NULL,
    merged   INTEGER NOT NULL,
    PRIMARY KEY (jail_id, number),
    FOREIGN KEY (jail_id, number) REFERENCES generation ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE generation_conflict (
    jail_id  TEXT NOT NULL,
    number   INTEGER NOT NULL,
    position INTEGER NOT NULL,
    path     TEXT NOT NULL,
    what     TEXT NOT NULL,
    decision TEXT NOT NULL CHECK (decision IN ('', 'kept', 'taken')),
    PRIMARY KEY (jail_id, number, position),
    FOREIGN KEY (jail_id, number) REFERENCES generation ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
