// Package report has the results of `arqd bench`: the file that they are kept
// in, and how they are shown, as a table on a terminal and as a page of HTML.
package report

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/arqd/arqd/bench/measure"
)

// Schema is the version of the file. A reader refuses another one; members that
// are added do not change it.
const Schema = "arqd-bench/1"

// File is one run of a scenario. bench/README.md describes its members.
type File struct {
	Schema      string    `json:"schema"`
	Label       string    `json:"label"`
	Version     string    `json:"version"` // of arqd bench
	Scenario    string    `json:"scenario"`
	URL         string    `json:"url"`
	Started     time.Time `json:"started"`
	Ended       time.Time `json:"ended"`
	Interrupted bool      `json:"interrupted"`
	Machine     Machine   `json:"machine"` // that the load came from
	Settings    Settings  `json:"settings"`
	Phases      []Phase   `json:"phases"`
	Cleanup     Cleanup   `json:"cleanup"`
	Notes       []string  `json:"notes"`
}

// Machine describes where something ran.
type Machine struct {
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	Kernel string `json:"kernel"`
	CPU    string `json:"cpu"`
	CPUs   int    `json:"cpus"`
	Memory string `json:"memory,omitempty"`
}

// Settings are those of the command line. Times are in seconds.
type Settings struct {
	Count       int64              `json:"count"`
	Duration    float64            `json:"duration"`
	Warmup      float64            `json:"warmup"`
	Repeat      int                `json:"repeat"`
	Concurrency int                `json:"concurrency"`
	Rate        float64            `json:"rate"` // 0: a closed loop
	Ramp        float64            `json:"ramp"`
	ARQs        int                `json:"arqs"`
	Stored      int                `json:"stored"`
	Page        int                `json:"page"`
	Wait        string             `json:"wait"`
	Mix         map[string]float64 `json:"mix,omitempty"`
	Auth        string             `json:"auth"`
	Seed        uint64             `json:"seed"`
}

// Phase is one kind of load.
type Phase struct {
	Name        string       `json:"name"`
	Loop        string       `json:"loop"` // closed or open
	Workers     int          `json:"workers"`
	Rate        float64      `json:"rate"` // 0 in a closed loop
	Repetitions []Repetition `json:"repetitions"`
}

// Repetition is a phase, carried out once.
type Repetition struct {
	Seconds     float64     `json:"seconds"`
	Interrupted bool        `json:"interrupted"`
	Begun       int64       `json:"begun"`
	Late        int64       `json:"late"`
	LatestMS    float64     `json:"latest_ms"`
	Unsent      int64       `json:"unsent"`
	Operations  []Operation `json:"operations"`
	Tenths      []float64   `json:"tenths,omitempty"` // seconds
	Client      Usage       `json:"client"`
	Server      *Usage      `json:"server,omitempty"`
}

// Usage is what a process used meanwhile.
type Usage struct {
	CPUSeconds float64 `json:"cpu_seconds"`
	RSSPeak    int64   `json:"rss_peak"` // bytes, of samples
	RSSEnd     int64   `json:"rss_end"`
}

// Operation is one kind of call within a repetition.
type Operation struct {
	Name      string           `json:"name"`
	Good      int64            `json:"good"`
	Things    int64            `json:"things"`
	Outcomes  map[string]int64 `json:"outcomes"`
	Latency   Latency          `json:"latency_ms"`
	Histogram string           `json:"histogram"` // HdrHistogram V2, compressed, base64; microseconds
	PerSecond []int64          `json:"per_second"`
}

// Latency is of the good calls, in milliseconds.
type Latency struct {
	Min  float64 `json:"min"`
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// Cleanup is what became of what a run made.
type Cleanup struct {
	DeletedARQs     int      `json:"deleted_arqs"`
	DeletedProfiles int      `json:"deleted_profiles"`
	LeftARQs        int      `json:"left_arqs"` // -1: it is not known
	LeftProfiles    []string `json:"left_profiles"`
	Errors          []string `json:"errors"`
	Kept            bool     `json:"kept"` // it was asked for
}

// Complete tells whether nothing was left that should have gone.
func (c *Cleanup) Complete() bool { return c.Kept || c.LeftARQs == 0 && len(c.LeftProfiles) == 0 }

// Bad gives how many calls were not good.
func (o *Operation) Bad() (n int64) {
	for _, count := range o.Outcomes {
		n += count
	}
	return n - o.Good
}

// NewOperation makes what is kept of an operation.
func NewOperation(name string, op *measure.Operation) (Operation, error) {
	encoded, err := op.Latency.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	return Operation{
		Name: name, Good: op.Good, Things: op.Things, Outcomes: op.Outcomes,
		Latency: Summarise(op.Latency), Histogram: string(encoded), PerSecond: op.PerSecond,
	}, err
}

// Summarise reads the usual figures off a histogram of microseconds.
func Summarise(h *hdrhistogram.Histogram) Latency {
	if h.TotalCount() == 0 {
		return Latency{}
	}
	ms := func(us int64) float64 { return float64(us) / 1e3 }
	at := func(quantile float64) float64 { return ms(h.ValueAtQuantile(quantile)) }
	return Latency{
		Min: ms(h.Min()), Mean: h.Mean() / 1e3, P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: ms(h.Max()),
	}
}

// Decode gives the histogram of an operation.
func (o *Operation) Decode() (*hdrhistogram.Histogram, error) {
	if _, err := base64.StdEncoding.DecodeString(o.Histogram); err != nil {
		return nil, fmt.Errorf("the histogram of %s: %w", o.Name, err)
	}
	h, err := hdrhistogram.Decode([]byte(o.Histogram))
	if err != nil {
		return nil, fmt.Errorf("the histogram of %s: %w", o.Name, err)
	}
	return h, nil
}

// Merged gives the latencies of an operation in all repetitions of a phase.
func (p *Phase) Merged(operation string) (*hdrhistogram.Histogram, error) {
	all := measure.NewHistogram()
	for i := range p.Repetitions {
		for j := range p.Repetitions[i].Operations {
			op := &p.Repetitions[i].Operations[j]
			if op.Name != operation {
				continue
			}
			h, err := op.Decode()
			if err != nil {
				return nil, err
			}
			if lost := all.Merge(h); lost > 0 {
				return nil, fmt.Errorf("the histogram of %s: %d values beyond an hour", operation, lost)
			}
		}
	}
	return all, nil
}

// Write keeps a run in a file, whole or not at all.
func (f *File) Write(path string) error {
	text, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		return err
	}
	return keep(path, append(text, '\n'))
}

// Read reads a file.
func Read(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f := &File{}
	if err := json.Unmarshal(text, f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if f.Schema != Schema {
		return nil, fmt.Errorf("%s: schema %q: %w", path, f.Schema, errSchema)
	}
	if f.Label == "" {
		f.Label = path
	}
	return f, nil
}

// ReadAll reads several files to show them side by side. Runs of the same label
// are told apart by their files.
func ReadAll(paths ...string) ([]*File, error) {
	files, runs := make([]*File, len(paths)), map[string]int{}
	for i, path := range paths {
		f, err := Read(path)
		if err != nil {
			return nil, err
		}
		files[i] = f
		runs[f.Label]++
	}
	for i, f := range files {
		switch {
		case runs[f.Label] == 1:
		case f.Label == f.URL: // it was given none
			f.Label = paths[i]
		default:
			f.Label += " (" + paths[i] + ")"
		}
	}
	return files, nil
}

var errSchema = errors.New("this arqd reads " + Schema)
