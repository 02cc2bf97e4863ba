-- The first catalog. db/schema.sql says what each table and column is.

CREATE TABLE repository (
    repository_id INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    url           TEXT NOT NULL,
    index_file    TEXT NOT NULL,
    etag          TEXT NOT NULL,
    last_modified TEXT NOT NULL,
    sha256        TEXT NOT NULL,
    checked_at    INTEGER NOT NULL,
    refreshed_at  INTEGER NOT NULL,
    packages      INTEGER NOT NULL,
    priority      INTEGER NOT NULL,
    position      INTEGER NOT NULL
) STRICT;

CREATE TABLE available_package (
    available_package_id INTEGER PRIMARY KEY,
    repository_id    INTEGER NOT NULL REFERENCES repository ON DELETE CASCADE,
    pkgname          TEXT NOT NULL,
    pkgbase          TEXT NOT NULL,
    comment          TEXT NOT NULL,
    depends          TEXT NOT NULL,
    conflicts        TEXT NOT NULL,
    supersedes       TEXT NOT NULL,
    provides         TEXT NOT NULL,
    requires         TEXT NOT NULL,
    installed_bytes  INTEGER NOT NULL,
    build_date       TEXT NOT NULL,
    categories       TEXT NOT NULL,
    homepage         TEXT NOT NULL,
    license          TEXT NOT NULL,
    machine_arch     TEXT NOT NULL,
    opsys            TEXT NOT NULL,
    os_version       TEXT NOT NULL,
    pkgpath          TEXT NOT NULL,
    pkgtools_version TEXT NOT NULL,
    pkg_options      TEXT NOT NULL,
    prev_pkgpath     TEXT NOT NULL,
    file_name        TEXT NOT NULL,
    file_size        INTEGER,
    cksum_algorithm  TEXT NOT NULL,
    cksum            TEXT NOT NULL,
    description      TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX available_package_by_base ON available_package (pkgbase, repository_id, pkgname);

CREATE INDEX available_package_superseding ON available_package (repository_id) WHERE supersedes <> '';

CREATE TABLE image (
    image_number INTEGER PRIMARY KEY,
    image_id     TEXT NOT NULL UNIQUE,
    build_key    TEXT NOT NULL,
    base_id      TEXT NOT NULL,
    prefix       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    size_bytes   INTEGER NOT NULL,
    file_count   INTEGER NOT NULL
) STRICT;

CREATE TABLE image_key (
    build_key    TEXT PRIMARY KEY,
    image_number INTEGER NOT NULL REFERENCES image ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX image_key_by_image ON image_key (image_number);

CREATE TABLE image_package (
    image_number   INTEGER NOT NULL REFERENCES image ON DELETE CASCADE,
    position       INTEGER NOT NULL,
    pkgname        TEXT NOT NULL,
    archive_sha256 TEXT NOT NULL,
    automatic      INTEGER NOT NULL CHECK (automatic IN (0, 1)),
    repository     TEXT NOT NULL,
    build_date     TEXT NOT NULL,
    comment        TEXT NOT NULL,
    size_bytes     INTEGER NOT NULL,
    depends        TEXT NOT NULL,
    conflicts      TEXT NOT NULL,
    PRIMARY KEY (image_number, position),
    UNIQUE (image_number, pkgname)
) STRICT, WITHOUT ROWID;

CREATE TABLE image_file (
    image_number INTEGER NOT NULL REFERENCES image ON DELETE CASCADE,
    path         TEXT NOT NULL,
    type         TEXT NOT NULL CHECK (type IN ('f', 'd', 'l')),
    mode         INTEGER NOT NULL,
    uid          INTEGER NOT NULL,
    gid          INTEGER NOT NULL,
    size_bytes   INTEGER NOT NULL,
    sha256       TEXT NOT NULL,
    link_target  TEXT NOT NULL,
    package      TEXT NOT NULL,
    PRIMARY KEY (image_number, path)
) STRICT, WITHOUT ROWID;

CREATE INDEX image_file_by_content ON image_file (sha256, size_bytes) WHERE type = 'f';

CREATE TABLE jail (
    jail_id            TEXT PRIMARY KEY,
    name               TEXT NOT NULL UNIQUE,
    recipe             TEXT NOT NULL,
    profile            TEXT NOT NULL,
    network            TEXT NOT NULL,
    limits_template    TEXT NOT NULL,
    wanted_running     INTEGER NOT NULL CHECK (wanted_running IN (0, 1)),
    created_at         INTEGER NOT NULL,
    current_generation INTEGER NOT NULL,
    operation          TEXT,

    FOREIGN KEY (jail_id, current_generation) REFERENCES generation (jail_id, number) DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;

CREATE TABLE generation (
    jail_id      TEXT NOT NULL REFERENCES jail ON DELETE CASCADE,
    number       INTEGER NOT NULL CHECK (number > 0),
    image_number INTEGER NOT NULL REFERENCES image,
    created_at   INTEGER NOT NULL,
    command      TEXT NOT NULL,
    reason       TEXT NOT NULL,
    outcome      TEXT NOT NULL,
    PRIMARY KEY (jail_id, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX generation_by_image ON generation (image_number);

CREATE TABLE generation_wish (
    jail_id  TEXT NOT NULL,
    number   INTEGER NOT NULL,
    position INTEGER NOT NULL,
    wish     TEXT NOT NULL,
    PRIMARY KEY (jail_id, number, position),
    FOREIGN KEY (jail_id, number) REFERENCES generation ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE jail_setting (
    jail_id TEXT NOT NULL REFERENCES jail ON DELETE CASCADE,
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (jail_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE jail_limit (
    jail_id TEXT NOT NULL REFERENCES jail ON DELETE CASCADE,
    name    TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (jail_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE jail_claim (
    jail_id  TEXT NOT NULL REFERENCES jail ON DELETE CASCADE,
    protocol TEXT NOT NULL,
    address  TEXT NOT NULL,
    port     INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
    PRIMARY KEY (jail_id, protocol, address, port)
) STRICT, WITHOUT ROWID;

CREATE INDEX jail_claim_by_port ON jail_claim (protocol, port);

CREATE TABLE account (
    kind   TEXT NOT NULL CHECK (kind IN ('user', 'group')),
    name   TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    PRIMARY KEY (kind, name),
    UNIQUE (kind, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE action (
    action_id    INTEGER PRIMARY KEY AUTOINCREMENT,
    at           INTEGER NOT NULL,
    uid          INTEGER NOT NULL,
    verb         TEXT NOT NULL,
    target       TEXT NOT NULL,
    command_line TEXT NOT NULL,
    outcome      TEXT NOT NULL,
    exit_status  INTEGER NOT NULL
) STRICT;

CREATE INDEX action_by_target ON action (target);
