// Package config reads arqd's configuration: ini files in the manner of
// oslo.config, then overrides from the environment, into one typed Config.
//
// Every option stands in one table (options.go); reading, checking, printing
// and docs/configuration.md all follow from it.
package config

import (
	"net/netip"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/http/openstack"
)

// Config is the whole configuration, a struct per section, every value
// checked. It is made by Load and not changed afterwards.
type Config struct {
	Default           Default
	API               API
	SSL               SSL
	Middleware        Middleware
	CORS              CORS
	KeystoneAuthtoken KeystoneAuthtoken
	Nova              Nova
	Placement         Placement
	Glance            Glance
	OsloPolicy        OsloPolicy
	Arqd              Arqd
	Agents            Agents
	Quota             Quota
	Fake              Fake

	// Those of an agent, made by LoadAgent.
	Agent      Agent
	GPUDevices GPUDevices
	PCI        PCI
	NICDevices NICDevices

	options  []Option
	settings map[key]setting
}

// Default is the section [DEFAULT].
type Default struct {
	Host      string // name of this service's host
	StatePath string // directory of everything that must survive
	Debug     bool
	LogFormat LogFormat
}

// API is the section [api]: the public REST listener.
type API struct {
	HostIP            string // address to listen on; never in brackets
	Port              int    // 0 is any free port
	PublicEndpoint    string // "" or an absolute http(s) URL without a trailing slash
	EnableSSLAPI      bool
	AuthStrategy      AuthStrategy
	MaxBodyBytes      int
	MaxHeaderBytes    int
	ReadTimeout       time.Duration
	IdleTimeout       time.Duration
	RequestTimeout    time.Duration
	MaxInflightWrites int
	OverloadPatience  time.Duration
	AccessLog         bool
	AuditLog          bool
	RateLimit         float64 // requests a second of a project; 0: any number
	RateBurst         int
}

// Middleware is the section [oslo_middleware].
type Middleware struct {
	ProxyHeaders   bool
	TrustedProxies []netip.Prefix
}

// CORS is the section [cors], as oslo.middleware names it.
type CORS struct {
	AllowedOrigin    []string // none: no CORS
	AllowCredentials bool
	ExposeHeaders    []string
	MaxAge           time.Duration
	AllowMethods     []string
	AllowHeaders     []string
}

// SSL is the section [ssl], as oslo.service names it; (*Config).TLSConfig
// reads the files.
type SSL struct {
	CertFile string
	KeyFile  string
	CAFile   string // "" when clients need no certificate
}

// ServiceUser is as whom arqd comes to another service, how and where: the part
// that several sections have in common.
type ServiceUser struct {
	Credentials openstack.Credentials
	Connection  openstack.Connection
	Region      string // "": any
}

// KeystoneAuthtoken is the section [keystone_authtoken].
type KeystoneAuthtoken struct {
	ServiceUser

	Interface                 string
	TokenCacheTime            time.Duration // not above 0: no cache
	ServiceTokenRoles         []string
	ServiceTokenRolesRequired bool
	ServiceType               string
	WWWAuthenticateURI        string // "": the default of the API server
}

// Placement is the section [placement].
type Placement struct {
	Client

	CheckInterval time.Duration
}

// Glance is the section [glance].
type Glance struct {
	Client

	DownloadTimeout time.Duration
	FunctionOwner   string // a project's id; "": whoever makes images public
}

// OsloPolicy is the section [oslo_policy].
type OsloPolicy struct {
	EnforceNewDefaults bool
	EnforceScope       bool
	// PolicyFile is where the overrides are, or would be: a file that nobody
	// asked for by name need not exist.
	PolicyFile string
}

// Arqd is the section [arqd]: what the reference has no option for.
type Arqd struct {
	HostCheck         HostCheck
	MdevCreatedBy     MdevCreatedBy
	AdminHost         string
	AdminPort         int // 0 is any free port
	BindTimeout       time.Duration
	HoldFailed        bool
	MaxARQsPerProfile int
	ShutdownTimeout   time.Duration
}

// Agents is the section [agents]: the listener for the agents of compute hosts.
// (*Config).AgentsTLS reads the files.
type Agents struct {
	SSL

	HostIP     string // address to listen on; never in brackets
	Port       int    // 0 is any free port
	TokenFile  string // "": only certificates count
	Lease      time.Duration
	DeadAfter  time.Duration
	HealthHold time.Duration
}

// Enabled tells whether agents are listened to: somebody must be able to show
// who he is.
func (a *Agents) Enabled() bool { return a.CAFile != "" || a.TokenFile != "" }

// Quota is the section [quota]: bounds for each project, 0 for none.
type Quota struct {
	MaxARQs        int
	MaxUnboundARQs int
}

// Fake is the section [fake]: the built-in devices that need no hardware.
type Fake struct {
	Hosts            []string // none: no fake devices
	DevicesPerHost   int
	HandlesPerDevice int
	OperationDelay   time.Duration
	FailImages       []uuid.UUID
}

// LogFormat says how log lines look.
type LogFormat string

// The log formats.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// AuthStrategy says whom the API believes.
type AuthStrategy string

// The authentication strategies.
const (
	// AuthNone makes every caller the one administrator.
	AuthNone AuthStrategy = "none"
	// AuthHeaders believes the identity headers of a proxy in front.
	AuthHeaders AuthStrategy = "headers"
	// AuthKeystone validates tokens with Keystone.
	AuthKeystone AuthStrategy = "keystone"
)

// MdevCreatedBy says who makes mediated devices.
type MdevCreatedBy string

// The values of mdev_created_by.
const (
	MdevByAgent MdevCreatedBy = "agent"
	MdevByNova  MdevCreatedBy = "nova"
)

// HostCheck says what becomes of a bind whose host is not the device's.
type HostCheck string

// The answers to a bind on another host.
const (
	HostCheckEnforce HostCheck = "enforce"
	HostCheckWarn    HostCheck = "warn"
	HostCheckOff     HostCheck = "off"
)
