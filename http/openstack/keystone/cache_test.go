package keystone

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestCacheIsBounded(t *testing.T) {
	const size = 2 * cacheShards
	c := newCache[int](size)
	now := time.Unix(1000, 0)
	for i := range 20 * size {
		c.put(keyOf(fmt.Sprint(i)), i, now.Add(time.Duration(i)*time.Second))
		if n := c.size(); n > size {
			t.Fatalf("%d entries after %d, want %d at most", n, i+1, size)
		}
		if got, ok := c.get(keyOf(fmt.Sprint(i)), now.Add(-time.Hour)); !ok || got != i {
			t.Fatalf("entry %d is gone at once", i)
		}
	}
	// What ends soon makes room for what lasts: the oldest are not there.
	for i := range size {
		if _, ok := c.get(keyOf(fmt.Sprint(i)), now.Add(-time.Hour)); ok {
			t.Errorf("entry %d is still there", i)
		}
	}
}

func TestCacheEntriesEnd(t *testing.T) {
	c, now := newCache[string](1000), time.Unix(1000, 0)
	k := keyOf("t")
	c.put(k, "first", now.Add(time.Second))
	for at, want := range map[time.Duration]bool{0: true, time.Second - 1: true, time.Second: false, time.Hour: false} {
		if _, ok := c.get(k, now.Add(at)); ok != want {
			t.Errorf("after %v: %v", at, ok)
		}
	}
	c.put(k, "second", now.Add(time.Hour))
	if got, ok := c.get(k, now.Add(time.Minute)); !ok || got != "second" || c.size() != 1 {
		t.Errorf("%q, %v, %d entries", got, ok, c.size())
	}
}

func TestKeysAreHashes(t *testing.T) {
	for _, token := range []string{"", "gAAAAABk", strings.Repeat("x", longestToken)} {
		if keyOf(token) != sha256.Sum256([]byte(token)) {
			t.Errorf("the key of %.10q is no hash of it", token)
		}
	}
}

func TestCacheAtOnce(t *testing.T) {
	c, now := newCache[int](cacheShards), time.Now()
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 2000 {
				k := keyOf(fmt.Sprint(i % 300))
				c.put(k, i%300, now.Add(time.Duration(g)*time.Second))
				if got, ok := c.get(k, now); ok && got != i%300 {
					t.Errorf("%d for %d", got, i%300)
				}
			}
		})
	}
	all.Wait()
}
