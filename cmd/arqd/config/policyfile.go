package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// resolvePolicyFile finds [oslo_policy] policy_file. Under its default name it
// may be absent; then the path says where it would be.
func (c *Config) resolvePolicyFile(files []string) error {
	name := c.OsloPolicy.PolicyFile
	places := policyPlaces(name, files)
	for _, place := range places {
		switch err := readable(place); {
		case err == nil:
			c.OsloPolicy.PolicyFile = place
			return nil
		case !errors.Is(err, fs.ErrNotExist):
			return c.fault("oslo_policy", "policy_file", "%w", err)
		}
	}
	if !c.settings[key{"oslo_policy", "policy_file"}].from.isDefault() {
		return c.fault("oslo_policy", "policy_file", "there is no %s", strings.Join(places, " nor "))
	}
	c.OsloPolicy.PolicyFile = places[0]
	return nil
}

// policyPlaces lists where a policy file is looked for, the first first.
func policyPlaces(name string, files []string) []string {
	if filepath.IsAbs(name) {
		return []string{name}
	}
	var places []string
	seen := make(map[string]bool)
	for i := len(files); i >= 0; i-- {
		place := name // last: the working directory
		if i > 0 {
			place = filepath.Join(filepath.Dir(files[i-1]), name)
		}
		if !seen[place] {
			seen[place] = true
			places = append(places, place)
		}
	}
	return places
}

func readable(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	}
	return err
}
