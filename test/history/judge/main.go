// Command judge checks histories that were written down: judge FILE... For each
// trial it says whether there is an order of its operations that fits the
// answers. Where there is none it tells the longest one that fits, with what is
// known of the world after each operation, and leaves a picture beside the file.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/arqd/arqd/test/history"
)

const limit = 10 * time.Minute // for one trial

func main() {
	ok := len(os.Args) > 1
	for _, file := range os.Args[1:] {
		fits, err := judge(file, os.Stdout)
		if err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
		}
		ok = ok && fits && err == nil
	}
	if !ok {
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func judge(file string, out io.Writer) (fits bool, err error) {
	in, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer in.Close()
	setting, trials, err := history.Read(in)
	if err != nil {
		return false, fmt.Errorf("%s: %w", file, err)
	}
	fits = true
	for n, t := range trials {
		v := history.Check(setting, t, limit)
		_, err := fmt.Fprintf(out, "%s: epoch %d, cell %d, %d operations: %s\n", file, t.Epoch, t.Cell, len(t.Operations), v.Result)
		if err != nil {
			return false, err
		}
		if v.Result == porcupine.Ok {
			continue
		}
		fits = false
		picture := fmt.Sprintf("%s-%d.html", strings.TrimSuffix(file, ".jsonl"), n)
		if err := v.Explain(out); err != nil {
			return false, err
		}
		if err := v.Visualize(picture); err != nil {
			return false, err
		}
		if _, err := fmt.Fprintln(out, "picture:", picture); err != nil {
			return false, err
		}
	}
	return fits, nil
}
