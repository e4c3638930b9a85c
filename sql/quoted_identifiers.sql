-- Names with capitals, quotes, blanks and separators, in the option and in the records.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE SCHEMA "My ""Schema";
CREATE TABLE "My ""Schema"."Täble (1)" ("Ké y" int PRIMARY KEY, "a;b,c" text, ")" text, plain int);
INSERT INTO "My ""Schema"."Täble (1)" VALUES (1, 'x', 'y', 2);
SELECT named(r) FROM pg_logical_slot_peek_binary_changes('regress', NULL, NULL, 'proto_version', '1',
  'tables', '"My ""Schema"."Täble (1)"("Ké y", ")" ; "a;b,c")'), pgsync_decode(data) r;
SELECT * FROM changes('regress', 'tables', '"My ""Schema" . "Täble (1)" ( PLAIN , "a;b,c" )');
CREATE TABLE abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_0123456789 (id int PRIMARY KEY);
INSERT INTO abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_012345678 VALUES (1);
SELECT * FROM changes('regress', 'tables', 'public.abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_012345678');
DROP SCHEMA "My ""Schema" CASCADE;
DROP TABLE abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_012345678;
SELECT pg_drop_replication_slot('regress');
