-- +goose Up

-- The network that a device request came from; networks share the places of a public client.
ALTER TABLE device_request ADD COLUMN network TEXT NOT NULL DEFAULT '';
