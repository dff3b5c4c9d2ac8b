//go:build !linux

package storetest

import "syscall"

// dieWithParent has no equal here: a killed test leaves its server behind.
func dieWithParent(*syscall.SysProcAttr) {}
