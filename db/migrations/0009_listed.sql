-- Lists and searches read an index and not the table. db/schema.sql says more.

CREATE INDEX available_package_listed ON available_package
    (pkgbase, repository_id, pkgname, comment, installed_bytes, file_size);
