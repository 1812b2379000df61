package test

import "testing"

// TestCrashDuringRecovery kills a process that has a bind that is being
// prepared, a handle to be cleaned up and a device that has grown, and then the
// next one at each write with which it puts that in order.
func TestCrashDuringRecovery(t *testing.T) {
	t.Parallel()
	writes := []string{"put:arq+event+handle", "put:device", "put:handle", "delete:event"}
	crashSweep(t, writes, func(t *testing.T, faults, _ string) string {
		t.Helper()
		w := newCrashWalk(t)
		unending := w.nova.options(crashOptions)
		unending["fake.operation_delay"], unending["fake.handles_per_device"] = "3600000", "1"
		where := newNode(t, unending)
		first := where.start()
		const left, kept = "10000000-0000-4000-8000-000000000001", "10000000-0000-4000-8000-000000000002"
		if !w.walk(first, []crashStep{
			profileStep("good", `"resources:FPGA": "1", "accel:bitstream_id": "`+goodImage+`"`),
			createStep("good", "a"),
			createStep("good", "b"),
			prepareStep("compute1", left, goodImage, "Bound", "a"),
			prepareStep("compute2", kept, goodImage, "Bound", "b"),
			removeInstanceStep(left, "a"),
		}) {
			t.Fatalf("not answered: %+v", w.asks)
		}
		first.kill()

		where.configure(w.nova.options(crashOptions))
		second := where.startFaulty(faults)
		second.mayDoubt = true // that a device is held off, because the load of its image was cut short
		if second.comesUp() {
			second.comesToEnd()
		}
		killed := second.killedAt()
		where.checkNext(w)
		return killed
	})
}
