-- Known vulnerabilities. db/schema.sql says what each column is.

CREATE TABLE vulnerability_list (
    only_one      INTEGER PRIMARY KEY CHECK (only_one = 1),
    url           TEXT NOT NULL,
    etag          TEXT NOT NULL,
    last_modified TEXT NOT NULL,
    sha256        TEXT NOT NULL,
    revision      TEXT NOT NULL,
    written_at    INTEGER,
    signed_by     TEXT NOT NULL,
    checked_at    INTEGER NOT NULL,
    refreshed_at  INTEGER NOT NULL,
    entries       INTEGER NOT NULL
) STRICT;

CREATE TABLE vulnerability (
    vulnerability_id INTEGER PRIMARY KEY,
    pattern          TEXT NOT NULL,
    type             TEXT NOT NULL,
    url              TEXT NOT NULL
) STRICT;

CREATE TABLE vulnerability_base (
    pkgbase          TEXT NOT NULL,
    vulnerability_id INTEGER NOT NULL REFERENCES vulnerability,
    PRIMARY KEY (pkgbase, vulnerability_id)
) STRICT, WITHOUT ROWID;
