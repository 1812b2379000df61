package config

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// Options gives the table of all options, sections and names in the order in
// which they are printed and documented.
func Options() []Option {
	return slices.Concat(apiOptions(), keystoneOptions(), novaOptions(), placementOptions(), glanceOptions(), arqdOptions(), agentsOptions(),
		protectionOptions())
}

// placementOptions is [placement], with the names of the reference.
func placementOptions() []Option {
	const group = "placement"
	return append(clientOptions(group, "placement", func(c *Config) *Client { return &c.Placement.Client }),
		opt(group, "check_interval", "600", seconds(1, 86400), func(c *Config) *time.Duration { return &c.Placement.CheckInterval },
			"Time after which a device is compared with what Placement has, more or less by chance, though nothing was changed here."),
	)
}

// glanceOptions is [glance], with the names of the reference.
func glanceOptions() []Option {
	const group = "glance"
	return append(clientOptions(group, "image", func(c *Config) *Client { return &c.Glance.Client }),
		opt(group, "download_timeout", "600", seconds(1, 86400), func(c *Config) *time.Duration { return &c.Glance.DownloadTimeout },
			"Time to read an image."),
		opt(group, "function_owner", "", text(), func(c *Config) *string { return &c.Glance.FunctionOwner },
			"Id of the project whose images may be asked for by accel:function_id. Empty: public images of any project, which only administrators can make; others could offer images for a function otherwise."),
	)
}

func apiOptions() []Option {
	return []Option{
		opt("DEFAULT", "host", "", word(), func(c *Config) *string { return &c.Default.Host },
			"Name of this host, as the service calls itself.").orMachine("the machine's host name"),
		opt("DEFAULT", "state_path", "arqd-state", path(), func(c *Config) *string { return &c.Default.StatePath },
			"Directory of everything that must survive a restart; made when it is absent. A relative path starts at the working directory."),
		opt("DEFAULT", "debug", "false", boolean(), func(c *Config) *bool { return &c.Default.Debug },
			"Log at level debug instead of info.").reloadable(),
		opt("DEFAULT", "log_format", "text", choice(LogText, LogJSON), func(c *Config) *LogFormat { return &c.Default.LogFormat },
			"Form of the log lines on standard error."),

		opt("api", "host_ip", "127.0.0.1", address(), func(c *Config) *string { return &c.API.HostIP },
			"Address on which the API listens."),
		opt("api", "port", "6666", port(), func(c *Config) *int { return &c.API.Port },
			"Port on which the API listens; 0 takes any free one."),
		opt("api", "public_endpoint", "", optional(link()), func(c *Config) *string { return &c.API.PublicEndpoint },
			"URL under which clients reach the API, for the links in its answers. Empty: taken from each request."),
		opt("api", "enable_ssl_api", "false", boolean(), func(c *Config) *bool { return &c.API.EnableSSLAPI },
			"Serve the API over TLS, with the files of [ssl]."),
		opt("api", "auth_strategy", "none", choice(AuthNone, AuthHeaders, AuthKeystone), func(c *Config) *AuthStrategy { return &c.API.AuthStrategy },
			"Whom the API believes. none: every caller is the administrator, on a loopback address only. headers: the identity headers that an authenticating proxy sets, on a loopback address or from peers with a certificate of [ssl] ca_file. keystone: tokens that Keystone checks, see [keystone_authtoken]."),
		opt("api", "max_body_bytes", "1048576", integer(1024, 64<<20), func(c *Config) *int { return &c.API.MaxBodyBytes },
			"Longest request body; a longer one is answered 413."),
		opt("api", "max_header_bytes", "16384", integer(4096, 1<<20), func(c *Config) *int { return &c.API.MaxHeaderBytes },
			"Longest request line and headers together; longer ones are answered 431. Each open connection holds a buffer of this size."),
		opt("api", "read_timeout", "30", seconds(0.1, 3600), func(c *Config) *time.Duration { return &c.API.ReadTimeout },
			"Time for a client to send a whole request; up to a sixteenth more may pass."),
		opt("api", "idle_timeout", "120", seconds(0.1, 86400), func(c *Config) *time.Duration { return &c.API.IdleTimeout },
			"Time after which an idle connection is closed; up to a sixteenth more may pass."),
		opt("api", "request_timeout", "30", seconds(0.1, 3600), func(c *Config) *time.Duration { return &c.API.RequestTimeout },
			"Time after which a request that is not decided is answered 503."),
		opt("api", "max_inflight_writes", "4096", integer(1, 1<<20), func(c *Config) *int { return &c.API.MaxInflightWrites },
			"Changing requests at the same time, in work and waiting for their turn; further ones are answered 503 at once. No project can fill all of it."),
		opt("api", "overload_patience", "1", seconds(0, 60), func(c *Config) *time.Duration { return &c.API.OverloadPatience },
			"Time for which a changing request waits for its turn while more come than can be done, before it is answered 503; four times as long with a valid service token. 0: no request waits, and only max_inflight_writes bounds them."),
		opt("api", "access_log", "true", boolean(), func(c *Config) *bool { return &c.API.AccessLog },
			"Write a log line for each request. Faults are logged either way."),
		opt("api", "audit_log", "true", boolean(), func(c *Config) *bool { return &c.API.AuditLog },
			"Write a log line for each request that changes something, also for one that is refused: who, what, outcome. It takes the place of the line of access_log. What is refused because there is too much to do has no line of its own: one a second says how many."),
		opt("api", "rate_limit", "0", rate(), func(c *Config) *float64 { return &c.API.RateLimit },
			"Requests a second that a project may send; 0: no limit. Further ones are answered 429, with the time to wait. Requests with a valid service token do not count: what Nova cleans up is not repeated when it is refused."),
		opt("api", "rate_burst", "100", integer(1, 1<<20), func(c *Config) *int { return &c.API.RateBurst },
			"Requests that a project may send at once within rate_limit, after it has been still."),

		opt("ssl", "cert_file", "", optional(path()), func(c *Config) *string { return &c.SSL.CertFile },
			"Certificate of the API, PEM, intermediates after it. A changed file is taken over within ten seconds.").reloadable(),
		opt("ssl", "key_file", "", optional(path()), func(c *Config) *string { return &c.SSL.KeyFile },
			"Private key of the certificate, PEM.").reloadable(),
		opt("ssl", "ca_file", "", optional(path()), func(c *Config) *string { return &c.SSL.CAFile },
			"Certificate authorities, PEM. When set, every client must show a certificate of one of them.").reloadable(),
	}
}

