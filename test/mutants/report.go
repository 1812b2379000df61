package main

import (
	"fmt"
	"strings"
	"time"
)

// lines tell a verdict: the mutant, how long it took, its rule and what caught it.
func (v *verdict) lines(why bool) string {
	said := fmt.Sprintf("%-32s %3.0f s  %s\n%38s  %s\n", v.mutant.name, v.took.Seconds(), v.mutant.rule, "", v.said())
	if why && v.why != "" {
		said += v.why + "\n"
	}
	return said
}

func (v *verdict) said() string {
	switch {
	case v.err != nil:
		return "NOT TRIED"
	case len(v.caught) == 0:
		return "SURVIVED"
	}
	said := "caught by " + names(v.caught)
	if len(v.missed) > 0 {
		said += ", missed by " + names(v.missed)
	}
	return said
}

func names(tests []test) string {
	var all []string
	for _, t := range tests {
		all = append(all, t.String())
	}
	return strings.Join(all, ", ")
}

// report sums up; its error says what is not as it must be.
func (l *lab) report(verdicts []verdict, took time.Duration) error {
	var wrong []string
	for i := range verdicts {
		v := &verdicts[i]
		switch {
		case v.err != nil:
			wrong = append(wrong, fmt.Sprintf("%s: %v", v.mutant.name, v.err))
		case len(v.caught) == 0:
			wrong = append(wrong, fmt.Sprintf("%s survived: %s\n%s:\n%s\nbecame\n%s",
				v.mutant.name, v.mutant.rule, v.mutant.file, v.mutant.old, v.mutant.new))
		}
	}
	_, err := fmt.Fprintf(l.out, "%d mutants, %d caught, in %.0f s\n", len(verdicts), len(verdicts)-len(wrong), took.Seconds())
	if len(wrong) > 0 {
		return fmt.Errorf("%d of %d:\n%s", len(wrong), len(verdicts), strings.Join(wrong, "\n\n"))
	}
	return err
}
