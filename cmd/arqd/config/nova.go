package config

// Nova is the section [nova]: as whom and where Nova is told of binds.
type Nova struct{ Client }

// novaOptions is [nova]. A service that has Keystone check tokens has Nova to
// tell, so there it needs no section.
func novaOptions() []Option {
	options := clientOptions("nova", "compute", func(c *Config) *Client { return &c.Nova.Client })
	options[0].Help = "Whether Nova is told what became of binds; events are only logged otherwise. auto: if auth_url is set here, or [api] auth_strategy is keystone. Without an auth_url here arqd comes as the user of [keystone_authtoken]."
	return options
}

// settleNova turns auto on where tokens are checked with Keystone.
func (c *Config) settleNova() {
	if c.Nova.Use == UseAuto && c.API.AuthStrategy == AuthKeystone {
		c.Nova.Use = UseTrue
	}
}
