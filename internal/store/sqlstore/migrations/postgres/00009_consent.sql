-- +goose Up

-- What the consent page showed of the client (a fingerprint). NULL where version 0.1.0 wrote the row: it
-- then counts as shown until the client changes.
ALTER TABLE consent ADD COLUMN shown TEXT;
