-- The catalog of pkgjail: today's whole schema. The program does not run this file; it runs db/migrations in order, and
-- a test proves that both give the same tables.
--
-- One SQLite file in WAL mode, application_id 0x706b6a6c ("pkjl"), user_version = number of the last migration.
-- Times are whole seconds since 1970 (UTC). Sizes are bytes. Digests are lower-case hexadecimal.
-- "list" is text with a newline after each item.
--
-- Truth, found nowhere else: jail and what hangs on it, generation, snapshot, volume, account, action.
-- Can be had again: repository and available_package (by asking the repositories), vulnerability and its like (by
-- fetching the list), image and what hangs on it (from the manifest beside each image).

-- ---------------------------------------------------------------- what repositories offer

-- A repository as it was when it was last refreshed. Those of the configuration that were never reached are not here.
CREATE TABLE repository (
    repository_id INTEGER PRIMARY KEY,        -- for available_package only; not kept when a repository comes back
    name          TEXT NOT NULL UNIQUE,       -- as in repositories.conf
    url           TEXT NOT NULL,              -- the directory that holds the archives, without a trailing slash
    index_file    TEXT NOT NULL,              -- which index was taken: "pkg_summary.zst"
    etag          TEXT NOT NULL,              -- validators for the next conditional request, empty where
    last_modified TEXT NOT NULL,              -- the server gave none
    sha256        TEXT NOT NULL,              -- of the index file as it was downloaded
    checked_at    INTEGER NOT NULL,           -- last time it was asked
    refreshed_at  INTEGER NOT NULL,           -- last time it had a new index
    packages      INTEGER NOT NULL,           -- rows of available_package
    priority      INTEGER NOT NULL,           -- lower is asked first
    position      INTEGER NOT NULL,           -- order in the configuration, among equal priorities
    trust         TEXT NOT NULL DEFAULT '',   -- policy under which this index was taken: "index-signed"; empty: not known
    newest_build  INTEGER                     -- newest BUILD_DATE in it; null: no record has one, or nobody looked
) STRICT;

-- What is remembered of a repository's signatures, so that an older or another index is recognised. Stays when the
-- repository leaves the configuration, and is kept nowhere else.
CREATE TABLE repository_trust (
    name              TEXT PRIMARY KEY,       -- as in repositories.conf
    identity          TEXT NOT NULL,          -- what its signed index calls itself; empty: none was accepted yet
    serial            INTEGER NOT NULL,       -- of the index that was accepted last
    made_at           INTEGER NOT NULL,       -- the greatest time at which an accepted index was made
    expires_at        INTEGER NOT NULL,       -- when the index that was accepted last ends
    text_sha256       TEXT NOT NULL,          -- of its signed text: one serial, one text
    signers           TEXT NOT NULL,          -- list of ids of the keys whose signatures on it were good
    revoked           TEXT NOT NULL,          -- list of ids of keys that a signed index has taken back
    package_signed_at INTEGER                 -- when a package with a good signature was last taken; null: never
) STRICT, WITHOUT ROWID;

-- What is remembered of a repository whose index nobody has signed, so that an old copy is recognised. Stays when the
-- repository leaves the configuration, begins anew with another url, and is kept nowhere else.
CREATE TABLE repository_memory (
    name         TEXT PRIMARY KEY,            -- as in repositories.conf
    url          TEXT NOT NULL,               -- where these indexes came from
    newest_build INTEGER                      -- newest BUILD_DATE that one had and that was at most a day in the future; null: none
) STRICT, WITHOUT ROWID;

-- What such a repository has offered and offers no more, neither this nor a newer one: the best of each base.
CREATE TABLE repository_missed (
    name       TEXT NOT NULL REFERENCES repository_memory ON DELETE CASCADE, -- of the repository
    pkgbase    TEXT NOT NULL,                 -- "nginx"
    pkgname    TEXT NOT NULL,                 -- "nginx-1.26.1nb2"
    build_date TEXT NOT NULL,                 -- as the index had it
    PRIMARY KEY (name, pkgbase)
) STRICT, WITHOUT ROWID;

