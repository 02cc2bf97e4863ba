-- An act on several jails is found by the name of each, for which this index is of no use.

DROP INDEX action_by_target;
