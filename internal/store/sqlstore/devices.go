package sqlstore

import (
	"context"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

const deviceColumns = `user_code_hash, client_id, scope, created, expires, decision, delegation_id, network`

var (
	// lockDeviceClient makes those wait who start a request of the same client: each counts what the one before it
	// has added. It is not the client's own row, which every delegation shares.
	lockDeviceClient = sql(`INSERT INTO device_client (client_id, started) VALUES ($1, $2)
		ON CONFLICT (client_id) DO UPDATE SET started = excluded.started`)
	insertDevice = sql(`INSERT INTO device_request
		(user_code_hash, client_id, network, scope, created, expires, decision)
		VALUES ($1, $2, $3, $4, $5, $6, '') ON CONFLICT (user_code_hash) DO NOTHING`)
	countDevices = sql(`SELECT count(*), count(CASE WHEN network = $1 THEN 1 END)
		FROM device_request WHERE client_id = $2 AND expires > $3`)
	// yieldDevice frees a place: the largest network's newest.
	yieldDevice = sql(`DELETE FROM device_request WHERE user_code_hash = (
		SELECT user_code_hash FROM device_request
		WHERE client_id = $1 AND expires > $2 AND decision = '' AND network = (
			SELECT network FROM device_request
			WHERE client_id = $1 AND expires > $2 AND decision = ''
			GROUP BY network HAVING count(*) > $3 ORDER BY count(*) DESC, network LIMIT 1)
		ORDER BY created DESC, user_code_hash LIMIT 1)`)
	selectDevice = sql(`SELECT ` + deviceColumns + `, polled FROM device_request WHERE user_code_hash = $1 AND expires > $2`)
	decideDevice = sql(`UPDATE device_request SET decision = $2, delegation_id = $3
		WHERE user_code_hash = $1 AND decision = '' AND expires > $4`)
	// pollDevice remembers the time that it finds, in one statement, so that each of two racing polls sees the other or
	// is seen by it.
	pollDevice = sql(`UPDATE device_request SET before = polled, polled = $2 WHERE user_code_hash = $1 AND expires > $3
		RETURNING ` + deviceColumns + `, before`)

	deleteClientDevices = sql(`DELETE FROM device_request WHERE client_id = $1`)
	deleteDeviceClient  = sql(`DELETE FROM device_client WHERE client_id = $1`)
)

func deviceAt(r row) store.DeviceRequest {
	return store.DeviceRequest{
		UserCodeHash: r.bytes(0),
		ClientID:     r.text(1),
		Scope:        wordsAt(r, 2),
		Created:      timeAt(r, 3),
		Expires:      timeAt(r, 4),
		Decision:     store.DeviceDecision(r.text(5)),
		DelegationID: idAt(r, 6),
		Network:      r.text(7),
		Polled:       timeOrZero(r, 8),
	}
}

// StartDevice stores a request where there is a place, or another network gives way.
func (s *Store) StartDevice(
	ctx context.Context, d store.DeviceRequest, places oauth.DevicePlaces,
) error {
	return s.db.write(ctx, func(t tx) error {
		created := millis(d.Created)
		t.do(lockDeviceClient, d.ClientID, created)
		n, err := t.exec(insertDevice, d.UserCodeHash, d.ClientID, d.Network, words(d.Scope), created,
			millis(d.Expires))
		if err != nil {
			return err
		}
		if n == 0 {
			return store.ErrConflict
		}
		return fitDevices(t, &d, places)
	})
}

// fitDevices judges the places with the new request among them; an error takes it back.
func fitDevices(t tx, d *store.DeviceRequest, places oauth.DevicePlaces) error {
	var all, own int
	count := func(r row) { all, own = int(r.int(0)), int(r.int(1)) }
	if err := t.query(countDevices, count, d.Network, d.ClientID, millis(d.Created)); err != nil {
		return err
	}
	switch {
	case own > places.Network:
		return store.ErrTooMany
	case all <= places.Client:
		return nil
	}
	n, err := t.exec(yieldDevice, d.ClientID, millis(d.Created), own)
	if err == nil && n == 0 {
		return store.ErrTooMany
	}
	return err
}

// Device finds a request by its user code's hash.
func (s *Store) Device(ctx context.Context, userCodeHash []byte, now time.Time) (store.DeviceRequest, error) {
	var d store.DeviceRequest
	if err := s.db.read(ctx, selectDevice, func(r row) { d = deviceAt(r) }, userCodeHash, millis(now)); err != nil {
		return store.DeviceRequest{}, err
	}
	if d.UserCodeHash == nil {
		return store.DeviceRequest{}, store.ErrNotFound
	}
	return d, nil
}

// DecideDevice records the user's decision, once.
func (s *Store) DecideDevice(ctx context.Context, userCodeHash []byte, decision store.DeviceDecision, delegationID oauth.ID, now time.Time, a store.Audit) error {
	return s.db.write(ctx, func(t tx) error {
		n, err := t.exec(decideDevice, userCodeHash, string(decision), orNull(delegationID), millis(now))
		if err != nil {
			return err
		}
		if n == 0 {
			return conflictOrNotFound(t, selectDevice, userCodeHash, millis(now))
		}
		record(t, a)
		return nil
	})
}

// PollDevice records that the device asked, and returns the request as it was before.
func (s *Store) PollDevice(ctx context.Context, userCodeHash []byte, now time.Time) (store.DeviceRequest, error) {
	var d store.DeviceRequest
	err := s.db.write(ctx, func(t tx) error {
		d = store.DeviceRequest{}
		return t.last(pollDevice, func(r row) { d = deviceAt(r) }, userCodeHash, millis(now), millis(now))
	})
	if err != nil {
		return store.DeviceRequest{}, err
	}
	if d.UserCodeHash == nil {
		return store.DeviceRequest{}, store.ErrNotFound
	}
	return d, nil
}
