package config

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/google/uuid"
)

// id is a uuid in its usual form.
func id() kind[uuid.UUID] {
	return kind[uuid.UUID]{name: "uuid", want: "a uuid", parse: func(s string) (uuid.UUID, bool) {
		u, err := uuid.Parse(s)
		return u, err == nil && len(s) == len(u.String())
	}}
}

var hostname = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$`)

// address is something to listen on: an IP address or a host name.
func address() kind[string] {
	return kind[string]{name: "address", want: "an IP address or a host name", parse: func(s string) (string, bool) {
		if _, err := netip.ParseAddr(s); err == nil {
			return s, true
		}
		numeric := strings.Trim(s, "0123456789.") == "" // a slip in an IP address
		return s, !numeric && len(s) <= 253 && hostname.MatchString(s)
	}}
}

// network is an IP address, or a network of them.
func network() kind[netip.Prefix] {
	return kind[netip.Prefix]{name: "network", want: "an IP address or a network such as 192.0.2.0/24", parse: func(s string) (netip.Prefix, bool) {
		if ip, err := netip.ParseAddr(s); err == nil {
			return netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()), ip.Zone() == ""
		}
		p, err := netip.ParsePrefix(s)
		return p.Masked(), err == nil
	}}
}

// origin is what a browser sends as the origin of a page, or * for any.
func origin() kind[string] {
	return kind[string]{name: "origin", want: "an origin such as https://horizon.example.org", parse: func(s string) (string, bool) {
		u, err := url.Parse(s)
		return s, s == "*" || err == nil && (u.Scheme == "http" || u.Scheme == "https") && s == u.Scheme+"://"+u.Host && u.Hostname() != ""
	}}
}

// link is an absolute URL of HTTP.
func link() kind[string] {
	return kind[string]{
		name: "URL", want: "a URL such as https://accelerator.example.org:6666",
		parse: func(s string) (string, bool) {
			u, err := url.Parse(s)
			ok := err == nil && (u.Scheme == "http" || u.Scheme == "https") &&
				u.Hostname() != "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil
			return strings.TrimRight(s, "/"), ok
		},
	}
}
