package http

import (
	"bytes"
	"slices"
	"strings"

	"github.com/fasthttp/router"
	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/http/auth"
)

// route is one line of the table below.
type route struct {
	method  string
	pattern string // below the mount points; the label in the metrics
	rule    string // of the policy; none for public routes
	handle  func(*call) error

	public      bool           // needs no token, and is served before the service is ready
	unversioned bool           // ignores the microversion header
	count       *routeCounters // nil: not counted for one method
}

// mounts are where the resources are served: the links of answers lead below
// /accelerator, and without /v2 the default version, v2, answers.
var mounts = []string{"/v2", "", "/accelerator/v2", "/accelerator"}

const (
	get    = fasthttp.MethodGet
	post   = fasthttp.MethodPost
	patch  = fasthttp.MethodPatch
	remove = fasthttp.MethodDelete
)

// resourceRoutes is the table of everything below the mount points.
func (s *Server) resourceRoutes() []route {
	return []route{
		{method: get, pattern: "/device_profiles", rule: auth.RuleProfileGetAll, handle: listProfiles},
		{method: post, pattern: "/device_profiles", rule: auth.RuleProfileCreate, handle: createProfile},
		{method: remove, pattern: "/device_profiles", rule: auth.RuleProfileDelete, handle: deleteProfiles},
		{method: get, pattern: "/device_profiles/{id}", rule: auth.RuleProfileGetOne, handle: showProfile},
		{method: remove, pattern: "/device_profiles/{id}", rule: auth.RuleProfileDelete, handle: deleteProfile},

		{method: get, pattern: "/accelerator_requests", rule: auth.RuleARQGetAll, handle: listARQs},
		{method: post, pattern: "/accelerator_requests", rule: auth.RuleARQCreate, handle: createARQs},
		{method: patch, pattern: "/accelerator_requests", rule: auth.RuleARQUpdate, handle: patchARQs},
		{method: remove, pattern: "/accelerator_requests", rule: auth.RuleARQDelete, handle: deleteARQs},
		{method: get, pattern: "/accelerator_requests/{id}", rule: auth.RuleARQGetOne, handle: showARQ},
		{method: patch, pattern: "/accelerator_requests/{id}", rule: auth.RuleARQUpdate, handle: patchARQ},
		{method: remove, pattern: "/accelerator_requests/{id}", rule: auth.RuleARQDelete, handle: deleteARQ},

		{method: get, pattern: "/devices", rule: auth.RuleDeviceGetAll, handle: listDevices},
		{method: get, pattern: "/devices/{id}", rule: auth.RuleDeviceGetOne, handle: showDevice},
		{method: post, pattern: "/devices/{id}/enable", rule: auth.RuleDeviceEnable, handle: enableDevice},
		{method: post, pattern: "/devices/{id}/disable", rule: auth.RuleDeviceDisable, handle: disableDevice},
		{method: post, pattern: "/devices/enable", rule: auth.RuleDeviceEnable, handle: deviceMissing},
		{method: post, pattern: "/devices/disable", rule: auth.RuleDeviceDisable, handle: deviceMissing},

		{method: get, pattern: "/deployables", rule: auth.RuleDeployableGetAll, handle: listDeployables},
		{method: get, pattern: "/deployables/{id}", rule: auth.RuleDeployableGetOne, handle: showDeployable},
		{method: patch, pattern: "/deployables/{id}/program", rule: auth.RuleDeployableProgram, handle: programDeployable},

		{method: get, pattern: "/attributes", rule: auth.RuleAttributeGetAll, handle: listAttributes},
		{method: post, pattern: "/attributes", rule: auth.RuleAttributeCreate, handle: createAttribute},
		{method: get, pattern: "/attributes/{id}", rule: auth.RuleAttributeGetOne, handle: showAttribute},
		{method: remove, pattern: "/attributes/{id}", rule: auth.RuleAttributeDelete, handle: deleteAttribute},
	}
}

