-- Debian's package index as tables: what `apt-get update` leaves on a machine, normalized. `load` fills them.
--
--   section <- package -> maintainer
--                 ^--- depends, pre_depends, recommends, suggests, enhances, provides, conflicts, breaks, replaces
--                 ^--- package_tag -> tag
--
-- A dependency names a package as text and may name one that does not exist here, so `target` is no foreign key.
-- In "a | b, c" the group "a | b" is position 1 with alternatives 1 and 2, and c is position 2.
-- Run in an empty database: psql -d debian -v ON_ERROR_STOP=1 -f tables.sql

BEGIN;

CREATE TABLE maintainer (
    id    integer PRIMARY KEY,
    name  text NOT NULL,
    email text,
    UNIQUE (name, email)
);

CREATE TABLE section (
    id   integer PRIMARY KEY,
    name text NOT NULL UNIQUE
);

CREATE TABLE package (
    id             integer PRIMARY KEY,
    name           text NOT NULL UNIQUE,
    source         text NOT NULL,
    version        text NOT NULL,
    architecture   text NOT NULL,
    multi_arch     text,
    priority       text,
    essential      boolean NOT NULL DEFAULT false,
    size           bigint,             -- bytes to download
    installed_size integer,            -- KiB
    summary        text,
    homepage       text,
    maintainer_id  integer NOT NULL REFERENCES maintainer,
    section_id     integer REFERENCES section
);
CREATE INDEX ON package (maintainer_id);
CREATE INDEX ON package (section_id);

CREATE TABLE depends (
    id          bigint PRIMARY KEY,
    package_id  integer NOT NULL REFERENCES package ON DELETE CASCADE,
    position    integer NOT NULL,
    alternative integer NOT NULL,
    target      text NOT NULL,
    comparison  text CHECK (comparison IN ('<<', '<=', '=', '>=', '>>')),
    version     text
);
CREATE INDEX ON depends (package_id);

-- The eight other kinds of dependency have the same shape. (LIKE does not copy foreign keys.)
CREATE TABLE pre_depends (LIKE depends INCLUDING ALL, FOREIGN KEY (package_id) REFERENCES package ON DELETE CASCADE);
CREATE TABLE recommends  (LIKE depends INCLUDING ALL, FOREIGN KEY (package_id) REFERENCES package ON DELETE CASCADE);
CREATE TABLE suggests    (LIKE depends INCLUDING ALL, FOREIGN KEY (package_id) REFERENCES package ON DELETE CASCADE);
CREATE TABLE enhances    (LIKE depends INCLUDING ALL, FOREIGN KEY (package_id) REFERENCES package ON DELETE CASCADE);
CREATE TABLE provides    (LIKE depends INCLUDING ALL, FOREIGN KEY (package_id) REFERENCES package ON DELETE CASCADE);
CREATE TABLE conflicts   (LIKE depends INCLUDING ALL, FOREIGN KEY (package_id) REFERENCES package ON DELETE CASCADE);
CREATE TABLE breaks      (LIKE depends INCLUDING ALL, FOREIGN KEY (package_id) REFERENCES package ON DELETE CASCADE);
CREATE TABLE replaces    (LIKE depends INCLUDING ALL, FOREIGN KEY (package_id) REFERENCES package ON DELETE CASCADE);

CREATE TABLE tag (
    id    integer PRIMARY KEY,
    facet text NOT NULL,
    name  text NOT NULL,
    UNIQUE (facet, name)
);

CREATE TABLE package_tag (
    package_id integer REFERENCES package ON DELETE CASCADE,
    tag_id     integer REFERENCES tag,
    PRIMARY KEY (package_id, tag_id)
);
CREATE INDEX ON package_tag (tag_id);

COMMIT;
