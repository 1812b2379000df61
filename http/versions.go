package http

import "github.com/valyala/fasthttp"

const (
	serviceName        = "OpenStack Accelerator API"
	serviceDescription = "arqd: accelerator requests, device profiles, devices and what they can do."
)

func showVersions(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	base := c.base()
	b := append(c.scratch(), `{"name": "`+serviceName+`", "description": "`+serviceDescription+`", "versions": [`...)
	b = appendVersion(b, `"v2"`, base, "/accelerator/v2")
	b = append(b, `], "default_version": `...)
	b = appendVersion(b, `"v2"`, base, "/accelerator/v2")
	c.json(fasthttp.StatusOK, append(b, '}'))
	return nil
}

func showVersion(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	c.json(fasthttp.StatusOK, appendVersion(c.scratch(), `"v2.0"`, c.base(), "/accelerator/v2/"))
	return nil
}

func appendVersion(b []byte, id string, base []byte, path string) []byte {
	b = append(b, `{"id": `...)
	b = append(b, id...)
	b = append(b, `, "status": "CURRENT", "max_version": "`+maxVersionText+`", "min_version": "`+minVersionText+
		`", "links": [{"href": "`...)
	b = append(b, base...)
	b = append(b, path...)
	return append(b, `", "rel": "self"}]}`...)
}
