-- Packages whose files other images can have as well. Which of today's images have such is not known.

ALTER TABLE image_package ADD COLUMN as_unpacked INTEGER NOT NULL DEFAULT 0 CHECK (as_unpacked IN (0, 1));

CREATE INDEX image_package_by_archive ON image_package (archive_sha256) WHERE as_unpacked = 1;
