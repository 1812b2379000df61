package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// grid is a table of text, its cells to the right of their columns.
type grid struct {
	columns []column
	cells   [][]string // by column, its head first
}

func newGrid(columns []column, rows int) *grid {
	g := &grid{columns: columns, cells: make([][]string, len(columns))}
	for i := range columns {
		g.cells[i] = make([]string, rows+1)
		g.cells[i][0] = columns[i].head
	}
	return g
}

// print writes the columns that there is room for; width 0: all.
func (g *grid) print(w io.Writer, width int) error {
	widths, shown := make([]int, len(g.columns)), g.fitting(width)
	for i, column := range g.cells {
		widths[i] = widest(column)
	}
	for row := range g.cells[0] {
		var line strings.Builder
		for _, i := range shown {
			fmt.Fprintf(&line, "%s%*s", between, widths[i], g.cells[i][row])
		}
		if _, err := fmt.Fprintln(w, line.String()); err != nil {
			return err
		}
	}
	return nil
}

const between = "  "

// fitting gives the numbers of the columns to show.
func (g *grid) fitting(width int) []int {
	total := 0
	var shown, dispensable []int
	for i, column := range g.cells {
		total += len(between) + widest(column)
		shown = append(shown, i)
		if g.columns[i].weight > 0 {
			dispensable = append(dispensable, i)
		}
	}
	slices.SortStableFunc(dispensable, func(a, b int) int { return cmp.Compare(g.columns[a].weight, g.columns[b].weight) })
	for _, i := range dispensable {
		if width == 0 || total <= width {
			break
		}
		total -= len(between) + widest(g.cells[i])
		shown = slices.DeleteFunc(shown, func(n int) bool { return n == i })
	}
	return shown
}

func widest(column []string) int {
	most := 0
	for _, text := range column {
		most = max(most, utf8.RuneCountInString(text))
	}
	return most
}
