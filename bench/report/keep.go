package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// keep writes a file, whole or not at all. What is no file, as a pipe, is written
// to as it is.
func keep(path string, text []byte) error {
	path, file := target(path)
	if !file {
		return os.WriteFile(path, text, 0o644)
	}
	next := path + ".new"
	err := os.WriteFile(next, text, 0o644)
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		_ = os.Remove(next) // if it is there
	}
	return err
}

// Writable says what will keep a file from being written, before there is
// anything to be lost by that.
func Writable(path string) error {
	path, file := target(path)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a directory", path)
	}
	if !file {
		return nil
	}
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(next))
}

// target follows links, and tells whether a file is there, or may be made.
func target(path string) (at string, file bool) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return path, false // also behind links that lead nowhere by name, as those of /proc
	}
	if at, err := filepath.EvalSymlinks(path); err == nil {
		return at, true
	}
	_, err := os.Readlink(path) // to what is not there yet
	return path, err != nil
}
