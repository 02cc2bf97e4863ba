-- Private networks and name servers of jails. db/schema.sql says what each column is.

CREATE TABLE jail_network (
    jail_id TEXT PRIMARY KEY REFERENCES jail ON DELETE CASCADE,
    mode    TEXT NOT NULL,
    nat     TEXT NOT NULL,
    resolv  TEXT NOT NULL,
    address TEXT UNIQUE
) STRICT, WITHOUT ROWID;

CREATE TABLE jail_publish (
    jail_id  TEXT NOT NULL REFERENCES jail ON DELETE CASCADE,
    position INTEGER NOT NULL,
    port     TEXT NOT NULL,
    PRIMARY KEY (jail_id, position)
) STRICT, WITHOUT ROWID;
