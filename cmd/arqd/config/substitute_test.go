package config

import "testing"

func TestSubstitution(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"nothing to do", "plain", "plain"},
		{"a name in the same section", "$admin_port", "6667"},
		{"a name in [DEFAULT]", "$host.", "node-1."},
		{"in braces", "${host}s", "node-1s"},
		{"of another section", "$api.port/x", "6666/x"},
		{"of another section, in braces", "${API.port}0", "66660"},
		{"of a reference", "$fake.hosts", "node-1"},
		{"two dollars", "$$host", "$host"},
		{"backslash and dollar", `\$host`, "$host"},
		{"a dollar alone", "5$ $- $", "5$ $- $"},
		{"open braces", "${host", "${host"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLoader(Options())
			k := key{"arqd", "admin_host"}
			l.addFile("f", []byte("[DEFAULT]\nhost = node-1\n[arqd]\nadmin_host = "+tt.in+"\n"))
			if failed := l.substitute(); len(failed) > 0 {
				t.Fatal(l.errs)
			}
			if got := l.settings[k].text; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
