-- What was noted on a generation that is not proven had the settings of the one to go back to, where they changed with it:
-- "start 3 {"port":"8080"}". They are generation 3's.

DELETE FROM generation_setting WHERE (jail_id, number) IN
    (SELECT jail_id, CAST(substr(operation, 7) AS INTEGER) FROM jail
     WHERE operation GLOB 'start [0-9]* {*' AND json_valid(substr(operation, instr(operation, '{'))));

INSERT INTO generation_setting (jail_id, number, key, value)
    SELECT jail.jail_id, generation.number, noted.key, noted.value
    FROM jail JOIN generation
         ON generation.jail_id = jail.jail_id AND generation.number = CAST(substr(operation, 7) AS INTEGER)
    CROSS JOIN json_each(CASE WHEN json_valid(substr(operation, instr(operation, '{')))
                              THEN substr(operation, instr(operation, '{')) ELSE '{}' END) AS noted
    WHERE operation GLOB 'start [0-9]* {*';

UPDATE jail SET operation = 'start ' || CAST(substr(operation, 7) AS INTEGER) WHERE operation GLOB 'start [0-9]* {*';
