package main

import (
	"io"
	"os"
	"syscall"
	"unsafe"
)

// usualColumns is the width of a terminal that does not tell it.
const usualColumns = 80

// columns gives what tells the width of a terminal; nil where w is none. It is
// asked each time, as terminals change.
func columns(w io.Writer) func() int {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return nil
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return func() int {
		var size struct{ rows, columns, x, y uint16 }
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&size)))
		if errno != 0 || size.columns == 0 {
			return usualColumns
		}
		return int(size.columns)
	}
}

// width is that of a terminal; 0: w is none, and as wide as it need be.
func width(w io.Writer) int {
	if of := columns(w); of != nil {
		return of()
	}
	return 0
}
