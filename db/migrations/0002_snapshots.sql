-- Snapshots. db/schema.sql says what each column is.

CREATE TABLE snapshot (
    snapshot_id  TEXT PRIMARY KEY,
    jail_id      TEXT NOT NULL REFERENCES jail ON DELETE CASCADE,
    name         TEXT NOT NULL,
    image_number INTEGER NOT NULL REFERENCES image,
    generation   INTEGER NOT NULL CHECK (generation > 0),
    wishes       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    command      TEXT NOT NULL,
    method       TEXT NOT NULL,
    size_bytes   INTEGER NOT NULL,
    UNIQUE (jail_id, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX snapshot_by_image ON snapshot (image_number);
