package rest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
)

// serve gives a client of a handler.
func serve(t *testing.T, auth Auth, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := New(Options{URL: server.URL + "/accelerator/v2/", Auth: auth, Version: "2.3", Timeout: 20 * time.Second, Connections: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestRequestsAreAsClientsSendThem(t *testing.T) {
	id, instance := uuid.New(), uuid.New()
	c := serve(t, Fixed{{"X-Roles", "admin"}}, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", "1")
		_, _ = io.WriteString(w, strings.Join([]string{
			r.Method, r.URL.RequestURI(), r.Header.Get("Openstack-Api-Version"), r.Header.Get("X-Roles"), r.Header.Get("Content-Type"), string(body),
		}, "|"))
	})
	const from = "/accelerator/v2"
	for want, call := range map[string]func(context.Context) Answer{
		"GET|" + from + "/device_profiles?name=a+b|accelerator 2.3|admin||": func(ctx context.Context) Answer { return c.FindProfile(ctx, "a b") },
		"POST|" + from + "/accelerator_requests|accelerator 2.3|admin|application/json|" + `{"device_profile_name": "p"}`: func(ctx context.Context) Answer {
			return c.CreateARQs(ctx, CreateBody("p"))
		},
		"GET|" + from + "/accelerator_requests?limit=7&marker=" + id.String() + "|accelerator 2.3|admin||": func(ctx context.Context) Answer {
			return c.Page(ctx, 7, id)
		},
		"DELETE|" + from + "/accelerator_requests?arqs=" + id.String() + "," + instance.String() + "|accelerator 2.3|admin||": func(ctx context.Context) Answer {
			return c.Delete(ctx, id, instance)
		},
		"DELETE|" + from + "/accelerator_requests?instance=" + instance.String() + "|accelerator 2.3|admin||": func(ctx context.Context) Answer {
			return c.DeleteOfInstance(ctx, instance)
		},
	} {
		if a := call(t.Context()); string(a.Body) != want || !a.OK() || a.Outcome != "200" {
			t.Errorf("%+v: %s, want %s", a, a.Body, want)
		}
	}
}

// renewing is an Auth whose token is good from the second on.
type renewing struct {
	token   atomic.Int64
	renewed atomic.Int64
	err     error
}

func (r *renewing) Headers(context.Context) ([]Header, error) {
	return []Header{{"X-Auth-Token", strings.Repeat("x", int(r.token.Load()))}}, nil
}

func (r *renewing) Renew(_ context.Context, refused []Header) (bool, error) {
	r.renewed.Add(1)
	r.token.Store(int64(len(refused[0].Value)) + 1)
	return r.err == nil, r.err
}

func TestARefusedTokenIsRenewedOnce(t *testing.T) {
	for name, c := range map[string]struct {
		good, renewed int
		outcome       string
		err           error
	}{
		"the next is good":   {1, 1, "200", nil},
		"nor is the next":    {9, 1, "401", nil},
		"there is no other":  {9, 1, OutcomeToken, errors.New("Keystone is away")},
		"it was good anyway": {0, 0, "200", nil},
	} {
		t.Run(name, func(t *testing.T) {
			auth := &renewing{err: c.err}
			client := serve(t, auth, func(w http.ResponseWriter, r *http.Request) {
				if len(r.Header.Get("X-Auth-Token")) < c.good {
					w.WriteHeader(http.StatusUnauthorized)
				}
			})
			a := client.List(t.Context())
			if a.Outcome != c.outcome || int(auth.renewed.Load()) != c.renewed || a.Unanswered() {
				t.Errorf("%+v, %d times renewed", a, auth.renewed.Load())
			}
		})
	}
}

// TestNothingIsRepeated: what a service did not answer may have been done.
func TestNothingIsRepeated(t *testing.T) {
	var seen atomic.Int64
	c := serve(t, nil, func(_ http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		panic(http.ErrAbortHandler)
	})
	for _, call := range []func(context.Context) Answer{
		c.List, func(ctx context.Context) Answer { return c.CreateARQs(ctx, CreateBody("p")) },
	} {
		seen.Store(0)
		if a := call(t.Context()); a.Outcome != OutcomeConnection || !a.Unanswered() || a.Err == nil || seen.Load() != 1 {
			t.Errorf("%+v, %d requests", a, seen.Load())
		}
	}
}

// TestPatience: what was refused because there is too much to do is sent again
// when the service said, by who has the time. The load has none.
func TestPatience(t *testing.T) {
	var seen atomic.Int64
	status, after := 429, "0"
	hasty := serve(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		if seen.Add(1) < 3 {
			w.Header().Set("Retry-After", after)
			w.WriteHeader(status)
		}
	})
	for _, status = range []int{429, 503} {
		seen.Store(0)
		if a := hasty.List(t.Context()); a.Status != status || seen.Load() != 1 {
			t.Errorf("%+v after %d requests", a, seen.Load())
		}
		if a := hasty.Patient(time.Minute).List(t.Context()); a.Status != 200 || seen.Load() != 3 {
			t.Errorf("%+v after %d requests", a, seen.Load())
		}
	}
	after = "3600"
	seen.Store(0)
	if a := hasty.Patient(time.Minute).List(t.Context()); a.Status != 503 || seen.Load() != 1 {
		t.Errorf("more than a minute was waited for: %+v, %d requests", a, seen.Load())
	}
	after = ""
	seen.Store(0)
	if a := hasty.Patient(time.Minute).List(t.Context()); a.Status != 503 || seen.Load() != 1 {
		t.Errorf("a 503 that does not ask for it is sent again: %+v, %d requests", a, seen.Load())
	}
}

// TestWhatWasNotSentIsNotDone: nobody listens.
func TestWhatWasNotSentIsNotDone(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	c, err := New(Options{URL: "http://" + ln.Addr().String(), Timeout: time.Second, Connections: 1})
	if err != nil {
		t.Fatal(err)
	}
	if a := c.List(t.Context()); a.Outcome != OutcomeConnection || a.Unanswered() {
		t.Errorf("%+v", a)
	}
}

func TestCertificatesAreChecked(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	trusting := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	trusting.RootCAs.AddCert(server.Certificate())
	for outcome, conf := range map[string]*tls.Config{"200": trusting, OutcomeConnection: nil} {
		c, err := New(Options{URL: server.URL, TLS: conf, Timeout: 20 * time.Second, Connections: 1})
		if err != nil {
			t.Fatal(err)
		}
		if a := c.List(t.Context()); a.Outcome != outcome {
			t.Errorf("%+v, want %s", a, outcome)
		}
		c.Close()
	}
}

func TestTimeouts(t *testing.T) {
	c := serve(t, nil, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	c.timeout = 20 * time.Millisecond
	if a := c.List(t.Context()); a.Outcome != OutcomeTimeout || !a.Unanswered() {
		t.Errorf("%+v", a)
	}
}

func TestURLsAreChecked(t *testing.T) {
	for _, bad := range []string{"", "h:1", "ftp://h", "http://", "http://u:p@h/v2", "http://h/v2?x=1", "http://h:x"} {
		if _, err := New(Options{URL: bad, Timeout: time.Second}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	for url, want := range map[string]string{"https://h/v2": "h:443", "http://[::1]/": "[::1]:80", "http://h:9": "h:9"} {
		c, err := New(Options{URL: url, Timeout: time.Second})
		if err != nil || c.host.Addr != want || c.host.IsTLS != strings.HasPrefix(url, "https") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestATimeoutIsWanted(t *testing.T) {
	for _, bad := range []time.Duration{0, -time.Second} {
		if _, err := New(Options{URL: "http://h", Timeout: bad}); err == nil || !strings.Contains(err.Error(), "timeout") {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestPlaces(t *testing.T) {
	providers := []uuid.UUID{uuid.New(), uuid.New(), uuid.New(), uuid.New()}
	c := serve(t, nil, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/devices") {
			_, _ = io.WriteString(w, `{"devices": [{"hostname": "a"}, {"hostname": "a_b"}]}`)
			return
		}
		one := func(i int, name, class, handles string) string {
			return `{"name": "` + name + `", "rp_uuid": "` + providers[i].String() + `", "num_accelerators": ` + handles +
				`, "attributes_list": "[{\"traits1\": \"CUSTOM_X\"}, {\"rc\": \"` + class + `\"}]"}`
		}
		_, _ = io.WriteString(w, `{"deployables": [`+strings.Join([]string{
			one(0, "a_FakeDevice", "FPGA", "16"), one(1, "a_b_FakeDevice_1", "FPGA", "2"), one(2, "a_GPU", "GPU", "1"), one(3, "other_x", "FPGA", "1"),
		}, ",")+`]}`)
	})
	got, err := c.Places(t.Context(), "FPGA")
	want := []Place{{"a", providers[0], 16}, {"a_b", providers[1], 2}}
	if err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%v (%v), want %v", got, err, want)
	}
}
