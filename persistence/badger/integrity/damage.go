package integrity

import "fmt"

// Damage says which file of a directory is damaged, how, and what an operator
// can do about it.
type Damage struct {
	File   string // base name
	What   string
	Advice string // what can be done, as an order
}

// Error gives one sentence.
func (d *Damage) Error() string { return "file " + d.File + " " + d.What + "; " + d.Advice }

// Restore is the advice where nothing but a backup helps.
const Restore = "restore the directory from a backup"

// damagedLog is for the files that Badger also opens without.
func damagedLog(file, format string, args ...any) error {
	return &Damage{
		File: file, What: fmt.Sprintf(format, args...),
		Advice: Restore + ", or move this file away and lose all changes that only it holds",
	}
}

// damaged is for the files that the directory is worth nothing without.
func damaged(file, format string, args ...any) error {
	return &Damage{File: file, What: fmt.Sprintf(format, args...), Advice: Restore}
}
