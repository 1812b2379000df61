package config

import (
	"fmt"
	"strings"
)

// Option is one row of the table of options.
type Option struct {
	Group string // section, "DEFAULT" in capitals, else lower case
	Name  string
	// Type says in a few words what a value is: "port", "boolean" ...
	Type string
	// Default is the default as it would be written in a file. It may refer
	// to other options.
	Default string
	Help    string
	// Reloadable options take effect without a restart.
	Reloadable bool
	// Secret values are shown nowhere.
	Secret bool

	multi    bool   // every occurrence counts, not the last alone
	computed string // the default in words, where it depends on the machine
	want     string // completes "... is not"
	set      func(c *Config, text string) bool
}

// key names an option within a table.
type key struct{ group, name string }

func (k key) String() string { return "[" + k.group + "] " + k.name }

func (o *Option) key() key { return key{o.Group, o.Name} }

// EnvName is the environment variable that overrides the option.
func (o *Option) EnvName() string {
	return envPrefix + strings.ToUpper(o.Group+"__"+o.Name)
}

// opt makes a row whose values are of type t and go to the given field.
func opt[T any](group, name, def string, t kind[T], field func(*Config) *T, help string) Option {
	return Option{
		Group: group, Name: name, Type: t.name, Default: def, Help: help,
		multi: t.multi, want: t.want,
		set: func(c *Config, text string) bool {
			v, ok := t.parse(text)
			if ok {
				*field(c) = v
			}
			return ok
		},
	}
}

func (o Option) reloadable() Option { o.Reloadable = true; return o }

func (o Option) secret() Option { o.Secret = true; return o }

// orMachine gives the option a default that is only known at run time.
func (o Option) orMachine(words string) Option { o.computed = words; return o }

// complaint says why text is no value of the option, in a sentence that
// follows the option's name.
func (o *Option) complaint(text string) string {
	switch {
	case text == "":
		return "is empty; it must be " + o.want
	case o.Secret:
		return "the value is not " + o.want
	default:
		return fmt.Sprintf("%s is not %s", quoteShort(text), o.want)
	}
}

// quoteShort quotes a value of somebody else's making for a message.
func quoteShort(s string) string {
	const most = 80
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q...", strings.ToValidUTF8(s[:most], ""))
}
