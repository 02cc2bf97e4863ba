<?php
// Counts visits in the database of the jail db.
$port = 5432;
$db = pg_connect("host=db port=$port dbname=shop user=shop password='change me'");
if (!$db) {
    http_response_code(503);
    exit("no database\n");
}
pg_query($db, 'create table if not exists visit (at timestamptz default now())');
pg_query($db, 'insert into visit default values');
echo 'visit ', pg_fetch_result(pg_query($db, 'select count(*) from visit'), 0, 0), "\n";