-- A record of a repository's index (pkg_summary(5)).
CREATE TABLE available_package (
    available_package_id INTEGER PRIMARY KEY, -- ascending in the index's order within a repository
    repository_id    INTEGER NOT NULL REFERENCES repository ON DELETE CASCADE, -- who offers it
    pkgname          TEXT NOT NULL,           -- full name with version: "nginx-1.26.1nb2"
    pkgbase          TEXT NOT NULL,           -- what precedes the last "-" of pkgname
    comment          TEXT NOT NULL,           -- one line
    depends          TEXT NOT NULL,           -- list of dependency patterns
    conflicts        TEXT NOT NULL,           -- list of conflict patterns
    supersedes       TEXT NOT NULL,           -- list of patterns of packages that this one takes the place of
    provides         TEXT NOT NULL,           -- list of shared libraries, absolute paths
    requires         TEXT NOT NULL,           -- list of shared libraries, absolute paths
    installed_bytes  INTEGER NOT NULL,        -- SIZE_PKG
    build_date       TEXT NOT NULL,           -- as the index has it; tells two builds of one version apart
    categories       TEXT NOT NULL,           -- blank-separated
    homepage         TEXT NOT NULL,           -- URL or empty
    license          TEXT NOT NULL,           -- expression or empty
    machine_arch     TEXT NOT NULL,           -- "x86_64"
    opsys            TEXT NOT NULL,           -- "NetBSD", "Linux"
    os_version       TEXT NOT NULL,           -- advisory
    pkgpath          TEXT NOT NULL,           -- place in the pkgsrc tree: "www/nginx"
    pkgtools_version TEXT NOT NULL,           -- of the tools that made it
    pkg_options      TEXT NOT NULL,           -- blank-separated
    prev_pkgpath     TEXT NOT NULL,           -- where it was in the tree before, or empty
    file_name        TEXT NOT NULL,           -- of the archive, below the repository's URL
    file_size        INTEGER,                 -- of the archive; null: the index does not say
    cksum_algorithm  TEXT NOT NULL,           -- "sha512"; empty: no checksum
    cksum            TEXT NOT NULL,           -- of the archive
    description      TEXT NOT NULL            -- several lines; last column, so that scans need not touch it
) STRICT;

-- By base for the solver; the same for one package of one repository, and for lists of names.
CREATE UNIQUE INDEX available_package_by_base ON available_package (pkgbase, repository_id, pkgname);

-- All that lists of packages show and are searched for: the table itself, ten times as long, need not be read.
CREATE INDEX available_package_listed ON available_package
    (pkgbase, repository_id, pkgname, comment, installed_bytes, file_size);

-- Few packages supersede another; finding them must not read the whole index.
CREATE INDEX available_package_superseding ON available_package (repository_id) WHERE supersedes <> '';

-- ---------------------------------------------------------------- known vulnerabilities

-- The list that was fetched last; there is one at most.
CREATE TABLE vulnerability_list (
    only_one      INTEGER PRIMARY KEY CHECK (only_one = 1), -- always 1
    url           TEXT NOT NULL,              -- where it came from
    etag          TEXT NOT NULL,              -- validators for the next conditional request, empty where
    last_modified TEXT NOT NULL,              -- the server gave none
    sha256        TEXT NOT NULL,              -- of the file as it was downloaded
    revision      TEXT NOT NULL,              -- as the list itself says: "1.6187"; may be empty
    written_at    INTEGER,                    -- when it was written, as the list itself says; null: it does not
    signed_by     TEXT NOT NULL,              -- whose signature was checked; empty: nobody's was
    checked_at    INTEGER NOT NULL,           -- last time it was asked for
    refreshed_at  INTEGER NOT NULL,           -- last time there was a new one
    entries       INTEGER NOT NULL            -- rows of vulnerability
) STRICT;

-- An entry of the list.
CREATE TABLE vulnerability (
    vulnerability_id INTEGER PRIMARY KEY,     -- in the list's order
    pattern          TEXT NOT NULL,           -- of the packages that have it
    type             TEXT NOT NULL,           -- "denial-of-service"; "eol": nobody maintains it any more
    url              TEXT NOT NULL            -- where one reads about it
) STRICT;