// agentsOptions is [agents]: where agents of compute hosts connect to.
func agentsOptions() []Option {
	const group = "agents"
	return []Option{
		opt(group, "host_ip", "127.0.0.1", address(), func(c *Config) *string { return &c.Agents.HostIP },
			"Address on which agents are listened to. Nobody is, unless ca_file or token_file is set."),
		opt(group, "port", "6668", port(), func(c *Config) *int { return &c.Agents.Port },
			"Port on which agents are listened to; 0 takes any free one."),
		opt(group, "cert_file", "", optional(path()), func(c *Config) *string { return &c.Agents.CertFile },
			"Certificate of this listener, PEM, intermediates after it. A changed file is taken over within ten seconds; so are the next two.").reloadable(),
		opt(group, "key_file", "", optional(path()), func(c *Config) *string { return &c.Agents.KeyFile },
			"Private key of the certificate, PEM.").reloadable(),
		opt(group, "ca_file", "", optional(path()), func(c *Config) *string { return &c.Agents.CAFile },
			"Certificate authorities of agents, PEM. An agent is the host that its certificate names (DNS name or common name), and its devices begin with one of these names. Needs cert_file and key_file.").reloadable(),
		opt(group, "token_file", "", optional(path()), func(c *Config) *string { return &c.Agents.TokenFile },
			"File with a line per host: name, token of at least 16 characters, other names that its devices may begin with. For development, or where there are no certificates: without cert_file and key_file only on a loopback address. A changed file is taken over within ten seconds.").reloadable(),
		opt(group, "lease", "30", seconds(1, 600), func(c *Config) *time.Duration { return &c.Agents.Lease },
			"Time without a sign of life after which a host is stale: what needs its agent is refused. Agents are told, and send one three times as often."),
		opt(group, "dead_after", "300", seconds(0, 86400), func(c *Config) *time.Duration { return &c.Agents.DeadAfter },
			"Time that a host is only stale. Then it takes no bind at all, and what it has is reserved in Placement until its agent is back."),
		opt(group, "health_hold", "300", seconds(1, 86400), func(c *Config) *time.Duration { return &c.Agents.HealthHold },
			"Time that a device has to be well before it leaves its quarantine, or is no longer degraded."),
	}
}

