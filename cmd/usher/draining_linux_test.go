package main

import (
	"syscall"
)

// arrived tells whether bytes wait to be read, and leaves them.
func arrived(c *drainConn) (is bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Control(func(fd uintptr) {
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		is = err == nil && n == 1
	})
	return is
}
