package actors

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestPatienceEndsWithinAGrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatience(8 * time.Second)
		for range 20 {
			start := time.Now()
			<-p.over()
			if took := time.Since(start); took < 8*time.Second || took > 9*time.Second {
				t.Errorf("over after %s", took)
			}
			<-time.After(300 * time.Millisecond)
		}
	})
}

func TestPatienceIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatience(8 * time.Second)
		first := p.over()
		<-time.After(900 * time.Millisecond)
		if p.over() != first {
			t.Error("a second timer within the grain")
		}
		<-time.After(200 * time.Millisecond)
		if p.over() == first {
			t.Error("the same timer beyond the grain")
		}
		<-time.After(20 * time.Second)
	})
}
