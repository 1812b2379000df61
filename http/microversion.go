package http

import (
	"strings"

	"github.com/valyala/fasthttp"
)

// The microversions are 2.0 to 2.maxMinor; only the minor number is kept.
const (
	majorVersion = 2
	maxMinor     = 3

	serviceType   = "accelerator"
	versionHeader = "OpenStack-API-Version"

	minVersionText = "2.0"
	maxVersionText = "2.3"
)

// The minor versions that brought something.
const (
	minorProjectID    = 1 // /project_id in a bind
	minorProfileName  = 2 // a device profile shown by its name
	minorDeviceStatus = 3 // status of a device
)

// versionHeaders are those of an answer, per minor version.
var versionTexts = [maxMinor + 1]string{
	"accelerator 2.0", "accelerator 2.1", "accelerator 2.2", "accelerator 2.3",
}

var (
	errVersionUnparsable = &routeError{
		status:  fasthttp.StatusNotAcceptable,
		message: "OpenStack-API-Version: not a version of this service, such as \"accelerator 2.1\".",
	}
	errVersionRange = &routeError{
		status:   fasthttp.StatusNotAcceptable,
		message:  "OpenStack-API-Version: outside the versions 2.0 to 2.3.",
		versions: true,
	}
)

// negotiate gives the minor version that the header asks for. It may be a
// bare version, or a list of which the last element for this service counts;
// no header is 2.0.
func negotiate(header string) (int, error) {
	header = strings.Trim(header, " \t")
	if header == "" {
		return 0, nil
	}
	if !strings.ContainsAny(header, ",\n \t") {
		return minorOf(header)
	}
	for header != "" {
		var last string
		if comma := strings.LastIndexAny(header, ",\n"); comma >= 0 {
			header, last = header[:comma], header[comma+1:]
		} else {
			header, last = "", header
		}
		if version, ok := ofThisService(strings.Trim(last, " \t")); ok {
			return minorOf(version)
		}
	}
	return 0, errVersionUnparsable
}

// ofThisService splits "accelerator 2.1".
func ofThisService(element string) (version string, ok bool) {
	blank := strings.IndexAny(element, " \t")
	if blank < 0 || !strings.EqualFold(element[:blank], serviceType) {
		return "", false
	}
	return strings.Trim(element[blank:], " \t"), true
}

func minorOf(version string) (int, error) {
	if strings.EqualFold(version, "latest") {
		return maxMinor, nil
	}
	majorText, minorText, found := strings.Cut(version, ".")
	major, majorOK := pythonInt(majorText)
	minor, minorOK := pythonInt(minorText)
	if !found || !majorOK || !minorOK {
		return 0, errVersionUnparsable
	}
	if major != majorVersion || minor < 0 || minor > maxMinor {
		return 0, errVersionRange
	}
	return minor, nil
}

// pythonInt reads a number as the reference does: a sign and leading zeros
// are fine, so that "-2.1" is out of range rather than unparsable. Large
// numbers come back as some large number.
func pythonInt(s string) (int, bool) {
	negative := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		negative, s = s[0] == '-', s[1:]
	}
	if s == "" {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = min(n*10+int(s[i]-'0'), 1<<20)
	}
	if negative {
		n = -n
	}
	return n, true
}

var (
	headerVary       = []byte("Vary")
	headerMinVersion = []byte("OpenStack-API-Minimum-Version")
	headerMaxVersion = []byte("OpenStack-API-Maximum-Version")
	headerVersion    = []byte(versionHeader)

	valueVary       = []byte(versionHeader)
	valueMinVersion = []byte(minVersionText)
	valueMaxVersion = []byte(maxVersionText)
)

func (c *call) writeVersionRange() {
	h := &c.ctx.Response.Header
	h.SetCanonical(headerVary, valueVary)
	h.SetCanonical(headerMinVersion, valueMinVersion)
	h.SetCanonical(headerMaxVersion, valueMaxVersion)
}

// negotiate fixes the version of the call; the answer, good or bad, says it.
func (c *call) negotiate() error {
	minor, err := negotiate(c.headers.Header(versionHeader))
	if err != nil {
		return err
	}
	c.minor = minor
	c.writeVersionRange()
	c.ctx.Response.Header.SetCanonical(headerVersion, bytesOf(versionTexts[minor]))
	return nil
}
