-- +goose Up

-- One-time values that were used: what is kept is a hash of kind, owner and id.
CREATE TABLE spent (
    hash BLOB NOT NULL PRIMARY KEY,
    expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX spent_expires ON spent (expires);

-- What the tokens of one code hang off. A family that is not offline is over once its delegation is gone.
CREATE TABLE refresh_family (
    id BLOB NOT NULL PRIMARY KEY,
    delegation_id BLOB NOT NULL,
    session_id BLOB NOT NULL,
    account_id BLOB NOT NULL,
    client_id TEXT NOT NULL,
    offline INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    rotated INTEGER,
    auth_time INTEGER NOT NULL,
    amr TEXT NOT NULL,
    acr TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX refresh_family_account ON refresh_family (account_id, client_id);
CREATE INDEX refresh_family_client ON refresh_family (client_id);
CREATE INDEX refresh_family_expires ON refresh_family (expires);

-- before is what polled was when the device asked last.
CREATE TABLE device_request (
    user_code_hash BLOB NOT NULL PRIMARY KEY,
    client_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    decision TEXT NOT NULL,
    delegation_id BLOB,
    polled INTEGER,
    before INTEGER
) WITHOUT ROWID;
CREATE INDEX device_request_client ON device_request (client_id, expires);
CREATE INDEX device_request_expires ON device_request (expires);

-- Whoever starts a device request locks its client's row, so that requests are counted one by one.
CREATE TABLE device_client (
    client_id TEXT NOT NULL PRIMARY KEY,
    started INTEGER NOT NULL
) WITHOUT ROWID;

ALTER TABLE account ADD COLUMN attributes TEXT NOT NULL DEFAULT '';
