package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"testing"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/bench/process"
	apihttp "github.com/arqd/arqd/http"
	"github.com/arqd/arqd/persistence/badger"
)

// mostListed is how many ARQs a list without limit gives, if so many are stored.
const mostListed = 100_000

// calmQuestion asks a service to give all free memory back, so that what a list
// takes shows, when it has made what is to be listed.
type calmQuestion struct{ ARQs int }

type calmAnswer struct{ Addr string }

// BenchmarkList measures by how much the resident memory of the service rises
// while it answers a list of everything.
func BenchmarkList(b *testing.B) { whole(b, list) }

func list(tb testing.TB, into *Report) {
	tb.Helper()
	server, listed := startChild(tb, roleList), min(mostListed, number(tb, arqsVariable, fewARQs))
	for range number(tb, roundsVariable, usualRounds) {
		var answer calmAnswer
		server.call(tb, calmQuestion{listed}, &answer)
		before, cpu := usage(tb, server.pid)
		if err := process.ForgetPeak(server.pid); err != nil {
			tb.Fatal(err)
		}
		listAll(tb, answer.Addr, listed)
		after, cpuAfter := usage(tb, server.pid)
		into.AddGoal("list", float64(after.Peak-before.Resident), fmt.Sprintf("%d ms a list", (cpuAfter-cpu).Milliseconds()))
	}
	say("%d are listed", listed)
}

func listAll(tb testing.TB, addr string, arqs int) {
	tb.Helper()
	response, err := scraper.Get("http://" + addr + collection)
	if err != nil {
		tb.Fatal(err)
	}
	defer response.Body.Close()
	n, err := io.Copy(io.Discard, response.Body)
	if err != nil || response.StatusCode != http.StatusOK || n < int64(arqs)*300 {
		tb.Fatalf("%s, %d bytes: %v", response.Status, n, err)
	}
}

// serveLists is the role of the service that has something to list.
func serveLists(ask *json.Decoder, answer *json.Encoder) (err error) {
	dir, err := makeDiskDir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	metrics := apihttp.NewMetrics()
	store, err := badger.Open(badger.Options{Dir: dir, Observer: metrics})
	if err != nil {
		return err
	}
	p, err := startInProcess(store, metrics)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := p.createProfile(profileName, groupsEach); err != nil {
		return err
	}
	made := 0
	return serveQuestions(ask, answer, func(q calmQuestion) (a calmAnswer, err error) {
		for ; made < q.ARQs; made += groupsEach {
			if _, err := p.system.CreateARQs(background, actors.CreateARQs{ProfileName: profileName, ProjectID: "admin"}); err != nil {
				return a, err
			}
		}
		debug.FreeOSMemory()
		return calmAnswer{p.addr}, nil
	})
}
