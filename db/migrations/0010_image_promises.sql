-- A further jail with packages that an image has already is made without their archives. db/schema.sql says more.

CREATE TABLE image_promise (
    promise_key    TEXT PRIMARY KEY,          -- SHA-256 over packages, promises, configuration and host
    image_number   INTEGER NOT NULL REFERENCES image ON DELETE CASCADE, -- what they gave
    base_libraries TEXT NOT NULL              -- a line each: names of shared libraries that the base must have
) STRICT, WITHOUT ROWID;

-- For deleting an image.
CREATE INDEX image_promise_by_image ON image_promise (image_number);
