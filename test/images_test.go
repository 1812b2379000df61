package test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// imagesForClient is as much of an image service as the command line client
// looks at before it names an image to the accelerator service: there is one,
// of version 2, and it has every image.
func imagesForClient(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(nil)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			fmt.Fprintf(w, `{"versions": [{"id": "v2.9", "status": "CURRENT", "links": [{"rel": "self", "href": "%s/v2/"}]}]}`, s.URL)
			return
		}
		fmt.Fprint(w, `{}`)
	})
	t.Cleanup(s.Close)
	return s.URL
}
