package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseINI(t *testing.T) {
	at := func(group, name, text string, line int) entry {
		return entry{key{group, name}, text, line}
	}
	tests := []struct {
		name string
		in   string
		want []entry
	}{
		{"empty file", "", nil},
		{"equals sign", "[api]\nport = 1\n", []entry{at("api", "port", "1", 2)}},
		{"colon", "[api]\nport: 1\n", []entry{at("api", "port", "1", 2)}},
		{"the first sign divides", "[a]\nx = b:c\ny: b=c\n", []entry{at("a", "x", "b:c", 2), at("a", "y", "b=c", 3)}},
		{"no blanks", "[api]\nport=1", []entry{at("api", "port", "1", 2)}},
		{"no value", "[api]\nport =\n", []entry{at("api", "port", "", 2)}},
		{"comments and empty lines", "# a\n; b\n\n[a]\n# c\nx = 1\n", []entry{at("a", "x", "1", 6)}},
		{"an indented comment", "[a]\nx = 1\n  # more\n  2\n", []entry{at("a", "x", "1\n2", 2)}},
		{"no comment behind a value", "[a]\nx = 1 # one\n", []entry{at("a", "x", "1 # one", 2)}},
		{"continuation", "[a]\nx = 1,\n  2,\n\t3\ny = 4\n", []entry{at("a", "x", "1,\n2,\n3", 2), at("a", "y", "4", 5)}},
		{"a repeated name is kept", "[a]\nx = 1\nx = 2\n", []entry{at("a", "x", "1", 2), at("a", "x", "2", 3)}},
		{"a section again", "[a]\nx = 1\n[b]\n[a]\nx = 2\n", []entry{at("a", "x", "1", 2), at("a", "x", "2", 5)}},
		{"capitals of sections", "[DEFAULT]\nx=1\n[Api]\ny=2\n", []entry{at("DEFAULT", "x", "1", 2), at("api", "y", "2", 4)}},
		{"double quotes", `[a]` + "\n" + `x = " 1 "`, []entry{at("a", "x", " 1 ", 2)}},
		{"single quotes", "[a]\nx = '1'\n", []entry{at("a", "x", "1", 2)}},
		{"quotes that do not match", "[a]\nx = \"1'\n", []entry{at("a", "x", "\"1'", 2)}},
		{"one quote", "[a]\nx = \"\n", []entry{at("a", "x", "\"", 2)}},
		{"byte order mark and CRLF", "\ufeff[a]\r\nx = 1\r\n", []entry{at("a", "x", "1", 2)}},
		{"UTF-8", "[a]\nx = Zürich\n", []entry{at("a", "x", "Zürich", 2)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseINI("f", []byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got.entries, tt.want) {
				t.Errorf("got %q, want %q", got.entries, tt.want)
			}
		})
	}
}

func TestParseINIRefuses(t *testing.T) {
	tests := []struct {
		name string
		in   string
		want string
	}{
		{"a line of prose", "[a]\nhello\n", "f:2: is neither a [section], a comment nor name = value"},
		{"an open section", "[a\n", "f:1: a section must end with ]"},
		{"a nameless section", "[ ]\nx = 1\n", "f:1: a section must have a name"},
		{"a nameless value", "[a]\n= 1\n", "f:2: has a value but no name"},
		{"a value before any section", "x = 1\n", `f:1: "x" stands before the first [section]`},
		{"a continuation of nothing", "[a]\n  x = 1\n", "f:2: begins with a blank but there is no value above to go on with"},
		{"a continuation after an empty line", "[a]\nx = 1\n\n  2\n", "f:4: begins with a blank but there is no value above to go on with"},
		{"Latin-1", "[a]\nx = Z\xfcrich\n", "f:2: is not UTF-8 text"},
		{"a binary file", "\x7fELF\x00\n", "f:1: is not UTF-8 text"},
		{
			"every bad line, not the first alone", "[a]\nhello\nx = 1\n= 2\n",
			"f:2: is neither a [section], a comment nor name = value\nf:4: has a value but no name",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseINI("f", []byte(tt.in))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got error %v, want %s", err, tt.want)
			}
		})
	}
}

func FuzzParseINI(f *testing.F) {
	f.Add([]byte("[DEFAULT]\nhost = a\n  b\n# c\n[api]\nport: '1'\n"))
	f.Add([]byte("[fake]\nhosts = $host, ${DEFAULT.host}, $$\nhosts = $hosts\n"))
	f.Add([]byte("\ufeff[a\r\n = \x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := parseINI("f", data)
		lines := strings.Count(string(data), "\n") + 1
		for _, e := range file.entries {
			if e.group == "" || e.name == "" || e.line < 1 || e.line > lines {
				t.Errorf("entry %+v of %d lines", e, lines)
			}
		}
		l := newLoader(Options())
		l.addFile("f", data)
		c, _, loadErr := l.finish(nil)
		if err != nil && loadErr == nil {
			t.Errorf("parseINI says %v, the loader nothing", err)
		}
		if (c == nil) == (loadErr == nil) {
			t.Errorf("configuration %v with error %v", c, loadErr)
		}
	})
}
