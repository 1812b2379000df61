package openstacktest

import (
	"maps"
	"net/http"
	"path/filepath"
	"testing"
)

// Glance is a real Glance with files for a store. Its paths begin with /v2 at
// the door only.
type Glance struct{ *Daemon }

// StartGlance starts a Glance; it begins without images.
func StartGlance() (*Glance, error) {
	d, err := newDaemon("glance", "/images", "/v2")
	if err != nil {
		return nil, err
	}
	err = d.begin(map[string]string{
		"glance-api.conf": glanceConf, "glance-api-paste.ini": glancePaste, "uwsgi.ini": glanceIni,
		"wsgi.py": glanceApplication, "policy.yaml": "\"publicize_image\": \"\"\n",
	}, "/usr/bin/python3", "-c", "from glance.cmd.manage import main; main()",
		"--config-file", filepath.Join(d.dir, "glance-api.conf"), "db_sync")
	if err != nil {
		d.Close()
		return nil, err
	}
	return &Glance{d}, nil
}

// Create makes an image of the content; members are those of its description.
func (g *Glance) Create(t *testing.T, id string, content []byte, members map[string]any) {
	t.Helper()
	body := map[string]any{"id": id, "name": id, "disk_format": "raw", "container_format": "bare", "visibility": "public"}
	maps.Copy(body, members)
	if status, text := g.Call(t, http.MethodPost, "/images", body); status != http.StatusCreated {
		t.Fatalf("image: %d %s", status, text)
	}
	if content == nil {
		return
	}
	if status, text := g.Call(t, http.MethodPut, "/images/"+id+"/file", content); status != http.StatusNoContent {
		t.Fatalf("content: %d %s", status, text)
	}
}

const glanceConf = `[DEFAULT]
use_stderr = true
enabled_backends = files:file
[database]
connection = sqlite:///@DIR@/glance.db
sqlite_synchronous = false
[glance_store]
default_backend = files
[files]
filesystem_store_datadir = @DIR@/images
[paste_deploy]
config_file = @DIR@/glance-api-paste.ini
[oslo_policy]
policy_file = @DIR@/policy.yaml
`

// Everybody is the administrator.
const glancePaste = `[pipeline:glance-api]
pipeline = context api
[filter:context]
paste.filter_factory = glance.api.middleware.context:UnauthenticatedContextMiddleware.factory
[app:api]
paste.app_factory = glance.api.v2.router:API.factory
`

const glanceApplication = `from glance.common.wsgi_app import init_app
application = init_app()
`

const glanceIni = uwsgiIni + `wsgi-file = @DIR@/wsgi.py
enable-threads = true
env = OS_GLANCE_CONFIG_DIR=@DIR@
`
