-- +goose Up

-- One row: the revision that every change of the configuration raises, and the profile.
CREATE TABLE config (
    id BIGINT PRIMARY KEY,
    revision BIGINT NOT NULL,
    profile TEXT,
    profile_version BIGINT NOT NULL
);
INSERT INTO config (id, revision, profile, profile_version) VALUES (1, 0, NULL, 0);

CREATE TABLE client (
    id TEXT PRIMARY KEY,
    doc TEXT NOT NULL,
    version BIGINT NOT NULL,
    disabled BIGINT NOT NULL
);

CREATE TABLE wrapped_key (
    id TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    alg TEXT NOT NULL,
    created BIGINT NOT NULL,
    activates BIGINT NOT NULL,
    wrapped BYTEA NOT NULL
);

-- username_key is the folded name as bytes, so that order and equality depend on no collation.
CREATE TABLE account (
    id BYTEA PRIMARY KEY,
    username TEXT NOT NULL,
    username_key BYTEA NOT NULL UNIQUE,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    locked BIGINT NOT NULL,
    password_hash TEXT NOT NULL,
    created BIGINT NOT NULL,
    version BIGINT NOT NULL
);

-- ends is the earlier of expires and last_used + idle_ms.
CREATE TABLE session (
    id BYTEA PRIMARY KEY,
    cookie_hash BYTEA UNIQUE,
    account_id BYTEA NOT NULL,
    auth_time BIGINT NOT NULL,
    amr TEXT NOT NULL,
    acr TEXT NOT NULL,
    last_used BIGINT NOT NULL,
    idle_ms BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    created BIGINT NOT NULL,
    ends BIGINT NOT NULL
);
CREATE INDEX session_account ON session (account_id);
CREATE INDEX session_ends ON session (ends);

CREATE TABLE child_session (
    cookie_hash BYTEA PRIMARY KEY,
    id BYTEA NOT NULL UNIQUE,
    session_id BYTEA NOT NULL,
    client_id TEXT NOT NULL,
    origin TEXT NOT NULL
);
CREATE INDEX child_session_parent ON child_session (session_id);
CREATE INDEX child_session_client ON child_session (client_id);

CREATE TABLE delegation (
    session_id BYTEA NOT NULL,
    client_id TEXT NOT NULL,
    id BYTEA NOT NULL UNIQUE,
    account_id BYTEA NOT NULL,
    scope TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (session_id, client_id)
);
CREATE INDEX delegation_account ON delegation (account_id, client_id);
CREATE INDEX delegation_client ON delegation (client_id);

CREATE TABLE consent (
    account_id BYTEA NOT NULL,
    client_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    updated BIGINT NOT NULL,
    PRIMARY KEY (account_id, client_id)
);
CREATE INDEX consent_client ON consent (client_id);

CREATE TABLE revocation (
    token_id BYTEA PRIMARY KEY,
    expires BIGINT NOT NULL
);
CREATE INDEX revocation_expires ON revocation (expires);

-- before is the level that the last attempt found.
CREATE TABLE throttle (
    bucket BIGINT PRIMARY KEY,
    level DOUBLE PRECISION NOT NULL,
    before DOUBLE PRECISION NOT NULL,
    updated BIGINT NOT NULL
);

-- The identifiers begin with the time, so the primary key is the order of age.
CREATE TABLE audit (
    id BYTEA PRIMARY KEY,
    happened BIGINT NOT NULL,
    event TEXT NOT NULL,
    actor TEXT NOT NULL,
    account_id BYTEA,
    client_id TEXT NOT NULL,
    session_id BYTEA,
    address TEXT NOT NULL,
    detail TEXT NOT NULL,
    times BIGINT NOT NULL
);
