package http

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
)

// What is written by hand is what the libraries write.
func TestTimesAndUUIDsAreWrittenAsUsual(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		seconds := r.Int64N(253402300800) // the end of the year 9999
		want := time.Unix(seconds, 0).UTC().Format(`"2006-01-02T15:04:05+00:00"`)
		if got := string(appendTime(nil, seconds)); got != want {
			t.Fatalf("%d is %s, want %s", seconds, got, want)
		}
		id := uuid.New()
		if got := string(appendUUID([]byte("x"), id)); got != "x"+id.String() {
			t.Fatalf("%s, want %s", got, id)
		}
	}
}
