package test

import (
	"net/http"
	"slices"
	"testing"
)

// statuses collects the answers of requests sent at the same moment.
func statuses(t *testing.T, requests ...func() (*answer, error)) []int {
	t.Helper()
	got := make([]int, len(requests))
	errs := make([]error, len(requests))
	var all []func()
	for i, send := range requests {
		all = append(all, func() {
			a, err := send()
			if errs[i] = err; err == nil {
				got[i] = a.status
			}
		})
	}
	together(all...)
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return got
}

const raceRounds = 60

// inTurns is statuses of two requests of which the scheduler favours one in
// even rounds and the other in odd ones.
func inTurns(t *testing.T, round int, requests []func() (*answer, error)) []int {
	t.Helper()
	if round%2 == 0 {
		return statuses(t, requests...)
	}
	got := statuses(t, requests[1], requests[0])
	return []int{got[1], got[0]}
}

// TestTwoWantTwoOfTwo: of two PATCHes that want two handles each, with two of
// them free, exactly one wins, every time.
func TestTwoWantTwoOfTwo(t *testing.T) {
	p := start(t, options{"fake.handles_per_device": "2"})
	c := p.client()
	d := c.deployable()
	c.createProfile("two", 2)
	for round := range raceRounds {
		a, b := c.create("two"), c.create("two")
		bind := func(uuids []string) func() (*answer, error) {
			body := bindBody(d, newUUID(), uuids...)
			return func() (*answer, error) { return c.do(http.MethodPatch, "/accelerator_requests", body) }
		}
		got := statuses(t, bind(a), bind(b))
		winner, loser := a, b
		if got[1] == 202 {
			winner, loser = b, a
		}
		slices.Sort(got)
		if !slices.Equal(got, []int{202, 404}) {
			t.Errorf("round %d: statuses %v, want one 202 and one 404", round, got)
		}
		for _, id := range winner {
			if one := c.arq(id); one.State != "Bound" {
				t.Errorf("round %d: %s of the one that won is %s", round, id, one.State)
			}
		}
		for _, id := range loser {
			if one := c.arq(id); one.State != "BindFailed" || one.Handle != "" || one.Instance == "" {
				t.Errorf("round %d: %s of the one that lost: %+v", round, id, one)
			}
		}
		p.checkHandles(c, 2)
		c.delete(a...)
		c.delete(b...)
		if t.Failed() {
			return
		}
	}
	p.checkHandles(c, 2)
}

// TestEvacuation: the ARQs of an instance are deleted by its name while new
// ones are bound to it. The new bind is refused while the old ones are there,
// or it wins, and then it is whole.
func TestEvacuation(t *testing.T) {
	p := start(t, options{"fake.hosts": "compute1,compute2"})
	c := p.client()
	from, to := c.deployables()["compute1"], c.deployables()["compute2"]
	c.createProfile("two", 2)
	var won, refused int
	for round := range raceRounds {
		instance := newUUID()
		old := c.create("two")
		c.bind(from, instance, old...)
		fresh := c.create("two")
		body := bindBody(to, instance, fresh...)
		requests := []func() (*answer, error){
			func() (*answer, error) {
				return c.do(http.MethodDelete, "/accelerator_requests?instance="+instance, nil)
			},
			func() (*answer, error) { return c.do(http.MethodPatch, "/accelerator_requests", body) },
		}
		got := inTurns(t, round, requests)
		if got[0] != 204 {
			t.Errorf("round %d: delete by instance: status %d", round, got[0])
		}
		for _, id := range old {
			c.want(404, http.MethodGet, "/accelerator_requests/"+id, nil)
		}
		checkEvacuated(t, c, instance, fresh, got[1])
		if got[1] == 202 {
			won++
		} else {
			refused++
		}
		p.checkHandles(c, 32)
		// After the delete the instance is free for a bind.
		if rest := c.arqs("?instance=" + instance); len(rest) == 0 {
			again := c.create("two")
			c.bind(to, instance, again...)
			c.delete(again...)
		}
		c.want(204, http.MethodDelete, "/accelerator_requests?instance="+instance, nil)
		for _, id := range fresh {
			c.send(http.MethodDelete, deletePath(id), nil) // where they are left
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("of %d binds %d won and %d were refused", raceRounds, won, refused)
	p.checkHandles(c, 32)
}

// checkEvacuated checks the new ARQs: bound, all or none; or deleted, when the
// delete came last.
func checkEvacuated(t *testing.T, c *client, instance string, fresh []string, status int) {
	t.Helper()
	states := map[string]bool{}
	for _, id := range fresh {
		a := c.send(http.MethodGet, "/accelerator_requests/"+id, nil)
		if a.status == 404 {
			states[absent] = true
			continue
		}
		var one arq
		a.read(t, &one)
		states[one.State] = true
		if one.State == "Bound" && one.Instance != instance {
			t.Errorf("%s is bound to %s, want %s", id, one.Instance, instance)
		}
	}
	want := []string{"Bound", absent} // deleted after it was bound
	switch status {
	case 202:
	case 409:
		want = []string{"Initial"}
	default:
		t.Errorf("the bind of the new ARQs: status %d, want 202 or 409", status)
	}
	if len(states) != 1 {
		t.Errorf("the new ARQs have different states: %v", states)
	}
	for state := range states {
		if !slices.Contains(want, state) {
			t.Errorf("after the bind was answered %d a new ARQ is %s", status, state)
		}
	}
}

// TestCreateRacesProfileDeletion: either the profile is gone and nothing was
// made of it, or its ARQs are there and it is kept.
func TestCreateRacesProfileDeletion(t *testing.T) {
	p := start(t, nil)
	c := p.client()
	var created, deleted int
	for round := range raceRounds {
		c.createProfile("gone", 2)
		got := inTurns(t, round, []func() (*answer, error){
			func() (*answer, error) { return c.do(http.MethodPost, "/accelerator_requests", createBody("gone")) },
			func() (*answer, error) { return c.do(http.MethodDelete, "/device_profiles/gone", nil) },
		})
		profiles, made := len(c.profiles()), len(c.arqs(""))
		switch {
		case slices.Equal(got, []int{201, 409}) && profiles == 1 && made == 2:
			created++
			for _, a := range c.arqs("") {
				c.delete(a.UUID)
			}
			c.want(204, http.MethodDelete, "/device_profiles/gone", nil)
		case slices.Equal(got, []int{404, 204}) && profiles == 0 && made == 0:
			deleted++
		default:
			t.Fatalf("round %d: statuses %v, %d profiles, %d ARQs", round, got, profiles, made)
		}
	}
	t.Logf("of %d races %d creations and %d deletions won", raceRounds, created, deleted)
	p.checkHandles(c, 16)
}

// TestManyBindsOfOne: of many different binds of one ARQ exactly one wins, and
// the others change nothing.
func TestManyBindsOfOne(t *testing.T) {
	p := start(t, nil)
	c := p.client()
	d := c.deployable()
	c.createProfile("one", 1)
	for round := range raceRounds {
		id := c.create("one")[0]
		var binds []func() (*answer, error)
		for range 6 {
			body := bindBody(d, newUUID(), id)
			binds = append(binds, func() (*answer, error) { return c.do(http.MethodPatch, "/accelerator_requests", body) })
		}
		got := statuses(t, binds...)
		slices.Sort(got)
		if !slices.Equal(got, []int{202, 409, 409, 409, 409, 409}) {
			t.Errorf("round %d: statuses %v, want one 202 and the rest 409", round, got)
		}
		p.checkHandles(c, 16)
		c.delete(id)
	}
	p.checkHandles(c, 16)
}
