package bench

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/bench/rest"
	"github.com/arqd/arqd/http/openstack/openstacktest"
)

// asked is a service and the GETs of its ARQs, as those come who may see them.
type asked struct {
	*service
	shows [][]byte
}

// What a known token may cost: processor time of a GET with auth_strategy
// keystone, over that of the same with none.
const (
	byNobody, byMember, byNova = "show-none/64", "show-member/64", "show-nova/64"

	goalOfTokens = 1.15
)

// BenchmarkAuth shows ARQs to everybody, to a member of their project with a
// token that Keystone was asked about once, and to him by way of Nova with a
// service token. Keystone is a double: it does nothing while it is measured.
func BenchmarkAuth(b *testing.B) {
	const member, nova = "member", "nova"
	k := openstacktest.NewKeystone(b)
	k.Add(fernet(member), time.Now().Add(time.Hour), map[string]any{
		"project": openstacktest.Project("demo"), "roles": openstacktest.Roles("member", "reader"),
	})
	k.Add(fernet(nova), time.Now().Add(time.Hour), map[string]any{
		"project": openstacktest.Project("service"), "roles": openstacktest.Roles("admin", "member", "reader", "service"),
	})
	asUser := "X-Auth-Token: " + fernet(member) + "\r\n"
	asNova := asUser + "X-Service-Token: " + fernet(nova) + "\r\n"
	asAdmin := "X-Auth-Token: " + fernet(nova) + "\r\n"

	open := newPlace(b, buildService(b), handlesPerDevice)
	guarded := newPlace(b, open.binary, handlesPerDevice)
	guarded.trust(b, k)
	lines := map[string]*asked{
		byNobody: newAsked(b, open, "", "", ""),
		byMember: newAsked(b, guarded, asAdmin, asUser, asUser),
	}
	lines[byNova] = &asked{lines[byMember].service, nil}
	for _, show := range lines[byMember].shows {
		lines[byNova].shows = append(lines[byNova].shows, bytes.Replace(show, []byte(asUser), []byte(asNova), 1))
	}

	over := func(line string) func(map[string]Sample) float64 {
		return func(round map[string]Sample) float64 { return round[line].CPU / round[byNobody].CPU }
	}
	report := &Report{
		Title: "GET of one ARQ, with and without tokens", Machine: here().String(),
		Goals: []Goal{{
			Key: "tokens", Name: "with a user's token / none, CPU", Least: goalOfTokens, Reach: goalOfTokens, Lower: true,
			Of: over(byMember), CPU: []string{byMember, byNobody},
		}},
		Ratios: []Ratio{{Name: "with a service token too / none, CPU", Of: over(byNova)}},
	}
	for b.Loop() {
		names := []string{byNobody, byMember, byNova}
		counts := map[string]int{}
		for _, name := range names {
			counts[name] = int(lines[name].show(b, fewest).Rate * seconds(b))
		}
		for round := range number(b, roundsVariable, usualRounds) {
			for _, name := range names {
				report.Add(round, name, lines[name].show(b, counts[name]))
			}
		}
	}
	b.ReportMetric(0, "ns/op") // says nothing
	if err := report.Print(os.Stdout); err != nil {
		b.Fatal(err)
	}
	if n := k.Validations(fernet(member)); n != 1 {
		b.Errorf("Keystone was asked %d times about one token", n)
	}
}

// fernet makes a token as long as those of a real Keystone, which is hashed with
// each request.
func fernet(name string) string {
	return "gAAAAAB" + name + strings.Repeat("k", 183-len("gAAAAAB")-len(name))
}

// trust has the service check tokens with Keystone.
func (p *place) trust(b *testing.B, k *openstacktest.Keystone) {
	b.Helper()
	text, err := os.ReadFile(p.config)
	if err != nil {
		b.Fatal(err)
	}
	text = bytes.Replace(text, []byte("auth_strategy = none"), []byte("auth_strategy = keystone"), 1)
	text = fmt.Appendf(text, "[keystone_authtoken]\nauth_url = %s\nuser_id = u\npassword = %s\nproject_id = p\n", k.URL, openstacktest.Password)
	if err := os.WriteFile(p.config, text, 0o600); err != nil {
		b.Fatal(err)
	}
}

// newAsked starts a service and makes ARQs: the headers are those of who makes
// the device profile, who the ARQs, and who looks at them.
func newAsked(b *testing.B, p *place, profile, create, show string) *asked {
	b.Helper()
	s := p.start(b)
	b.Cleanup(func() { s.stop(b) })
	s.do(b, with(CreateProfile(s.api, profileName, 1, profileGroup...), profile), 201)
	made := make([]uuid.UUID, 0, 4096)
	run(b, Load{
		Addr: s.api, Connections: 64, Requests: [][]byte{with(CreateARQs(s.api, profileName), create)},
		Count: cap(made), Status: 201, OnBody: func(b []byte) { made = append(made, rest.FirstUUID(b)) },
	})
	return &asked{s, requests(made, func(_ int, id uuid.UUID) []byte { return with(ShowARQ(s.api, id), show) })}
}

func (a *asked) show(b *testing.B, n int) Sample {
	b.Helper()
	m := &meter{tb: b, pid: a.pid}
	m.load(Load{Addr: a.api, Connections: 64, Count: n, Status: 200, Requests: a.shows})
	return m.sample(n)
}

// with puts headers into a request.
func with(request []byte, headers string) []byte {
	return bytes.Replace(request, []byte("\r\nAccept:"), []byte("\r\n"+headers+"Accept:"), 1)
}
