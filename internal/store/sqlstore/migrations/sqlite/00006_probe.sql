-- +goose Up

-- One row that is written to find out whether the database takes writes.
CREATE TABLE probe (
    id INTEGER NOT NULL PRIMARY KEY,
    writes INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO probe (id, writes) VALUES (1, 0);
