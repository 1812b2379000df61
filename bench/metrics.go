package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Metrics are the samples of a metrics page in Prometheus text, by name and
// labels as they stand there.
type Metrics map[string]float64

// scraper leaves no connection behind.
var scraper = http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}

// ReadMetrics fetches the page at url.
func ReadMetrics(ctx context.Context, url string) (Metrics, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := scraper.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, response.Status)
	}
	return parseMetrics(page), nil
}

func parseMetrics(page []byte) Metrics {
	m := Metrics{}
	for line := range bytes.Lines(page) {
		line = bytes.TrimSpace(line)
		at := bytes.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		if v, err := strconv.ParseFloat(string(line[at+1:]), 64); err == nil {
			m[string(line[:at])] = v
		}
	}
	return m
}

// Mean gives the mean of what a histogram has observed since before.
func (m Metrics) Mean(before Metrics, histogram string) float64 {
	count := m[histogram+"_count"] - before[histogram+"_count"]
	if count == 0 {
		return 0
	}
	return (m[histogram+"_sum"] - before[histogram+"_sum"]) / count
}
