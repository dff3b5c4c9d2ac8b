package sqlstore

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/storetest"
)

// TestPostgresModes runs every verb in every mode of sending statements, and with small caches.
func TestPostgresModes(t *testing.T) {
	for _, parameters := range []string{
		"statement_cache_capacity=0", "default_query_exec_mode=describe_exec", "default_query_exec_mode=exec",
		"default_query_exec_mode=simple_protocol&bytea_output=escape", "statement_cache_capacity=1",
	} {
		t.Run(parameters, func(t *testing.T) {
			storetest.RunVerbs(t, func(t *testing.T) store.Store {
				return openURL(t, postgresURL(t)+"&"+parameters)
			})
		})
	}
}

// TestPgBouncer runs the suite with every transaction on whichever connection is free.
func TestPgBouncer(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return openURL(t, storetest.PgBouncer(t, postgresURL(t), "transaction"))
	})
}

// TestPoolerWithoutTransactions is refused by name, whether the schema is there or not.
func TestPoolerWithoutTransactions(t *testing.T) {
	url := postgresURL(t)
	pooled := storetest.PgBouncer(t, url, "statement")
	for range 2 {
		openError(t, pooled, "set its pool_mode to transaction or session")
		openURL(t, url)
	}
}

// TestPoolerFoundLate: a pooler that was not there at the start is found by the first error, which no
// caller sees.
func TestPoolerFoundLate(t *testing.T) {
	s := openURL(t, storetest.PgBouncer(t, postgresURL(t), "transaction"))
	d := s.db.(*postgresEngine).dial
	if !d.unnamed.Load() {
		t.Fatal("the pooler was not found at the start")
	}
	d.unnamed.Store(false)
	s.db.(*postgresEngine).pool.Reset()
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 20 {
				use(t, s)
			}
		})
	}
	all.Wait()
}

// TestPostgresParameters: what would make answers wrong is refused by name, the rest is harmless.
func TestPostgresParameters(t *testing.T) {
	url := postgresURL(t)
	for parameter, want := range map[string]string{
		"client_encoding=LATIN1":                                           "client_encoding is LATIN1",
		"options=-c%20client_encoding%3DLATIN1":                            "client_encoding is LATIN1",
		"standard_conforming_strings=off":                                  "standard_conforming_strings is off",
		"extra_float_digits=-5&default_query_exec_mode=exec":               "extra_float_digits is -5",
		"default_query_exec_mode=fastest":                                  "not understood",
		"pool_health_check_period=0s":                                      "has to be more than 0",
		"pool_health_check_period=-1m":                                     "has to be more than 0",
		"target_session_attrs=standby":                                     "target_session_attrs=standby",
		"target_session_attrs=prefer-standby":                              "target_session_attrs=read-write",
		"target_session_attrs=read-only":                                   "target_session_attrs=read-write",
		"target_session_attrs=read-write&sslmode=disable&a=b":              "configuration parameter",
		"default_transaction_read_only=on&target_session_attrs=read-write": "read only",
	} {
		openError(t, url+"&"+parameter, want)
	}
	for _, parameter := range []string{
		"DateStyle=SQL,DMY", "TimeZone=Asia/Kathmandu", "IntervalStyle=postgres_verbose", "bytea_output=escape",
		"search_path=public,pg_catalog", "options=-c%20work_mem%3D1MB", "target_session_attrs=primary", "extra_float_digits=-5",
		"statement_timeout=3000", "connect_timeout=60", "default_transaction_isolation=read%20uncommitted",
	} {
		use(t, openURL(t, url+"&"+parameter))
	}
}

