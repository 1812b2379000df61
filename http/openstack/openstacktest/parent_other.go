//go:build !linux

package openstacktest

import "syscall"

// dieWithParent can do nothing here.
func dieWithParent() *syscall.SysProcAttr { return nil }
