package http

import "strings"

// acceptsJSON tells whether the Accept header admits application/json. A range
// with q=0 does not count.
func acceptsJSON(accept string) bool {
	if accept == "" || accept == "*/*" || accept == "application/json" {
		return true
	}
	for element := range strings.FieldsFuncSeq(accept, func(r rune) bool { return r == ',' || r == '\n' }) {
		media, params, _ := strings.Cut(element, ";")
		switch strings.ToLower(strings.TrimSpace(media)) {
		case "*/*", "application/*", "application/json":
			if !excluded(params) {
				return true
			}
		}
	}
	return strings.TrimSpace(accept) == ""
}

// excluded finds q=0, q=0.0 and so on among the parameters of a media range.
func excluded(params string) bool {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		if strings.EqualFold(strings.TrimSpace(name), "q") {
			value = strings.TrimSpace(value)
			return strings.HasPrefix(value, "0") && strings.Trim(value, "0.") == ""
		}
	}
	return false
}
