-- +goose Up

-- Wrong guesses at secrets: one row for each account that was guessed at, and at most 65536 for
-- each kind of other guesses. tries and browsers are JSON: what strangers guessed, and the
-- browsers that the user signed in with. Version 0.1.0 counts in the table throttle instead.
CREATE TABLE guesses (
    key BYTEA PRIMARY KEY,
    version BIGINT NOT NULL,
    tries TEXT NOT NULL,
    browsers TEXT NOT NULL
);
