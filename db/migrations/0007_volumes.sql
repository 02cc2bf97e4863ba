-- Volumes and host mounts. db/schema.sql says what each column is.

CREATE TABLE volume (
    volume_id  TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    fresh      INTEGER NOT NULL CHECK (fresh IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE jail_volume (
    jail_id   TEXT NOT NULL REFERENCES jail ON DELETE CASCADE,
    path      TEXT NOT NULL,
    volume_id TEXT NOT NULL REFERENCES volume,
    writable  INTEGER NOT NULL CHECK (writable IN (0, 1)),
    PRIMARY KEY (jail_id, path)
) STRICT, WITHOUT ROWID;

CREATE INDEX jail_volume_by_volume ON jail_volume (volume_id);

CREATE TABLE jail_mount (
    jail_id    TEXT NOT NULL REFERENCES jail ON DELETE CASCADE,
    path       TEXT NOT NULL,
    source     TEXT NOT NULL,
    writable   INTEGER NOT NULL CHECK (writable IN (0, 1)),
    executable INTEGER NOT NULL CHECK (executable IN (0, 1)),
    PRIMARY KEY (jail_id, path)
) STRICT, WITHOUT ROWID;
