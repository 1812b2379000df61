package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxFileBytes is far beyond any configuration: it stops a mistaken
// --config-file from being read into memory whole.
const maxFileBytes = 4 << 20

// Load reads the configuration: the defaults, then the files in their order,
// then the environment (as of os.Environ); what comes later wins.
//
// Warnings are about what arqd does not use; an error says everything that is
// wrong, one line each, as "FILE:LINE: [section] option: what" or
// "environment NAME: [section] option: what".
func Load(files, environ []string) (*Config, []Warning, error) {
	return load(files, environ, roleService)
}

func load(files, environ []string, r role) (*Config, []Warning, error) {
	contents := make([][]byte, len(files))
	unread := make([]error, len(files))
	var groups []string
	for i, name := range files {
		contents[i], unread[i] = readFile(name)
		ini, _ := parseINI(name, contents[i]) // addFile says what is wrong with it
		groups = append(groups, ini.groups()...)
	}
	own, others := optionsOf(r, groups)
	l := newLoader(own)
	l.role, l.others = r, others
	for i, name := range files {
		if unread[i] != nil {
			l.fail(unread[i])
			continue
		}
		l.addFile(name, contents[i])
	}
	l.addEnviron(environ)
	return l.finish(files)
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("configuration file: %s is longer than %d bytes", name, maxFileBytes)
	}
	return data, nil
}

// loader gathers settings, layer over layer.
type loader struct {
	role     role
	options  []Option
	others   []Option // that the other role reads
	byKey    map[key]*Option
	settings map[key]setting
	warnings []Warning
	warned   map[string]bool // sections spoken of already
	errs     []error
}

// newLoader begins with the defaults.
func newLoader(options []Option) *loader {
	l := &loader{
		options:  options,
		byKey:    make(map[key]*Option, len(options)),
		settings: make(map[key]setting, len(options)),
		warned:   make(map[string]bool),
	}
	for i := range options {
		o := &options[i]
		l.byKey[o.key()] = o
		text := o.Default
		if o.computed != "" {
			text = machineName()
		}
		l.settings[o.key()] = setting{text: text}
	}
	return l
}

func machineName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost"
	}
	return strings.ReplaceAll(name, "$", "$$")
}

func (l *loader) fail(err error) { l.errs = append(l.errs, err) }

func (l *loader) addFile(name string, data []byte) {
	file, err := parseINI(name, data)
	if err != nil {
		l.fail(err)
	}
	for _, s := range file.sections {
		l.checkSection(s.name, source{file: name, line: s.line})
	}
	for _, e := range file.entries {
		from := source{file: name, line: e.line}
		if o := l.find(e.key, from); o != nil {
			l.set(o, e.text, from)
		}
	}
}

// set puts a value over what was there. The values of a multi-valued option
// add up, over all files, as in oslo.config.
func (l *loader) set(o *Option, text string, from source) {
	s := setting{text: text, from: from}
	if o.multi {
		s.each = []setting{{text: text, from: from}}
		if before := l.settings[o.key()]; from.file != "" && before.from.file != "" {
			s.text = before.text + "\n" + text
			s.each = append(before.each, s.each...)
		}
	}
	l.settings[o.key()] = s
}

// finish substitutes, converts and checks.
func (l *loader) finish(files []string) (*Config, []Warning, error) {
	failed := l.substitute()
	c := &Config{options: l.options, settings: l.settings}
	for i := range l.options {
		o := &l.options[i]
		s := l.settings[o.key()]
		if failed[o.key()] || o.set(c, s.text) || l.onlyInherits(o, s) {
			continue
		}
		l.fail(optionError(s.from, o.key(), errors.New(o.complaint(s.text))))
	}
	// What one value means for another can only be asked of good values.
	switch {
	case len(l.errs) > 0:
	case l.role == roleAgent:
		l.fail(c.checkAgent())
	default:
		c.settleNova()
		l.fail(c.resolvePolicyFile(files))
		l.fail(c.check())
	}
	if err := errors.Join(l.errs...); err != nil {
		return nil, l.warnings, err
	}
	if l.role == roleAgent {
		return c, append(l.warnings, c.unusedDevices()...), nil
	}
	return c, append(l.warnings, c.unusedTLS()...), nil
}

// onlyInherits says whether a bad value was reported where it was set and came
// here by a reference in a default.
func (l *loader) onlyInherits(o *Option, s setting) bool {
	return len(l.errs) > 0 && s.from.isDefault() && strings.Contains(o.Default, "$")
}
