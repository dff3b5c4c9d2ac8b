-- +goose Up

-- One row that is written to find out whether the database takes writes.
CREATE TABLE probe (
    id BIGINT PRIMARY KEY,
    writes BIGINT NOT NULL
);
INSERT INTO probe (id, writes) VALUES (1, 0);