// TestRowFormats reads columns in both formats and refuses what has another form than was asked for.
func TestRowFormats(t *testing.T) {
	field := func(oid uint32, format int16) pgconn.FieldDescription {
		return pgconn.FieldDescription{Name: "c", DataTypeOID: oid, Format: format}
	}
	for _, c := range []struct {
		field pgconn.FieldDescription
		value string
		read  func(*postgresRow) any
		want  any // nil for an error
	}{
		{field(pgtype.Int8OID, 1), "\x00\x00\x00\x00\x00\x00\x01\x00", func(r *postgresRow) any { return r.int(0) }, int64(256)},
		{field(pgtype.Int8OID, 0), "-256", func(r *postgresRow) any { return r.int(0) }, int64(-256)},
		{field(pgtype.Int8OID, 1), "\x00\x00\x01\x00", func(r *postgresRow) any { return r.int(0) }, nil},
		{field(pgtype.Int4OID, 1), "\xff\xff\xff\xff", func(r *postgresRow) any { return r.int(0) }, int64(-1)},
		{field(pgtype.TextOID, 1), "12345678", func(r *postgresRow) any { return r.int(0) }, nil},
		{field(pgtype.Float8OID, 0), "0.1", func(r *postgresRow) any { return r.float(0) }, 0.1},
		{field(pgtype.Float8OID, 1), "\x3f\xf0\x00\x00\x00\x00\x00\x00", func(r *postgresRow) any { return r.float(0) }, 1.0},
		{field(pgtype.Float4OID, 1), "\x3f\xf0\x00\x00", func(r *postgresRow) any { return r.float(0) }, nil},
		{field(pgtype.ByteaOID, 0), `\x00ff`, func(r *postgresRow) any { return string(r.bytes(0)) }, "\x00\xff"},
		{field(pgtype.ByteaOID, 0), `a\000\\\377`, func(r *postgresRow) any { return string(r.bytes(0)) }, "a\x00\\\xff"},
		{field(pgtype.ByteaOID, 0), `\x0`, func(r *postgresRow) any { return string(r.bytes(0)) }, nil},
		{field(pgtype.ByteaOID, 0), `\9`, func(r *postgresRow) any { return string(r.bytes(0)) }, nil},
		{field(pgtype.TextOID, 0), "text", func(r *postgresRow) any { return string(r.bytes(0)) }, nil},
		{field(pgtype.ByteaOID, 1), "text", func(r *postgresRow) any { return r.text(0) }, nil},
		{field(pgtype.ByteaOID, 1), "0123456789abcdef", func(r *postgresRow) any { return idAt(r, 0).String() }, idAt(&postgresRow{
			values: [][]byte{[]byte(`\x30313233343536373839616263646566`)}, fields: []pgconn.FieldDescription{field(pgtype.ByteaOID, 0)}}, 0).String()},
		{field(pgtype.ByteaOID, 1), "short", func(r *postgresRow) any { return idAt(r, 0).String() }, nil},
	} {
		r := &postgresRow{values: [][]byte{[]byte(c.value)}, fields: []pgconn.FieldDescription{c.field}}
		got := c.read(r)
		if c.want == nil && r.err == nil || c.want != nil && (r.err != nil || got != c.want) {
			t.Errorf("%q of type %d, format %d: %v (%v), want %v", c.value, c.field.DataTypeOID, c.field.Format, got, r.err, c.want)
		}
	}
}

// TestSeveralHosts: the URL names hosts that are down, swallow packets, and the primary; each bounded.
func TestSeveralHosts(t *testing.T) {
	proxy := storetest.NewProxy(t, postgresURL(t))
	_, rest, _ := strings.Cut(proxy.URL, "://usher@")
	for _, others := range []string{
		"127.0.0.1:1", storetest.Unreachable(t), "127.0.0.1:1," + storetest.Unreachable(t) + ",[::1]:1",
	} {
		for _, url := range []string{
			"postgres://usher@" + others + "," + rest, "postgres://usher@" + others + "," + rest + "&target_session_attrs=read-write",
		} {
			began := time.Now()
			use(t, openURL(t, url))
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("%s took %s", url, took)
			}
		}
	}
}

// TestShownURL: what is shown names the hosts and no password, however it is written.
func TestShownURL(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://u:secret@h1:5432,h2:5433/db?target_session_attrs=primary": "postgres://h1:5432,h2:5433/db",
		"postgresql://u:secret@h1,h2,[::1]:5/db":                              "postgresql://h1,h2,[::1]:5/db",
		"postgres://usher@/db?host=/run/postgresql":                           "postgres:///db",
		"postgres://u:s@cret@h/db":                                            "",
		"postgres://u:se/cret@h/db":                                           "",
		"postgres://u:se?cret@h/db":                                           "",
		"postgres://u:secret@h1:x,h2/db":                                      "",
		"postgres:u:secret":                                                   "",
	} {
		target, err := parseURL(url)
		if want == "" && err == nil && strings.Contains(target.shown, "cret") || want != "" && (err != nil || target.shown != want) {
			t.Errorf("%s: shown %q (%v), want %q", url, target.shown, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "cret") {
			t.Errorf("error %q", err)
		}
	}
}

// unserved demands the one error of a database that cannot serve, within the bound.
func unserved(t *testing.T, began time.Time, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error %v, want %v", err, store.ErrUnavailable)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

// TestMisreadColumn: a column of another type than was asked for is an error, and the next call is well.
func TestMisreadColumn(t *testing.T) {
	s := openURL(t, postgresURL(t))
	wrong := &statement{postgres: "SELECT CAST(7 AS smallint)", reads: true}
	for range 2 {
		if err := s.db.read(t.Context(), wrong, func(r row) { r.int(0) }); err == nil || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
		use(t, s)
	}
}
