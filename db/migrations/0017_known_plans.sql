-- A further jail that is asked for as one was before need not be planned. db/schema.sql says more.

CREATE TABLE known_plan (
    plan_key       TEXT PRIMARY KEY,          -- SHA-256 over wishes, what is on offer, configuration, host and program
    promise_key    TEXT NOT NULL REFERENCES image_promise ON DELETE CASCADE, -- by which its image is found
    repositories   TEXT NOT NULL,             -- list of where its packages come from, each once
    download_bytes INTEGER NOT NULL,          -- of all archives
    packages       TEXT NOT NULL              -- list, three lines a package: pkgname, "automatic" or "", why it is there
) STRICT;

-- For deleting a promise.
CREATE INDEX known_plan_by_promise ON known_plan (promise_key);
