//go:build !linux

package interop_test

import "syscall"

// dieWithParent has no equal here: a killed test leaves its nodes behind.
func dieWithParent() *syscall.SysProcAttr { return nil }
