-- +goose Up

-- What each revision of the configuration changed, so that a node reads that alone. A revision without a row here may
-- have changed anything. The newest revisions are kept.
CREATE TABLE config_change (
    revision INTEGER NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (revision, kind, id)
) WITHOUT ROWID;

-- One row: the oldest version of usher that may use this database.
CREATE TABLE compatibility (
    id INTEGER NOT NULL PRIMARY KEY,
    minimum TEXT NOT NULL
);
INSERT INTO compatibility (id, minimum) VALUES (1, '0.1.0');
