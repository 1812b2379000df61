package config

import (
	"net/netip"
	"time"
)

// protectionOptions say what is believed of those who come through proxies and
// from web pages.
func protectionOptions() []Option {
	return []Option{
		opt("oslo_middleware", "enable_proxy_headers_parsing", "false", boolean(), func(c *Config) *bool { return &c.Middleware.ProxyHeaders },
			"Take scheme and host of links from the headers Forwarded or X-Forwarded-* of trusted_proxies, and the client's address for the log."),
		opt("oslo_middleware", "trusted_proxies", "", list(network(), "networks"), func(c *Config) *[]netip.Prefix { return &c.Middleware.TrustedProxies },
			"Addresses of the proxies in front, or networks of them, whose headers count. What others say in these headers is not looked at."),

		opt("cors", "allowed_origin", "", list(origin(), "origins"), func(c *Config) *[]string { return &c.CORS.AllowedOrigin },
			"Origins of web pages that may use the API from a browser, such as https://horizon.example.org; * is any, without credentials. Empty: none."),
		opt("cors", "allow_credentials", "true", boolean(), func(c *Config) *bool { return &c.CORS.AllowCredentials },
			"Let such pages send cookies and client certificates."),
		opt("cors", "expose_headers", "X-OpenStack-Request-ID, OpenStack-API-Version, OpenStack-API-Minimum-Version, OpenStack-API-Maximum-Version",
			list(word(), "names"), func(c *Config) *[]string { return &c.CORS.ExposeHeaders },
			"Headers of answers that such pages may read."),
		opt("cors", "max_age", "3600", seconds(0, 86400), func(c *Config) *time.Duration { return &c.CORS.MaxAge },
			"Time for which a browser need not ask again; 0: it is not said."),
		opt("cors", "allow_methods", "GET, POST, PATCH, DELETE", list(word(), "names"), func(c *Config) *[]string { return &c.CORS.AllowMethods },
			"Methods that such pages may use."),
		opt("cors", "allow_headers", "X-Auth-Token, X-OpenStack-Request-ID, OpenStack-API-Version", list(word(), "names"), func(c *Config) *[]string { return &c.CORS.AllowHeaders },
			"Headers that such pages may send, besides the harmless ones."),
	}
}
