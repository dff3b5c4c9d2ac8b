-- +goose Up

-- What the consent page showed of the client (a fingerprint). NULL where version 0.1.0 wrote the row: it
-- then counts as shown until the client changes.
ALTER TABLE consent ADD COLUMN shown TEXT;

-- Registration access tokens of version 0.1.0 have no expiry: their lifetime begins now.
ALTER TABLE config ADD COLUMN upgraded INTEGER NOT NULL DEFAULT 0;
UPDATE config SET upgraded = CAST(strftime('%s', 'now') AS INTEGER) * 1000;
