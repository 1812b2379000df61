package config

import (
	"slices"
	"testing"
)

func TestWarnings(t *testing.T) {
	tests := []struct {
		name    string
		file    []string
		environ []string
		want    []string // FILE stands for the file
	}{
		{"an unknown option", []string{"[api]", "wsgi = 1"}, nil, []string{`FILE:2: [api] "wsgi": there is no such option; it is ignored`}},
		{"a misspelt option", []string{"[api]", "prot = 1"}, nil, []string{`FILE:2: [api] "prot": there is no such option; it is ignored (did you mean [api] port?)`}},
		{"dashes", []string{"[api]", "host-ip = 1"}, nil, []string{`FILE:2: [api] "host-ip": there is no such option; it is ignored (did you mean [api] host_ip?)`}},
		{"the wrong section", []string{"[DEFAULT]", "admin_port = 1"}, nil, []string{`FILE:2: [DEFAULT] "admin_port": there is no such option; it is ignored (did you mean [arqd] admin_port?)`}},
		{"an unknown section, once", []string{"[database]", "a = 1", "b = 2", "[database]"}, nil, []string{"FILE:1: section [database] is unknown and ignored"}},
		{"a misspelt section", []string{"[default]"}, nil, []string{"FILE:1: section [default] is unknown and ignored (did you mean [DEFAULT]?)"}},
		{"a section for later, once", []string{"[service_user]", "a = 1", "b = 2"}, nil, []string{"FILE:1: section [service_user] is not used yet"}},
		{"the sections of an agent", []string{"[agent]", "x = 1", "[gpu_devices]", "[vgpu_nvidia-35]", "[pci]"}, nil, nil},
		{"certificates without TLS", []string{"[ssl]", "key_file = k"}, nil, []string{"FILE:2: [ssl] key_file: is not used, because [api] enable_ssl_api is off"}},
		{"an unknown variable", nil, []string{"ARQD_X__Y=1"}, []string{"environment ARQD_X__Y: there is no such option; it is ignored"}},
		{"a misspelt variable", nil, []string{"ARQD_API__PROT=1"}, []string{"environment ARQD_API__PROT: there is no such option; it is ignored (did you mean ARQD_API__PORT?)"}},
		{"a variable in the wrong section", nil, []string{"ARQD_API__HOST=1"}, []string{"environment ARQD_API__HOST: there is no such option; it is ignored (did you mean ARQD_DEFAULT__HOST?)"}},
		{"a variable of a section for later", nil, []string{"ARQD_SERVICE_USER__REGION_NAME=1"}, []string{"environment ARQD_SERVICE_USER__REGION_NAME: section [service_user] is not used yet"}},
		{"variables of others", nil, []string{"ARQD_HOME=/x", "OTHER__X=1", "=C:=x"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := write(t, tt.file...)
			_, warnings, err := Load([]string{file}, tt.environ)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range warnings {
				if len(w.Where) > len(file) && w.Where[:len(file)] == file {
					w.Where = "FILE" + w.Where[len(file):]
				}
				got = append(got, w.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"port", "port", 0},
		{"port", "prot", 2},
		{"port", "ports", 1},
		{"port", "ort", 1},
		{"port", "", 99},
		{"", "", 0},
		{"host", "cost", 1},
		{"host_ip", "port", 99},
	} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
