package actors

// maxAttempts bounds how often a write that is lost to others is made, one time
// after the other.
const maxAttempts = 8

// losses counts for a message or a record how often that was.
type losses int

// tooMany takes note of how a write has ended, and says whether it was lost as
// often as it may be. Then the count begins anew.
func (l *losses) tooMany(err error) bool {
	if ErrorCode(err) != CodeConflict {
		*l = 0
		return false
	}
	*l = (*l + 1) % maxAttempts
	return *l == 0
}
