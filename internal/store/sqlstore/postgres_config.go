package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// dialer makes connections. Named statements are the fastest; where something between us and the
// database gives every transaction another connection of its own, they cannot be used.
type dialer struct {
	config  *pgx.ConnConfig
	unnamed atomic.Bool
}

const (
	// connectTimeout bounds connecting, over all hosts of the URL. It is well below what a caller waits, so
	// that an attempt that began while the database was away does not outlast its return by much.
	connectTimeout     = 2 * time.Second
	leastPerHost       = 500 * time.Millisecond
	mostConnectTimeout = 3 * time.Second
)

// postgresConfig reads the URL and refuses what would make answers wrong.
func postgresConfig(databaseURL string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("the URL is not understood: %s", oneLine(err))
	}
	if config.HealthCheckPeriod <= 0 {
		return nil, errors.New("pool_health_check_period has to be more than 0, such as 1m")
	}
	cc := config.ConnConfig
	if _, named := cc.RuntimeParams["application_name"]; !named {
		cc.RuntimeParams["application_name"] = "usher"
	}
	// A capacity of 0 turns that kind of cache off; the mode that needs it would answer errors alone.
	if cc.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement && cc.StatementCacheCapacity <= 0 {
		cc.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	if cc.DescriptionCacheCapacity <= 0 {
		cc.DescriptionCacheCapacity = 512
		if cc.DefaultQueryExecMode == pgx.QueryExecModeCacheDescribe {
			cc.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
		}
	}
	limitConnecting(cc, 1+len(cc.Fallbacks))
	return config, onlyPrimary(cc, databaseURL)
}

func limitConnecting(cc *pgx.ConnConfig, hosts int) {
	if cc.ConnectTimeout == 0 {
		cc.ConnectTimeout = max(leastPerHost, connectTimeout/time.Duration(hosts))
	}
	cc.ConnectTimeout = min(cc.ConnectTimeout, mostConnectTimeout)
}

// onlyPrimary connects to nothing that lags behind: on a standby a revoked token would still be active.
func onlyPrimary(cc *pgx.ConnConfig, databaseURL string) error {
	_, query, _ := strings.Cut(databaseURL, "?")
	values, _ := url.ParseQuery(query) // pgx has read it without an error
	wanted := values.Get("target_session_attrs")
	if wanted == "" {
		wanted = os.Getenv("PGTARGETSESSIONATTRS")
	}
	switch wanted {
	case "", "any":
		cc.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsPrimary
	case "read-write", "primary":
	default:
		return fmt.Errorf("target_session_attrs=%s would read from a standby, which lags behind: write target_session_attrs=read-write", wanted)
	}
	return nil
}

// connect opens one connection.
func (d *dialer) connect(ctx context.Context) (*pgx.Conn, error) {
	config := d.config.Copy()
	d.choose(config)
	return pgx.ConnectConfig(ctx, config)
}

// choose sets the mode of a new connection.
func (d *dialer) choose(config *pgx.ConnConfig) {
	if config.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement && d.unnamed.Load() {
		config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
}

// inspect looks at the database over a connection of its own: whether a pooler is in between, and
// whether its settings are those that values are written and read by.
func (d *dialer) inspect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	config := d.config.Copy()
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // no statement is named, and all here are texts
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var backend, encoding, strings, digits string
	err = conn.QueryRow(ctx, `SELECT pg_backend_pid()::text, current_setting('client_encoding'),
		current_setting('standard_conforming_strings'), current_setting('extra_float_digits')`).Scan(&backend, &encoding, &strings, &digits)
	if err != nil {
		return err
	}
	// A pooler answers with a process ID of its own making.
	if backend != fmt.Sprint(conn.PgConn().PID()) {
		d.unnamed.Store(true)
		if err := hasTransactions(ctx, conn); err != nil {
			return err
		}
	}
	asText := d.config.DefaultQueryExecMode == pgx.QueryExecModeExec || d.config.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol
	switch {
	case encoding != "UTF8":
		return errors.New("client_encoding is " + encoding + ": usher needs UTF8; take the setting out of the URL, or set it to UTF8")
	case strings != "on":
		return errors.New("standard_conforming_strings is off: usher needs it on; take the setting out of the URL, or set it to on")
	case asText && digits[0] != '1' && digits[0] != '2' && digits[0] != '3':
		return errors.New("extra_float_digits is " + digits + ", which rounds numbers: set it to 1")
	}
	return nil
}

// hasTransactions refuses a pooler that gives each statement another connection.
func hasTransactions(ctx context.Context, conn *pgx.Conn) error {
	for _, statement := range []string{"BEGIN", "SELECT 1", "ROLLBACK"} {
		_, err := conn.Exec(ctx, statement)
		if postgresCode(err) == "08P01" { // protocol_violation, as PgBouncer calls it
			return fmt.Errorf("the pooler has no transactions: "+
				"set its pool_mode to transaction or session (%s)", oneLine(err))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hidden takes the passwords of the URL out of a text.
func hidden(text, databaseURL string) string {
	rest := databaseURL
	if _, after, ok := strings.Cut(databaseURL, "://"); ok {
		rest = after
	}
	var secrets []string
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if _, password, ok := strings.Cut(rest[:at], ":"); ok {
			secrets = append(secrets, password)
		}
	}
	_, query, _ := strings.Cut(rest, "?")
	for pair := range strings.SplitSeq(query, "&") {
		if name, value, _ := strings.Cut(pair, "="); strings.HasSuffix(name, "password") {
			secrets = append(secrets, value)
		}
	}
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		text = strings.ReplaceAll(text, secret, "xxxxx")
		if plain, err := url.QueryUnescape(secret); err == nil && plain != "" {
			text = strings.ReplaceAll(text, plain, "xxxxx")
		}
	}
	return text
}
