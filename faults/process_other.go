//go:build !linux

package main

import "syscall"

// dieWithParent does nothing here: if this program is killed, its children stay.
func dieWithParent(*syscall.SysProcAttr) {}
