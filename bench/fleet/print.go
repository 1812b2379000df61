package fleet

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Print writes the result for people.
func (r *Result) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "phase\tcall\tper s\tp50 ms\tp99 ms\tmax ms\toutcomes\t\n")
	phases := []struct {
		name string
		*Phase
	}{{"arrival", &r.Arrival}, {"steady", &r.Steady}, {"return", r.Return}}
	for _, p := range phases {
		if p.Phase == nil {
			continue
		}
		for i := range p.Calls {
			c := &p.Calls[i]
			n := int64(0)
			for _, v := range c.Outcomes {
				n += v
			}
			fmt.Fprintf(t, "%s\t%s\t%.1f\t%.1f\t%.1f\t%.1f\t%s\t\n", p.name, c.Name, float64(n)/cmp.Or(p.Seconds, 1), c.P50, c.P99, c.Max, words(c.Outcomes))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, p := range phases {
		if p.Phase == nil || p.Seconds == 0 {
			continue
		}
		fmt.Fprintf(w, "%s: %.1f s, at most %d answers in a second, %d for sessions\n", p.name, p.Seconds, p.PeakRequests, p.PeakOpens)
		if p.Server != nil {
			p.Server.print(w, p.Seconds, float64(r.Hosts))
		}
	}
	for _, o := range r.Outages {
		if o.Seconds == 0 {
			fmt.Fprintf(w, "outage at %.1f s: %d agents absent at most; it goes on\n", o.Began, o.Absent)
			continue
		}
		fmt.Fprintf(w, "outage at %.1f s: %d agents absent at most, all back after %.1f s; at most %d answers in a second, %d for sessions\n",
			o.Began, o.Absent, o.Seconds, o.PeakRequests, o.PeakOpens)
	}
	return nil
}

func (s *Server) print(w io.Writer, seconds, hosts float64) {
	fmt.Fprintf(w, "  server: %.2f s of processor time, %.3f %% of one for a host; a host has %.1f KiB (%.1f KiB of no file) and %.2f descriptors\n",
		s.CPUSeconds, 100*s.CPUSeconds/seconds/hosts,
		float64(s.RSS-s.RSSBefore)/1024/hosts, float64(s.Anonymous-s.AnonymousBefore)/1024/hosts,
		float64(s.Descriptors-s.DescriptorsBefore)/hosts)
}

func words(of map[string]int64) string {
	all := make([]string, 0, len(of))
	for _, name := range slices.Sorted(maps.Keys(of)) {
		all = append(all, fmt.Sprintf("%s: %d", name, of[name]))
	}
	return strings.Join(all, ", ")
}
