-- +goose Up

-- What decisions made of what operators set. The identifier is the audit record's, so it is the order of age.
CREATE TABLE change (
    id BYTEA PRIMARY KEY,
    happened BIGINT NOT NULL,
    actor TEXT NOT NULL,
    event TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL
);
CREATE INDEX change_kind ON change (kind, id);
CREATE INDEX change_subject ON change (kind, subject, id);

-- email_key is to the e-mail address what username_key is to the user name. Letters beyond ASCII of rows that were
-- here before are folded when these are next written. An external ID is the directory's to keep unique (RFC 7643 §3.1).
ALTER TABLE account ADD COLUMN role TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN external_id TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN email_key BYTEA NOT NULL DEFAULT '';
UPDATE account SET email_key = convert_to(lower(email), 'UTF8');
CREATE INDEX account_operator ON account (username_key) WHERE role <> '';
CREATE INDEX account_external ON account (external_id, id) WHERE external_id <> '';
CREATE INDEX account_email ON account (email_key, username_key);

-- What a search for clients looks through: the folded id and name, apart from the long documents.
CREATE TABLE client_text (
    client_id TEXT PRIMARY KEY,
    text TEXT NOT NULL
);
INSERT INTO client_text (client_id, text)
    SELECT id, lower(id || chr(10) || COALESCE(doc::json ->> 'name', '')) FROM client;

-- Lists by age, of all and of one account or client.
DROP INDEX session_account;
CREATE INDEX session_account ON session (account_id, created, id);
CREATE INDEX session_created ON session (created, id);
DROP INDEX delegation_account;
DROP INDEX delegation_client;
CREATE INDEX delegation_account ON delegation (account_id, created, id);
CREATE INDEX delegation_client ON delegation (client_id, created, id);
CREATE INDEX delegation_created ON delegation (created, id);

-- How often something happened in the ten minutes from a time on, on all nodes together.
CREATE TABLE tally (
    at BIGINT NOT NULL,
    name TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (at, name)
);
