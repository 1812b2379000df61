package integrity

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"golang.org/x/sys/unix"
)

// withFile gives the content of a file to use. The content is a mapping: it
// costs no memory, and is gone afterwards. A log is many times longer than what
// was written to it: the hole at its end is left out.
func withFile(name string, use func([]byte) error) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	length, err := usedLength(f)
	if err != nil || length == 0 {
		return errors.Join(err, use(nil))
	}
	content, err := unix.Mmap(int(f.Fd()), 0, length, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, unix.Munmap(content)) }()
	return guarded(filepath.Base(name), func() error { return use(content) })
}

// guarded makes an error of a panic: of a page that the disk does not give, or
// of what a library makes of damaged content.
func guarded(file string, f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = damaged(file, "cannot be read (%v)", p)
		}
	}()
	return f()
}

// usedLength is the length of a file without a hole at its end, but for the
// header of a log: one that is all hole was begun in the instant of a crash, or
// its header was not on disk when the power failed. File systems that know of
// no holes have none.
func usedLength(f *os.File) (int, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size()
	for end := int64(0); end < size; {
		data, err := f.Seek(end, unix.SEEK_DATA)
		if errors.Is(err, syscall.ENXIO) {
			return int(max(end, min(size, logHeader))), nil
		}
		if err != nil {
			return int(size), nil //nolint:nilerr // no such question to this file system: all of it is read
		}
		if end, err = f.Seek(data, unix.SEEK_HOLE); err != nil {
			return int(size), nil //nolint:nilerr // as above
		}
	}
	return int(size), nil
}

// tablesThere lists the tables in a directory, whether the database has them or
// not; none where there is no directory.
func tablesThere(dir string) (names []string, err error) {
	files, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	for _, file := range files {
		if filepath.Ext(file.Name()) == ".sst" {
			names = append(names, file.Name())
		}
	}
	return names, nil
}
