-- By what repositories and packages are believed. db/schema.sql says what each column is.

ALTER TABLE repository ADD COLUMN trust TEXT NOT NULL DEFAULT '';

ALTER TABLE image_package ADD COLUMN trust TEXT NOT NULL DEFAULT '';

CREATE TABLE repository_trust (
    name              TEXT PRIMARY KEY,
    identity          TEXT NOT NULL,
    serial            INTEGER NOT NULL,
    made_at           INTEGER NOT NULL,
    expires_at        INTEGER NOT NULL,
    text_sha256       TEXT NOT NULL,
    signers           TEXT NOT NULL,
    revoked           TEXT NOT NULL,
    package_signed_at INTEGER
) STRICT, WITHOUT ROWID;
