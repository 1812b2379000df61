package bench

import (
	"syscall"
	"time"
	"unsafe"
)

// sysEpollPwait2 has the same number on every architecture; Linux has it since
// 5.11.
const sysEpollPwait2 = 441

// epollWait is epoll_wait with a time-out in nanoseconds.
func epollWait(epoll int, events []syscall.EpollEvent, timeout time.Duration) (int, error) {
	limit := syscall.NsecToTimespec(int64(timeout))
	n, _, errno := syscall.Syscall6(sysEpollPwait2, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)),
		uintptr(unsafe.Pointer(&limit)), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
