-- What an index that nobody has signed is compared with. db/schema.sql says what each column is.

ALTER TABLE repository ADD COLUMN newest_build INTEGER;

CREATE TABLE repository_memory (
    name         TEXT PRIMARY KEY,
    url          TEXT NOT NULL,
    newest_build INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE repository_missed (
    name       TEXT NOT NULL REFERENCES repository_memory ON DELETE CASCADE,
    pkgbase    TEXT NOT NULL,
    pkgname    TEXT NOT NULL,
    build_date TEXT NOT NULL,
    PRIMARY KEY (name, pkgbase)
) STRICT, WITHOUT ROWID;
