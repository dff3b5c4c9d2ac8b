-- +goose Up

-- One row: the revision that every change of the configuration raises, and the profile.
CREATE TABLE config (
    id INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL,
    profile TEXT,
    profile_version INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO config (id, revision, profile, profile_version) VALUES (1, 0, NULL, 0);

CREATE TABLE client (
    id TEXT NOT NULL PRIMARY KEY,
    doc TEXT NOT NULL,
    version INTEGER NOT NULL,
    disabled INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE wrapped_key (
    id TEXT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    alg TEXT NOT NULL,
    created INTEGER NOT NULL,
    activates INTEGER NOT NULL,
    wrapped BLOB NOT NULL
) WITHOUT ROWID;

-- username_key is the folded name as bytes, so that order and equality depend on no collation.
CREATE TABLE account (
    id BLOB NOT NULL PRIMARY KEY,
    username TEXT NOT NULL,
    username_key BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    locked INTEGER NOT NULL,
    password_hash TEXT NOT NULL,
    created INTEGER NOT NULL,
    version INTEGER NOT NULL
) WITHOUT ROWID;

-- ends is the earlier of expires and last_used + idle_ms.
CREATE TABLE session (
    id BLOB NOT NULL PRIMARY KEY,
    cookie_hash BLOB UNIQUE,
    account_id BLOB NOT NULL,
    auth_time INTEGER NOT NULL,
    amr TEXT NOT NULL,
    acr TEXT NOT NULL,
    last_used INTEGER NOT NULL,
    idle_ms INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    created INTEGER NOT NULL,
    ends INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX session_account ON session (account_id);
CREATE INDEX session_ends ON session (ends);

CREATE TABLE child_session (
    cookie_hash BLOB NOT NULL PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    session_id BLOB NOT NULL,
    client_id TEXT NOT NULL,
    origin TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX child_session_parent ON child_session (session_id);
CREATE INDEX child_session_client ON child_session (client_id);

CREATE TABLE delegation (
    session_id BLOB NOT NULL,
    client_id TEXT NOT NULL,
    id BLOB NOT NULL UNIQUE,
    account_id BLOB NOT NULL,
    scope TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (session_id, client_id)
) WITHOUT ROWID;
CREATE INDEX delegation_account ON delegation (account_id, client_id);
CREATE INDEX delegation_client ON delegation (client_id);

CREATE TABLE consent (
    account_id BLOB NOT NULL,
    client_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    updated INTEGER NOT NULL,
    PRIMARY KEY (account_id, client_id)
) WITHOUT ROWID;
CREATE INDEX consent_client ON consent (client_id);

CREATE TABLE revocation (
    token_id BLOB NOT NULL PRIMARY KEY,
    expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX revocation_expires ON revocation (expires);

-- before is the level that the last attempt found.
CREATE TABLE throttle (
    bucket INTEGER PRIMARY KEY,
    level REAL NOT NULL,
    before REAL NOT NULL,
    updated INTEGER NOT NULL
) WITHOUT ROWID;

-- The identifiers begin with the time, so the primary key is the order of age.
CREATE TABLE audit (
    id BLOB NOT NULL PRIMARY KEY,
    happened INTEGER NOT NULL,
    event TEXT NOT NULL,
    actor TEXT NOT NULL,
    account_id BLOB,
    client_id TEXT NOT NULL,
    session_id BLOB,
    address TEXT NOT NULL,
    detail TEXT NOT NULL,
    times INTEGER NOT NULL
) WITHOUT ROWID;
