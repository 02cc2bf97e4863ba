-- Indexes that nobody has signed are taken whole once more, so that the dates in them are seen.

UPDATE repository SET index_file = '' WHERE trust NOT IN ('index-signed', 'pinned');
