package config

import "fmt"

const defaultGroup = "DEFAULT"

// source says where a value was set; the zero value is "nowhere", the default.
type source struct {
	file string
	line int
	env  string
}

func (s source) isDefault() bool { return s == source{} }

func (s source) String() string {
	switch {
	case s.env != "":
		return "environment " + s.env
	case s.file != "":
		return fmt.Sprintf("%s:%d", s.file, s.line)
	default:
		return "default"
	}
}

// setting is the text of an option and where it comes from. References to
// other options are still in it until they are substituted.
type setting struct {
	text string
	from source
	each []setting // the values of an option that may have several
}

// Warning is something in the configuration that arqd does without.
type Warning struct {
	Where string // FILE:LINE, or "environment NAME"
	Text  string
}

func (w Warning) String() string { return w.Where + ": " + w.Text }

// Source says where the value of an option comes from: "FILE:LINE",
// "environment NAME" or "default".
func (c *Config) Source(group, name string) string {
	return c.settings[key{group, name}].from.String()
}

// Changed gives the options whose values differ in next; those that are not
// Reloadable need a restart.
func (c *Config) Changed(next *Config) []Option {
	var changed []Option
	for i := range c.options {
		k := c.options[i].key()
		if c.settings[k].text != next.settings[k].text {
			changed = append(changed, c.options[i])
		}
	}
	return changed
}

// fault says what is wrong with an option's value and where it was set.
func (c *Config) fault(group, name, what string, args ...any) error {
	k := key{group, name}
	return optionError(c.settings[k].from, k, fmt.Errorf(what, args...))
}

func optionError(from source, k key, what error) error {
	return fmt.Errorf("%s: %s: %w", from, k, what)
}