-- Where to look an entry up: every base that its pattern names. Empty: one cannot tell, it is to be tried on all.
CREATE TABLE vulnerability_base (
    pkgbase          TEXT NOT NULL,           -- "nginx"
    vulnerability_id INTEGER NOT NULL REFERENCES vulnerability, -- the entry
    PRIMARY KEY (pkgbase, vulnerability_id)
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------- images

-- What a set of packages installs. Never changed after it was added.
CREATE TABLE image (
    image_number INTEGER PRIMARY KEY,         -- within this catalog only
    image_id     TEXT NOT NULL UNIQUE,        -- SHA-256 over build key and manifest; names the directory
    build_key    TEXT NOT NULL,               -- SHA-256 of everything it was first built from
    base_id      TEXT NOT NULL,               -- the operating system it was built on
    prefix       TEXT NOT NULL,               -- where the packages live inside a root: "/usr/pkg"
    created_at   INTEGER NOT NULL,            -- when it was built
    size_bytes   INTEGER NOT NULL,            -- sum of the image's files; a file shared with another image counts in both
    file_count   INTEGER NOT NULL             -- regular files; directories and links are not counted
) STRICT;

-- Build keys and the image that each gave. Two keys can give one image: another build of a package with equal files.
CREATE TABLE image_key (
    build_key    TEXT PRIMARY KEY,            -- SHA-256, like the one in image
    image_number INTEGER NOT NULL REFERENCES image ON DELETE CASCADE -- what it gave
) STRICT, WITHOUT ROWID;

-- For deleting an image.
CREATE INDEX image_key_by_image ON image_key (image_number);

-- Images by what was known of their packages before: the archives of those that a jail had, and what repositories promised
-- of others. A further jail like it needs no archive. The catalog can do without; what is missing is put in by the next
-- install.
CREATE TABLE image_promise (
    promise_key    TEXT PRIMARY KEY,          -- SHA-256 over packages, promises, configuration and host
    image_number   INTEGER NOT NULL REFERENCES image ON DELETE CASCADE, -- what they gave
    base_libraries TEXT NOT NULL              -- a line each: names of shared libraries that the base must have
) STRICT, WITHOUT ROWID;

-- For deleting an image.
CREATE INDEX image_promise_by_image ON image_promise (image_number);

-- What was planned for a new jail, by what was asked and what was on offer, for the next one that asks the same. All go
-- when an index changes. The catalog can do without; what is missing is put in by the next install.
CREATE TABLE known_plan (
    plan_key       TEXT PRIMARY KEY,          -- SHA-256 over wishes, what is on offer, configuration, host and program
    promise_key    TEXT NOT NULL REFERENCES image_promise ON DELETE CASCADE, -- by which its image is found
    repositories   TEXT NOT NULL,             -- list of where its packages come from, each once
    download_bytes INTEGER NOT NULL,          -- of all archives
    packages       TEXT NOT NULL              -- list, three lines a package: pkgname, "automatic" or "", why it is there
) STRICT;

-- For deleting a promise.
CREATE INDEX known_plan_by_promise ON known_plan (promise_key);

-- The packages of an image.
CREATE TABLE image_package (
    image_number   INTEGER NOT NULL REFERENCES image ON DELETE CASCADE, -- whose
    position       INTEGER NOT NULL,          -- from 0, in dependency order: what is needed comes first
    pkgname        TEXT NOT NULL,             -- full name with version
    archive_sha256 TEXT NOT NULL,             -- of the archive it was unpacked from
    automatic      INTEGER NOT NULL CHECK (automatic IN (0, 1)), -- 1: only there because another needs it
    repository     TEXT NOT NULL,             -- where it came from; empty: a file given by the operator
    build_date     TEXT NOT NULL,             -- as the package has it
    comment        TEXT NOT NULL,             -- one line
    size_bytes     INTEGER NOT NULL,          -- installed size as the package says
    depends        TEXT NOT NULL,             -- list of @pkgdep patterns
    conflicts      TEXT NOT NULL,             -- list of @pkgcfl patterns
    trust          TEXT NOT NULL DEFAULT '',  -- by what the archive was believed: "index-signed: …"; empty: not known
    as_unpacked    INTEGER NOT NULL DEFAULT 0 CHECK (as_unpacked IN (0, 1)), -- 1: its files are as the archive has them
    PRIMARY KEY (image_number, position),
    UNIQUE (image_number, pkgname)
) STRICT, WITHOUT ROWID;

-- For finding a package that need not be unpacked again.
CREATE INDEX image_package_by_archive ON image_package (archive_sha256) WHERE as_unpacked = 1;

-- The manifest of an image: an entry a file, directory or symbolic link.
CREATE TABLE image_file (
    image_number INTEGER NOT NULL REFERENCES image ON DELETE CASCADE, -- whose
    path         TEXT NOT NULL,               -- "/tree/…", "/seed/config/…", "/seed/data/…"
    type         TEXT NOT NULL CHECK (type IN ('f', 'd', 'l')), -- file, directory, link
    mode         INTEGER NOT NULL,            -- permission and set-id bits
    uid          INTEGER NOT NULL,            -- owner
    gid          INTEGER NOT NULL,            -- group
    size_bytes   INTEGER NOT NULL,            -- of a file; a link's target's length; 0 for a directory
    sha256       TEXT NOT NULL,               -- of a file's content or a link's target; empty for a directory
    link_target  TEXT NOT NULL,               -- empty but for links
    package      TEXT NOT NULL,               -- pkgname that put it there; empty: made by scripts or by pkgjail
    PRIMARY KEY (image_number, path)
) STRICT, WITHOUT ROWID;

-- For finding a file to link to instead of keeping a second copy.
CREATE INDEX image_file_by_content ON image_file (sha256, size_bytes) WHERE type = 'f';

-- ---------------------------------------------------------------- jails

-- A jail. current_generation says which image it runs; changing it is the switch of every upgrade and rollback.
CREATE TABLE jail (
    jail_id            TEXT PRIMARY KEY,      -- 16 hexadecimal digits, never used again; names the directories
    name               TEXT NOT NULL UNIQUE,  -- may change
    recipe             TEXT NOT NULL,         -- empty: no service known
    profile            TEXT NOT NULL,         -- the set of things it may do: "high"
    network            TEXT NOT NULL,         -- "host", "none"
    limits_template    TEXT NOT NULL,         -- limits.d/NAME.limits; empty: none
    wanted_running     INTEGER NOT NULL CHECK (wanted_running IN (0, 1)), -- set by start, cleared by stop
    created_at         INTEGER NOT NULL,      -- when it was made
    current_generation INTEGER NOT NULL,      -- the one it runs
    operation          TEXT,                  -- stage of an operation that stopped the service and is not finished; null: none
    -- Deferred: a jail and its first generation need each other.
    FOREIGN KEY (jail_id, current_generation) REFERENCES generation (jail_id, number) DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;

-- A step in a jail's history.
CREATE TABLE generation (
    jail_id      TEXT NOT NULL REFERENCES jail ON DELETE CASCADE, -- whose
    number       INTEGER NOT NULL CHECK (number > 0), -- from 1, in order of time
    image_number INTEGER NOT NULL REFERENCES image,   -- an image in use cannot be deleted
    created_at   INTEGER NOT NULL,            -- when it was made
    command      TEXT NOT NULL,               -- "install nginx -j web"
    reason       TEXT NOT NULL,               -- why it was made
    outcome      TEXT NOT NULL,               -- "done", "rolled back: …"; empty while under way
    PRIMARY KEY (jail_id, number)
) STRICT, WITHOUT ROWID;

-- For images that nothing refers to.
CREATE INDEX generation_by_image ON generation (image_number);

-- What the operator asked for, as it was when the generation was made.
CREATE TABLE generation_wish (
    jail_id  TEXT NOT NULL,                   -- whose
    number   INTEGER NOT NULL,                -- of the generation
    position INTEGER NOT NULL,                -- from 0, in the order of asking
    wish     TEXT NOT NULL,                   -- a package name or pattern
    PRIMARY KEY (jail_id, number, position),
    FOREIGN KEY (jail_id, number) REFERENCES generation ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- How the configuration of a generation came out of the one before: numbers of paths. No row: it was not merged.
CREATE TABLE generation_merge (
    jail_id  TEXT NOT NULL,                   -- whose
    number   INTEGER NOT NULL,                -- of the generation
    added    INTEGER NOT NULL,                -- new with the new version
    replaced INTEGER NOT NULL,                -- left alone by the operator, the new version's now
    removed  INTEGER NOT NULL,                -- left alone by the operator, gone with the new version
    kept     INTEGER NOT NULL,                -- the operator's
    merged   INTEGER NOT NULL,                -- account files with the changes of both
    PRIMARY KEY (jail_id, number),
    FOREIGN KEY (jail_id, number) REFERENCES generation ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Paths of a generation's configuration that operator and new version had both changed; the operator's was kept.
CREATE TABLE generation_conflict (
    jail_id  TEXT NOT NULL,                   -- whose
    number   INTEGER NOT NULL,                -- of the generation
    position INTEGER NOT NULL,                -- from 0, in byte order of the paths; a path may come several times
    path     TEXT NOT NULL,                   -- as seen inside
    what     TEXT NOT NULL,                   -- "changed by you and by the new version"
    decision TEXT NOT NULL CHECK (decision IN ('', 'kept', 'taken')), -- whose it is to be; empty: nobody has said
    PRIMARY KEY (jail_id, number, position),
    FOREIGN KEY (jail_id, number) REFERENCES generation ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Values given with --set, as they were when the generation was made. A jail's are those of its current one.
CREATE TABLE generation_setting (
    jail_id TEXT NOT NULL,                    -- whose
    number  INTEGER NOT NULL,                 -- of the generation
    key     TEXT NOT NULL,                    -- a key of the recipe's [set]
    value   TEXT NOT NULL,                    -- as written
    PRIMARY KEY (jail_id, number, key),
    FOREIGN KEY (jail_id, number) REFERENCES generation ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Limits that the operator set for this jail; they win over the template's and the recipe's.
CREATE TABLE jail_limit (
    jail_id TEXT NOT NULL REFERENCES jail ON DELETE CASCADE, -- whose
    name    TEXT NOT NULL,                    -- "memory"
    value   TEXT NOT NULL,                    -- as written: "256M", "25%", "none"
    PRIMARY KEY (jail_id, name)
) STRICT, WITHOUT ROWID;

-- Packages of a jail that are to stay as they are.
CREATE TABLE jail_hold (
    jail_id TEXT NOT NULL REFERENCES jail ON DELETE CASCADE, -- whose
    pkgbase TEXT NOT NULL,                    -- "nginx"
    reason  TEXT NOT NULL,                    -- one line for people; may be empty
    until   INTEGER,                          -- when it ends; null: when it is released
    PRIMARY KEY (jail_id, pkgbase)
) STRICT, WITHOUT ROWID;

-- Ports of the host that a jail's service listens on.
CREATE TABLE jail_claim (
    jail_id  TEXT NOT NULL REFERENCES jail ON DELETE CASCADE, -- whose
    protocol TEXT NOT NULL,                   -- "tcp", "udp"
    address  TEXT NOT NULL,                   -- empty: any
    port     INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535), -- its number
    PRIMARY KEY (jail_id, protocol, address, port)
) STRICT, WITHOUT ROWID;

-- Who claims a port.
CREATE INDEX jail_claim_by_port ON jail_claim (protocol, port);

-- What the operator says of a jail's network over its recipe, and the jail's address. Empty texts leave it to
-- the recipe.
CREATE TABLE jail_network (
    jail_id TEXT PRIMARY KEY REFERENCES jail ON DELETE CASCADE, -- whose
    mode    TEXT NOT NULL,                    -- "host", "none", "private"
    nat     TEXT NOT NULL,                    -- "yes", "no"
    resolv  TEXT NOT NULL,                    -- "host", "none", "servers=192.0.2.1"
    address TEXT UNIQUE                       -- in its private network; null: it has none
) STRICT, WITHOUT ROWID;

-- The ports that the operator publishes in place of the recipe's; a single "none": none.
CREATE TABLE jail_publish (
    jail_id  TEXT NOT NULL REFERENCES jail ON DELETE CASCADE, -- whose
    position INTEGER NOT NULL,                -- from 0, in the order in which they were given
    port     TEXT NOT NULL,                   -- "tcp:8080:80"
    PRIMARY KEY (jail_id, position)
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------- volumes

-- A directory that outlives jails and can be mounted into several.
CREATE TABLE volume (
    volume_id  TEXT PRIMARY KEY,              -- 16 hexadecimal digits, never used again; names the directory
    name       TEXT NOT NULL UNIQUE,          -- given by the operator
    created_at INTEGER NOT NULL,              -- when it was made
    fresh      INTEGER NOT NULL CHECK (fresh IN (0, 1)) -- 1: no jail has had it yet
) STRICT, WITHOUT ROWID;

-- Volumes that a jail has.
CREATE TABLE jail_volume (
    jail_id   TEXT NOT NULL REFERENCES jail ON DELETE CASCADE, -- whose
    path      TEXT NOT NULL,                  -- where it is mounted, as seen inside
    volume_id TEXT NOT NULL REFERENCES volume, -- a volume in use cannot be deleted
    writable  INTEGER NOT NULL CHECK (writable IN (0, 1)), -- 0: read-only
    PRIMARY KEY (jail_id, path)
) STRICT, WITHOUT ROWID;

-- Who has a volume.
CREATE INDEX jail_volume_by_volume ON jail_volume (volume_id);

-- Directories and files of the host that a jail has.
CREATE TABLE jail_mount (
    jail_id    TEXT NOT NULL REFERENCES jail ON DELETE CASCADE, -- whose
    path       TEXT NOT NULL,                 -- where it is mounted, as seen inside
    source     TEXT NOT NULL,                 -- absolute path on the host
    writable   INTEGER NOT NULL CHECK (writable IN (0, 1)), -- 0: read-only
    executable INTEGER NOT NULL CHECK (executable IN (0, 1)), -- 1: programs in it may be run
    PRIMARY KEY (jail_id, path)
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------- snapshots

-- A snapshot: an image reference and a frozen copy of a jail's configuration and data, under a name. It goes with its jail.
CREATE TABLE snapshot (
    snapshot_id  TEXT PRIMARY KEY,            -- 16 hexadecimal digits, never used again; names the directory
    jail_id      TEXT NOT NULL REFERENCES jail ON DELETE CASCADE, -- whose
    name         TEXT NOT NULL,               -- given by the operator, or made of the time
    image_number INTEGER NOT NULL REFERENCES image, -- what the jail ran; an image in use cannot be deleted
    generation   INTEGER NOT NULL CHECK (generation > 0), -- which was current; it may be forgotten since
    wishes       TEXT NOT NULL,               -- list: the generation's
    created_at   INTEGER NOT NULL,            -- when it was made
    command      TEXT NOT NULL,               -- "snapshot web before"
    method       TEXT NOT NULL,               -- how data was frozen: "subvolume", "reflink", "copy", "rename"
    size_bytes   INTEGER NOT NULL,            -- sum of the frozen files' sizes, whatever blocks they share
    UNIQUE (jail_id, name)
) STRICT, WITHOUT ROWID;

-- For images that nothing refers to.
CREATE INDEX snapshot_by_image ON snapshot (image_number);

-- Values given with --set, as the jail had them.
CREATE TABLE snapshot_setting (
    snapshot_id TEXT NOT NULL REFERENCES snapshot ON DELETE CASCADE, -- whose
    key         TEXT NOT NULL,                -- a key of the recipe's [set]
    value       TEXT NOT NULL,                -- as written
    PRIMARY KEY (snapshot_id, key)
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------- the host

-- Numbers of users and groups that packages asked for. Rows are never deleted: data outlives images.
CREATE TABLE account (
    kind   TEXT NOT NULL CHECK (kind IN ('user', 'group')), -- each has its own numbers
    name   TEXT NOT NULL,                     -- inside jails; the host's own accounts are another matter
    number INTEGER NOT NULL CHECK (number > 0), -- uid or gid
    PRIMARY KEY (kind, name),
    UNIQUE (kind, number)
) STRICT, WITHOUT ROWID;

-- The audit trail: every command that meant to change something.
CREATE TABLE action (
    action_id    INTEGER PRIMARY KEY AUTOINCREMENT, -- in order of beginning, never used again
    at           INTEGER NOT NULL,            -- when it began
    uid          INTEGER NOT NULL,            -- the host's user who gave the command
    verb         TEXT NOT NULL,               -- "upgrade"
    target       TEXT NOT NULL,               -- jails' names at that time, separated by blanks; empty: the host
    command_line TEXT NOT NULL,               -- as it was given
    outcome      TEXT NOT NULL,               -- empty: under way, or killed; "done"; "fetched"; the error's text
    exit_status  INTEGER NOT NULL             -- 0 while under way
) STRICT;
