package config

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Print writes the configuration in effect as an ini file: every option with
// its help and where its value comes from. Options at their default are
// commented out, secrets are left out, so that the output, used as a
// configuration file, gives the same configuration again.
func (c *Config) Print(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, "# The configuration of arqd in effect. What is commented out is a default.")
	group := ""
	for i := range c.options {
		o := &c.options[i]
		if o.Group != group {
			group = o.Group
			fmt.Fprintf(out, "\n[%s]\n", group)
		}
		printOption(out, o, c.settings[o.key()])
	}
	return out.Flush()
}

func printOption(out *bufio.Writer, o *Option, s setting) {
	fmt.Fprintln(out)
	for _, line := range wrap(o.Help, 76) {
		fmt.Fprintf(out, "# %s\n", line)
	}
	fmt.Fprintf(out, "# (%s; from %s)\n", o.Type, s.from)
	mark := ""
	if s.from.isDefault() {
		mark = "#"
	}
	if o.Secret && s.text != "" {
		fmt.Fprintf(out, "#%s = <hidden>\n", o.Name)
		return
	}
	values := []string{strings.ReplaceAll(s.text, "\n", " ")}
	if o.multi {
		values = strings.Split(s.text, "\n")
	}
	for _, v := range values {
		fmt.Fprintf(out, "%s%s = %s\n", mark, o.Name, iniValue(v))
	}
}

// iniValue writes a value so that parseINI and substitution give it back.
func iniValue(s string) string {
	s = strings.ReplaceAll(s, "$", "$$")
	if strings.TrimSpace(s) != s || strings.ContainsAny(s[:min(1, len(s))], `"'`) {
		return `"` + s + `"`
	}
	return s
}

// wrap breaks text at blanks into lines of at most width bytes.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
