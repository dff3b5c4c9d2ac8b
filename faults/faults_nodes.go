package main

import (
	"time"
)

// killNode ends a node without a warning and starts it again a while later.
func killNode(t *trial) error {
	n := t.last()
	n.excuse.Store(&excuse{unreachable: true, breaks: true})
	n.kill()
	time.Sleep(t.fault)
	t.over()
	return n.startReady()
}

// stopNode asks a node to end, which must lose nothing that it received, and starts it again.
func stopNode(t *trial) error {
	n := t.last()
	n.excuse.Store(&excuse{unreachable: true})
	if err := n.stop(); err != nil {
		return err
	}
	time.Sleep(t.fault)
	t.over()
	return n.startReady()
}

// stopInTurn stops and starts one node after the other. Clients that know every node see no
// failure; those that know one see none of a request that was sent, and no connection from a stop
// to the next start.
func stopInTurn(t *trial) error {
	stops, least := 0, len(t.nodes)
	if t.lab.long {
		least = 50
	}
	for began := time.Now(); time.Since(began) < t.fault || stops < least; stops++ {
		n := t.nodes[stops%len(t.nodes)]
		n.excuse.Store(&excuse{unreachable: true})
		if err := n.stop(); err != nil {
			return err
		}
		t.over()
		if err := n.startReady(); err != nil {
			return err
		}
		n.excuse.Store(&noExcuse)
	}
	t.say("%d stops", stops)
	return nil
}
