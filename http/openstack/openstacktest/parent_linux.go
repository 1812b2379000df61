package openstacktest

import "syscall"

// dieWithParent ends a process with the one that started it, whatever that dies of.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