// documentRoutes are the version documents.
func documentRoutes() map[string]route {
	root := route{method: get, pattern: "/", handle: showVersions, public: true, unversioned: true}
	v2 := route{method: get, pattern: "/v2", handle: showVersion, public: true}
	return map[string]route{"/": root, "/accelerator": root, "/v2": v2, "/accelerator/v2": v2}
}

// newRouter mounts the table. Redirects and repairs of paths are off: a path
// is what was sent.
func (s *Server) newRouter() *router.Router {
	r := router.New()
	r.RedirectTrailingSlash = false
	r.RedirectFixedPath = false
	r.HandleMethodNotAllowed = false
	r.HandleOPTIONS = false
	r.NotFound = s.noRoute

	for path, doc := range documentRoutes() {
		s.mount(r, path, []route{doc})
	}
	byPattern := map[string][]route{}
	for _, route := range s.resourceRoutes() {
		byPattern[route.pattern] = append(byPattern[route.pattern], route)
	}
	for _, mount := range mounts {
		for pattern, routes := range byPattern {
			s.mount(r, mount+pattern, routes)
		}
	}
	return r
}

// mount registers the routes of one path, and for all other methods 405.
func (s *Server) mount(r *router.Router, path string, routes []route) {
	var methods []string
	for i := range routes {
		entry := routes[i]
		entry.count = s.metrics.routeCounters(entry.method, labelOf(entry.pattern))
		methods = append(methods, entry.method)
		r.Handle(entry.method, path, func(ctx *fasthttp.RequestCtx) { s.dispatch(callOf(ctx), &entry) })
	}
	slices.Sort(methods)
	allow := strings.Join(methods, ", ")
	other := route{pattern: routes[0].pattern, public: routes[0].public}
	r.ANY(path, func(ctx *fasthttp.RequestCtx) { s.otherMethod(callOf(ctx), &other, allow) })
}

// labelOf is the pattern below /v2, which stands for all mount points.
func labelOf(pattern string) string {
	if pattern == "/" || pattern == "/v2" {
		return pattern
	}
	return "/v2" + pattern
}

func (s *Server) dispatch(c *call, r *route) {
	c.route = r
	if err := s.run(c); err != nil {
		c.fail(err)
	}
}

// noRoute answers 404, but not to strangers: what exists is for those with a
// token to know.
func (s *Server) noRoute(ctx *fasthttp.RequestCtx) {
	c := callOf(ctx)
	if err := s.admit(c); err != nil {
		c.fail(err)
		return
	}
	c.fail(errNoRoute)
}

// otherMethod is for the methods that a path has no route for.
func (s *Server) otherMethod(c *call, r *route, allow string) {
	c.route = r
	if !r.public {
		if err := s.admit(c); err != nil {
			c.fail(err)
			return
		}
	}
	if c.ctx.IsOptions() {
		c.ctx.Response.Header.Set(fasthttp.HeaderAllow, allow)
		c.empty(fasthttp.StatusNoContent)
		return
	}
	c.fail(&routeError{
		status: fasthttp.StatusMethodNotAllowed, allow: allow,
		message: "The method is not allowed for this resource.",
	})
}

// stripTrailingSlashes makes /v2/devices of /v2/devices//, in the bytes that
// were sent: the engine would read a leading // as the begin of a host name,
// and %2e%2e as a way up.
func stripTrailingSlashes(ctx *fasthttp.RequestCtx) {
	uri := ctx.Request.URI()
	path := uri.PathOriginal()
	if sent := ctx.RequestURI(); len(sent) > 0 && sent[0] == '/' {
		path, _, _ = bytes.Cut(sent, []byte{'?'})
	}
	path = bytes.TrimRight(path, "/")
	if len(path) == 0 || path[0] != '/' {
		path = append([]byte{'/'}, path...)
	}
	if !bytes.Equal(path, uri.PathOriginal()) {
		uri.SetPathBytes(path)
	}
}
