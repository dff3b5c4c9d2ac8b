package main

import (
	"net/url"
	"path/filepath"
	"syscall"
	"time"
)

// whileAway is what nodes may do while their database does not serve.
var whileAway = excuse{unavailable: true}

// killDatabase ends the database without a warning and starts it again.
func killDatabase(t *trial) error {
	t.excuseAll(whileAway)
	t.lab.server.kill()
	time.Sleep(t.fault)
	err := t.lab.server.start()
	t.over()
	return err
}

// hangDatabase halts all processes of the database: connections are taken, and nothing answers.
func hangDatabase(t *trial) error {
	t.excuseAll(whileAway)
	p := t.lab.server.process
	p.signalFamily(syscall.SIGSTOP)
	defer p.signalFamily(syscall.SIGCONT)
	time.Sleep(t.fault)
	t.over()
	return nil
}

// via lets the nodes reach the database at another address.
func (t *trial) via(address string) error {
	direct, secrets, err := t.lab.database(t)
	if err != nil {
		return err
	}
	u, err := url.Parse(direct)
	if err != nil {
		return err
	}
	u.Host = address
	t.database, t.secrets = u.String(), secrets
	return nil
}

// viaProxy puts a proxy between the nodes and the database.
func viaProxy(t *trial) error {
	if err := t.needServer(); err != nil {
		return err
	}
	p, err := newProxy(t.lab.server.listen)
	if err != nil {
		return err
	}
	t.onEnd(p.close)
	t.proxy = p
	return t.via(p.address())
}

func (t *trial) needServer() error {
	if t.lab.server != nil {
		return nil
	}
	return t.lab.startPostgres()
}

// silenceDatabase swallows what is sent to and by the database.
func silenceDatabase(t *trial) error {
	t.excuseAll(whileAway)
	t.proxy.silence()
	time.Sleep(t.fault)
	t.proxy.speak()
	t.over()
	return nil
}

// makeReadOnly has the database refuse writes, to those who are connected already, too.
func makeReadOnly(t *trial) error {
	t.excuseAll(whileAway)
	s := t.lab.server
	err := s.execute("postgres", "ALTER DATABASE "+t.name+" SET default_transaction_read_only = on", endConnections(t.name))
	if err != nil {
		return err
	}
	time.Sleep(t.fault)
	err = s.execute("postgres", "ALTER DATABASE "+t.name+" RESET default_transaction_read_only", endConnections(t.name))
	t.over()
	return err
}

// viaPooler puts a PgBouncer in transaction mode between the nodes and the database.
func viaPooler(t *trial) error {
	if err := t.needServer(); err != nil {
		return err
	}
	p, err := newPooler(filepath.Join(t.dir, "pgbouncer"), t.lab.server)
	if err != nil {
		return err
	}
	t.onEnd(func() { p.process.kill() })
	t.pooler = p
	return t.via(p.listen)
}

// restartPooler ends PgBouncer without a warning and starts it again.
func restartPooler(t *trial) error {
	t.excuseAll(whileAway)
	t.pooler.process.kill()
	time.Sleep(t.fault)
	err := t.pooler.start()
	t.over()
	return err
}

// withStandby gives the database a synchronous standby; the nodes know both.
func withStandby(t *trial) error {
	direct, secrets, err := t.lab.database(t)
	if err != nil {
		return err
	}
	first := t.lab.server
	if t.standby, err = first.standby(); t.standby != nil {
		t.onEnd(t.standby.kill)
	}
	if err != nil {
		return err
	}
	u, err := url.Parse(direct)
	if err != nil {
		return err
	}
	u.Host = first.listen + "," + t.standby.listen
	t.database, t.secrets = u.String()+"&target_session_attrs=read-write", secrets
	return nil
}

// promote ends the database for good and makes its standby the database.
func promote(t *trial) error {
	t.excuseAll(whileAway)
	first := t.lab.server
	first.kill()
	t.lab.server = nil // the next row starts another
	time.Sleep(t.fault)
	err := t.standby.execute("postgres", "SELECT pg_promote()")
	t.over()
	return err
}
