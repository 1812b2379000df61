package history

// names numbers what it is told, from 1; number 0 is the empty name.
type names struct {
	numbers map[string]int
	all     []string
}

func newNames() *names {
	n := &names{numbers: map[string]int{}}
	n.of("")
	return n
}

func (n *names) of(name string) int {
	number, known := n.numbers[name]
	if !known {
		number = len(n.all)
		n.numbers[name] = number
		n.all = append(n.all, name)
	}
	return number
}

// symbols are the names of a trial. ARQs are numbered from 1 as well: there is
// no ARQ 0, and the world's first one is always absent.
type symbols struct {
	arqs, owners, devices, instances, images, handles *names
}

func newSymbols() symbols {
	return symbols{newNames(), newNames(), newNames(), newNames(), newNames(), newNames()}
}
