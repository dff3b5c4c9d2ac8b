package storetest

import "syscall"

// dieWithParent has the kernel end the child when this process is gone, however it went.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }
