package main

import "syscall"

// dieWithParent has the kernel end the child when this program is gone, however it went.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