func arqdOptions() []Option {
	return []Option{
		opt("oslo_policy", "enforce_new_defaults", "true", boolean(), func(c *Config) *bool { return &c.OsloPolicy.EnforceNewDefaults },
			"Use the newer of the two sets of default rules, the one with the roles reader, member and admin."),
		opt("oslo_policy", "enforce_scope", "true", boolean(), func(c *Config) *bool { return &c.OsloPolicy.EnforceScope },
			"Refuse tokens whose scope a rule is not for: the API is for tokens with a project. When off, tokens with a domain or with system scope pass by their roles."),
		opt("oslo_policy", "policy_file", "policy.yaml", path(), func(c *Config) *string { return &c.OsloPolicy.PolicyFile },
			"Rules that replace default ones. A relative path is looked for beside the configuration files, the last first, then in the working directory. It must exist if it is set here."),

		opt("arqd", "host_check", "enforce", choice(HostCheckEnforce, HostCheckWarn, HostCheckOff), func(c *Config) *HostCheck { return &c.Arqd.HostCheck },
			"What to do when a bind names another host than the device's, and not its resource provider either: enforce gives no handle of that device, warn only logs it, off is silent."),
		opt("arqd", "mdev_created_by", "agent", choice(MdevByAgent, MdevByNova), func(c *Config) *MdevCreatedBy { return &c.Arqd.MdevCreatedBy },
			"Who makes the mediated device of a handle. agent: the host's agent, as the handle is bound, and it removes it afterwards. nova: nobody here; Nova has the uuid of the handle and, in its info, asked_type. To be changed while no such handle is bound."),
		opt("arqd", "admin_host", "127.0.0.1", address(), func(c *Config) *string { return &c.Arqd.AdminHost },
			"Address of the operators' listener: metrics and health, without authentication."),
		opt("arqd", "admin_port", "6667", port(), func(c *Config) *int { return &c.Arqd.AdminPort },
			"Port of the operators' listener; 0 takes any free one."),
		opt("arqd", "bind_timeout", "60", seconds(0.1, 86400), func(c *Config) *time.Duration { return &c.Arqd.BindTimeout },
			"Time after which a bind whose device is not prepared has failed."),
		opt("arqd", "hold_failed", "true", boolean(), func(c *Config) *bool { return &c.Arqd.HoldFailed },
			"Show a bind that fails after it was accepted as BindStarted, while Nova is told so again and again, until its accelerator requests are unbound or deleted or 300 seconds have passed: Nova boots an instance without the device when it sees BindFailed before it waits, and forgets what it is told before. Only where Nova is told of binds, see [nova] enabled."),
		opt("arqd", "max_arqs_per_profile", "256", integer(1, 65536), func(c *Config) *int { return &c.Arqd.MaxARQsPerProfile },
			"Most accelerator requests that one device profile may ask for."),
		opt("arqd", "shutdown_timeout", "30", seconds(0, 3600), func(c *Config) *time.Duration { return &c.Arqd.ShutdownTimeout },
			"Time that requests in work get to finish when the service stops."),

		opt("quota", "max_arqs_per_project", "0", integer(0, 1<<30), func(c *Config) *int { return &c.Quota.MaxARQs },
			"Most accelerator requests that a project may have; 0: no limit. A create beyond it is answered 403."),
		opt("quota", "max_unbound_arqs_per_project", "0", integer(0, 1<<30), func(c *Config) *int { return &c.Quota.MaxUnboundARQs },
			"Most accelerator requests of a project that are not bound to an instance; 0: no limit."),

		opt("fake", "hosts", "$host", list(word(), "names"), func(c *Config) *[]string { return &c.Fake.Hosts },
			"Hosts that have built-in fake devices; the default is [DEFAULT] host. Empty: no fake devices."),
		opt("fake", "devices_per_host", "1", integer(0, 4096), func(c *Config) *int { return &c.Fake.DevicesPerHost },
			"Fake devices of each such host."),
		opt("fake", "handles_per_device", "16", integer(1, 65536), func(c *Config) *int { return &c.Fake.HandlesPerDevice },
			"Attach handles of each fake device."),
		opt("fake", "operation_delay", "0", milliseconds(0, 3600000), func(c *Config) *time.Duration { return &c.Fake.OperationDelay },
			"Time that programming a fake device takes."),
		opt("fake", "fail_images", "", list(id(), "uuids"), func(c *Config) *[]uuid.UUID { return &c.Fake.FailImages },
			"Images with which programming a fake device fails."),
	}
}
