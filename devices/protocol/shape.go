package protocol

import "fmt"

// Bounds on lists in one body, by how many lists they are in. A list costs more
// when it is read than as text: [0,0,...] of some MiB would take a hundred times
// that. What is within them may be refused still.
var mostElements = [...]int{
	2 * (MaxDevices + MaxProblems),        // devices, problems, removed, health ...
	MaxDeployables + MaxHealth*MaxReasons, // of all devices
	MaxHandles + MaxAttributes + 1<<14,    // of all deployables
}

// mostDepth is how deep lists and objects may be nested.
const mostDepth = 16

// CheckShape refuses a body whose lists are longer than those of any body of this
// protocol, or that is nested deeper, before it is decoded. The text need not be
// JSON.
func CheckShape(text []byte) error {
	var (
		elements [mostDepth + 1]int // by the number of lists around them
		lists    [mostDepth]bool    // which of the open ones are lists
		depth    int
		around   int // open lists
	)
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = afterString(text, i)
		case '[', '{':
			if depth == mostDepth {
				return fmt.Errorf("nested deeper than %d", mostDepth)
			}
			if lists[depth] = text[i] == '['; lists[depth] {
				elements[around]++ // the first one, or none
				around++
			}
			depth++
		case ']', '}':
			if depth == 0 {
				return nil // no JSON, as its decoder will say
			}
			if depth--; lists[depth] {
				around--
			}
		case ',':
			if depth > 0 && lists[depth-1] {
				elements[around-1]++
			}
		default:
			continue
		}
		if around > 0 {
			most := mostElements[min(around, len(mostElements))-1]
			if elements[around-1] > most {
				return fmt.Errorf("more than %d elements in lists", most)
			}
		}
	}
	return nil
}

// afterString gives the place of the quotation mark that ends a string.
func afterString(text []byte, i int) int {
	for i++; i < len(text) && text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i
}
