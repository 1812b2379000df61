package openstacktest

import (
	"errors"
	"os"
	"path/filepath"
)

// Placement is a real Placement.
type Placement struct{ *Daemon }

// StartPlacement starts a Placement; its database begins empty.
func StartPlacement() (*Placement, error) {
	d, err := newDaemon("placement", "/", "")
	if err != nil {
		return nil, err
	}
	err = d.begin(map[string]string{"placement.conf": placementConf, "uwsgi.ini": placementIni},
		"/usr/bin/placement-manage", "--config-file", filepath.Join(d.dir, "placement.conf"), "db", "sync")
	if err != nil {
		d.Close()
		return nil, err
	}
	return &Placement{d}, nil
}

// StartEmpty starts it again after Kill, with nothing of what it was told: as one
// whose database was lost.
func (p *Placement) StartEmpty() error {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(filepath.Join(p.dir, "placement.db"+suffix)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := p.makeDatabase(); err != nil {
		return err
	}
	return p.Start()
}

const placementConf = `[DEFAULT]
use_stderr = true
[api]
auth_strategy = noauth2
[placement_database]
connection = sqlite:///@DIR@/placement.db
sqlite_synchronous = false
[oslo_policy]
policy_file = @DIR@/policy.yaml
`

const placementIni = uwsgiIni + `wsgi-file = /usr/bin/placement-api
env = OS_PLACEMENT_CONFIG_DIR=@DIR@
`

// One process, so that killing it is killing all of it. The connection is
// closed after each answer, and says so: otherwise clients would race it.
const uwsgiIni = `[uwsgi]
plugins = python3
http-socket = @ADDRESS@
need-app = true
add-header = Connection: close
post-buffering = 65536
buffer-size = 65535
die-on-term = true
disable-logging = true
listen = 100
chdir = @DIR@
`
