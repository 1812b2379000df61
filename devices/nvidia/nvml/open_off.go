//go:build !nvml

package nvml

import (
	"errors"
	"log/slog"
)

// Built tells whether the library is part of this program.
const Built = false

// Open fails: the library is not part of this program.
func Open([]int, *slog.Logger) (*Manager, error) {
	return nil, errors.New("built without the tag nvml")
}
