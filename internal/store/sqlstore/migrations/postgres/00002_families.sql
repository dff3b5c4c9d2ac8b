-- +goose Up

-- One-time values that were used: what is kept is a hash of kind, owner and id.
CREATE TABLE spent (
    hash BYTEA PRIMARY KEY,
    expires BIGINT NOT NULL
);
CREATE INDEX spent_expires ON spent (expires);

-- What the tokens of one code hang off. A family that is not offline is over once its delegation is gone.
CREATE TABLE refresh_family (
    id BYTEA PRIMARY KEY,
    delegation_id BYTEA NOT NULL,
    session_id BYTEA NOT NULL,
    account_id BYTEA NOT NULL,
    client_id TEXT NOT NULL,
    offline BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    rotated BIGINT,
    auth_time BIGINT NOT NULL,
    amr TEXT NOT NULL,
    acr TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX refresh_family_account ON refresh_family (account_id, client_id);
CREATE INDEX refresh_family_client ON refresh_family (client_id);
CREATE INDEX refresh_family_expires ON refresh_family (expires);

-- before is what polled was when the device asked last.
CREATE TABLE device_request (
    user_code_hash BYTEA PRIMARY KEY,
    client_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    decision TEXT NOT NULL,
    delegation_id BYTEA,
    polled BIGINT,
    before BIGINT
);
CREATE INDEX device_request_client ON device_request (client_id, expires);
CREATE INDEX device_request_expires ON device_request (expires);

-- Whoever starts a device request locks its client's row, so that requests are counted one by one.
CREATE TABLE device_client (
    client_id TEXT PRIMARY KEY,
    started BIGINT NOT NULL
);

ALTER TABLE account ADD COLUMN attributes TEXT NOT NULL DEFAULT '';
