package http

// maxHost is a name of 255 characters with its port.
const maxHost = 255 + len(":65535")

var errHost = invalid("Host: not a name or an address with or without a port.")

// validHost tells whether links may begin with a Host header. None is fine:
// HTTP/1.0 has none.
func validHost(host []byte) bool {
	if len(host) > maxHost {
		return false
	}
	for _, b := range host {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		case b == '.', b == ':', b == '_', b == '-', b == '[', b == ']':
		default:
			return false
		}
	}
	return true
}
