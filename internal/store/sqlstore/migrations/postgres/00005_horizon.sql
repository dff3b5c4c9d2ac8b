-- +goose Up

-- One row: until when what expired may be gone. upto is for what was made with keys of this epoch, earlier for
-- what was made with older keys. Whoever purges moves upto first. A clock that finds upto in its future begins
-- a new epoch: new keys, to which the time that another clock showed does not apply.
CREATE TABLE horizon (
    id INTEGER PRIMARY KEY,
    epoch BIGINT NOT NULL,
    upto BIGINT NOT NULL,
    earlier BIGINT NOT NULL
);
INSERT INTO horizon (id, epoch, upto, earlier) VALUES (1, 0, 0, 0);

ALTER TABLE wrapped_key ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;
