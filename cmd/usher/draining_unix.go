//go:build unix

package main

import (
	"net"
	"syscall"
)

// readArrived reads what has arrived, without waiting and whatever the deadline; 0 where nothing has.
func readArrived(c *net.TCPConn, p []byte) (n int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	err = raw.Control(func(fd uintptr) { n, err = syscall.Read(int(fd), p) })
	return max(n, 0)
}
