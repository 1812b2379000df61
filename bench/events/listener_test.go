package events

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T) *Listener {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func tell(t *testing.T, l *Listener, want int, events ...string) string {
	t.Helper()
	body := `{"events": [` + strings.Join(events, ",") + `]}`
	answer, err := http.Post(l.URL()+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != want {
		t.Errorf("%s: %d %s (%v), want %d", body, answer.StatusCode, text, err, want)
	}
	return string(text)
}

func text(instance, arq uuid.UUID, status string) string {
	return fmt.Sprintf(`{"name": "accelerator-request-bound", "server_uuid": %q, "tag": %q, "status": %q}`, instance, arq, status)
}

func over(w *Waiter) bool {
	select {
	case <-w.Done():
		return true
	default:
		return false
	}
}

func TestAllEventsOfAnInstanceAreWaitedFor(t *testing.T) {
	l := open(t)
	instance, a, b := uuid.New(), uuid.New(), uuid.New()
	w := l.Expect(instance, a, b)
	tell(t, l, 200, text(instance, a, "completed"))
	tell(t, l, 200, text(instance, a, "completed")) // again, as happens
	if over(w) {
		t.Fatal("over with one of two")
	}
	tell(t, l, 200, text(instance, b, "completed"))
	if !over(w) || w.Failed() {
		t.Errorf("over %t, failed %t", over(w), w.Failed())
	}
	l.Forget(instance)
	if got := tell(t, l, 207, text(instance, b, "completed")); !strings.Contains(got, `"code":404`) {
		t.Errorf("of an instance that is gone: %s", got)
	}
	if taken, unknown := l.Counts(); taken != 3 || unknown != 1 {
		t.Errorf("%d taken, %d unknown", taken, unknown)
	}
}

func TestAFailureIsTold(t *testing.T) {
	l := open(t)
	instance, a, b := uuid.New(), uuid.New(), uuid.New()
	w := l.Expect(instance, a, b)
	tell(t, l, 200, text(instance, a, "failed"), text(instance, b, "completed"))
	if !over(w) || !w.Failed() {
		t.Errorf("over %t, failed %t", over(w), w.Failed())
	}
}

func TestWhatIsNoEventIsRefused(t *testing.T) {
	l := open(t)
	tell(t, l, 400)
	tell(t, l, 207, `{"name": "network-changed", "server_uuid": "x"}`)
}
