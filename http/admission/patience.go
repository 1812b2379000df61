package admission

import "time"

// tickEvery is how often those who wait are looked at.
const tickEvery = 10 * time.Millisecond

// servicePatience is how much longer services wait.
const servicePatience = 4

// reportEvery is how often refusals are told of.
const reportEvery = time.Second

// tick looks after the changes while there are many.
func (g *Gate) tick() {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			if !g.look(now) {
				return
			}
		case <-g.opt.Done:
			g.end()
			return
		}
	}
}

// look does what is to be done from time to time; it says whether to go on.
func (g *Gate) look(now time.Time) bool {
	g.mu.Lock()
	g.setAside(now)
	g.giveUp(now, g.patience)
	g.adjust(now)
	g.admitWaiting(now)
	news := g.takeNews(now)
	g.ticking = g.much() || g.news != (Refusals{})
	goOn := g.ticking
	g.mu.Unlock()
	if g.opt.Report != nil && news != (Refusals{}) {
		g.opt.Report(news)
	}
	return goOn
}

// end refuses all who wait.
func (g *Gate) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.giveUp(time.Now(), func(*flow) time.Duration { return -1 })
	g.ticking = false
}

// setAside stops counting those in work that take so long that they cannot be
// waiting for what we have too little of: an image is being looked up, a device
// is slow. At a standstill of the store everybody takes long.
func (g *Gate) setAside(now time.Time) {
	var write time.Duration
	if g.opt.Pace != nil {
		var standstill bool
		if write, standstill = g.opt.Pace(); standstill {
			return
		}
	}
	lease := leaseOf * g.target(write)
	for p := g.working.head; p != nil && now.Sub(p.since) > lease; p = g.working.head {
		g.working.remove(p)
		p.flow.aside++
		g.aside++
		g.window.turnover++
	}
}

// giveUp refuses those who have waited for as long as is of any use.
func (g *Gate) giveUp(now time.Time, patience func(*flow) time.Duration) {
	for i := range g.classes {
		for _, f := range g.classes[i].all() {
			longest := patience(f)
			for i := range f.queues {
				for p := f.queues[i].head; p != nil && now.Sub(p.since) > longest; p = f.queues[i].head {
					g.unqueue(p)
					g.refuse(p, Late)
					p.ready <- Late
				}
			}
		}
	}
}

// patience is how long those of a flow wait.
func (g *Gate) patience(f *flow) time.Duration {
	if f.caller.Service {
		return servicePatience * g.opt.Patience
	}
	return g.opt.Patience
}

// hopeless tells whether more of a flow wait than can have their turn in time. If
// each had to wait until all who came before it were served, the time of all of
// them would be up by then. So the newest go first: they are done quickly, and the
// others are refused when their time is up.
func (g *Gate) hopeless(f *flow) bool {
	sharers := g.classes[0].length + g.classes[1].length
	return float64(f.waiting)*float64(sharers) > g.rate*g.patience(f).Seconds()
}

// takeNews gives what is to be told, and forgets it.
func (g *Gate) takeNews(now time.Time) Refusals {
	if g.news == (Refusals{}) || now.Sub(g.told) < reportEvery {
		return Refusals{}
	}
	news := g.news
	g.news, g.told = Refusals{}, now
	for _, f := range g.flows {
		f.refused = 0
	}
	return news
}
