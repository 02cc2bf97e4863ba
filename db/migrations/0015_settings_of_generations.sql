-- Settings are a generation's, so that whoever goes back gets those of then. What earlier generations and snapshots were made
-- with nobody knows any more: they get what their jail has.

CREATE TABLE generation_setting (
    jail_id TEXT NOT NULL,
    number  INTEGER NOT NULL,
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (jail_id, number, key),
    FOREIGN KEY (jail_id, number) REFERENCES generation ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

INSERT INTO generation_setting (jail_id, number, key, value)
    SELECT jail_id, number, key, value FROM jail_setting JOIN generation USING (jail_id);

CREATE TABLE snapshot_setting (
    snapshot_id TEXT NOT NULL REFERENCES snapshot ON DELETE CASCADE,
    key         TEXT NOT NULL,
    value       TEXT NOT NULL,
    PRIMARY KEY (snapshot_id, key)
) STRICT, WITHOUT ROWID;

INSERT INTO snapshot_setting (snapshot_id, key, value)
    SELECT snapshot_id, key, value FROM jail_setting JOIN snapshot USING (jail_id);

DROP TABLE jail_setting;
