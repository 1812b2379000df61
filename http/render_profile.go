package http

import (
	"time"

	"github.com/arqd/arqd/actors"
)

const profilePath = "/accelerator/v2/device_profiles/"

// appendProfile appends a device profile as POST and lists show it.
func appendProfile(dst []byte, p *actors.Profile, base []byte) []byte {
	dst = append(dst, `{"uuid": `...)
	dst = appendQuotedUUID(dst, p.UUID)
	dst = appendProfileBody(dst, p)
	dst = append(dst, `, "created_at": `...)
	dst = appendTime(dst, p.CreatedAt)
	dst = append(dst, `, "updated_at": null, `...)
	dst = appendLinks(dst, base, profilePath, p.UUID)
	return append(dst, '}')
}

// appendShownProfile appends a device profile as GET of one shows it: in an
// envelope, with times as Python prints them, None included.
func appendShownProfile(dst []byte, p *actors.Profile, base []byte) []byte {
	dst = append(dst, `{"device_profile": {"uuid": `...)
	dst = appendQuotedUUID(dst, p.UUID)
	dst = appendProfileBody(dst, p)
	dst = append(dst, `, "created_at": "`...)
	dst = time.Unix(p.CreatedAt, 0).UTC().AppendFormat(dst, time.DateTime)
	dst = append(dst, `+00:00", "updated_at": "None", `...)
	dst = appendLinks(dst, base, profilePath, p.UUID)
	return append(dst, "}}"...)
}

func appendProfileBody(dst []byte, p *actors.Profile) []byte {
	dst = append(dst, `, "name": `...)
	dst = appendString(dst, p.Name)
	dst = append(dst, `, "description": `...)
	if p.Description == nil {
		dst = append(dst, "null"...)
	} else {
		dst = appendString(dst, *p.Description)
	}
	dst = append(dst, `, "groups": [`...)
	for i, g := range p.Groups {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendGroup(dst, g)
	}
	return append(dst, ']')
}

func appendGroup(dst []byte, g *actors.Group) []byte {
	dst = append(dst, '{')
	for i, r := range g.Requests {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendString(dst, r.Key)
		dst = append(dst, ": "...)
		dst = appendString(dst, r.Value)
	}
	return append(dst, '}')
}
