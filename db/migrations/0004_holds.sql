-- Holds. db/schema.sql says what each column is.

CREATE TABLE jail_hold (
    jail_id TEXT NOT NULL REFERENCES jail ON DELETE CASCADE,
    pkgbase TEXT NOT NULL,
    reason  TEXT NOT NULL,
    until   INTEGER,
    PRIMARY KEY (jail_id, pkgbase)
) STRICT, WITHOUT ROWID;
