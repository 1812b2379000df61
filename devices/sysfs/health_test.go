package sysfs_test

import (
	"maps"
	"testing"

	"github.com/arqd/arqd/devices"
)

func TestHealth(t *testing.T) {
	type errors = map[devices.ErrorCounter]uint64
	for name, tt := range map[string]struct {
		files      map[string]string
		unreadable []string
		want       devices.HealthState
		errors     errors
	}{
		"nothing to complain of": {
			files: map[string]string{
				"aer_dev_fatal": "DLP 0\nTOTAL_ERR_FATAL 0", "aer_dev_nonfatal": "TOTAL_ERR_NONFATAL 0", "config": "\xde\x10 and more",
			},
			want: devices.HealthOK, errors: errors{devices.ErrorsFatal: 0, devices.ErrorsNonfatal: 0},
		},
		"without counters":     {want: devices.HealthOK},
		"rubbish for counters": {files: map[string]string{"aer_dev_fatal": "TOTAL_ERR_FATAL many", "aer_dev_nonfatal": ""}, want: devices.HealthOK},
		"unreadable counters":  {unreadable: []string{"aer_dev_fatal", "aer_dev_nonfatal", "config", "max_link_width"}, want: devices.HealthOK},
		"dropped off the bus":  {files: map[string]string{"config": "\xff\xff\xff\xff"}, want: devices.HealthGone},
		"a config of one byte": {files: map[string]string{"config": ""}, want: devices.HealthOK},
		"errors are counted, and judged by others": {
			files:  map[string]string{"aer_dev_fatal": "DLP 2\nTOTAL_ERR_FATAL 2", "aer_dev_nonfatal": "TOTAL_ERR_NONFATAL 18446744073709551615"},
			want:   devices.HealthOK,
			errors: errors{devices.ErrorsFatal: 2, devices.ErrorsNonfatal: 1<<64 - 1},
		},
		"lanes missing":           {files: map[string]string{"current_link_width": "8"}, want: devices.HealthDegraded},
		"a link that saves power": {files: map[string]string{"current_link_speed": "2.5 GT/s PCIe"}, want: devices.HealthOK},
		"an unknown link":         {files: map[string]string{"current_link_width": "0", "max_link_width": "255"}, want: devices.HealthOK},
	} {
		t.Run(name, func(t *testing.T) {
			f := gpu("0000:02:00.0")
			f.Files, f.Unreadable = tt.files, tt.unreadable
			h, err := tree(t, f).Health(t.Context(), address(t, "0000:02:00.0"))
			if err != nil || h.State != tt.want {
				t.Errorf("%+v, %v; want %s", h, err, tt.want)
			}
			if (h.State == devices.HealthOK) != (len(h.Reasons) == 0) {
				t.Errorf("reasons %q", h.Reasons)
			}
			if !maps.Equal(h.Errors, tt.errors) {
				t.Errorf("counted %v, want %v", h.Errors, tt.errors)
			}
		})
	}
	bad := gpu("0000:02:00.0")
	bad.Unreadable = []string{"vendor"}
	if h, err := tree(t, bad).Health(t.Context(), address(t, "0000:02:00.0")); err == nil {
		t.Errorf("of an unreadable function: %+v", h)
	}
	if h, err := tree(t, bad).Health(t.Context(), address(t, "0000:03:00.0")); err != nil || h.State != devices.HealthGone {
		t.Errorf("of a function that is not there: %+v, %v", h, err)
	}
}
