package placement

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/http/openstack"
)

// Codes in the errors of Placement.
const (
	codeConcurrentUpdate = "placement.concurrent_update"
	codeInventoryInUse   = "placement.inventory.inuse"
)

// status gives the status of an answer that is an error; 0: it is none.
func status(err error) int {
	if answer, ok := errors.AsType[gophercloud.ErrUnexpectedResponseCode](err); ok {
		return answer.Actual
	}
	return 0
}

// code gives the code within an error of Placement.
func code(err error) string {
	var answer gophercloud.ErrUnexpectedResponseCode
	var body struct {
		Errors []struct{ Code string }
	}
	if !errors.As(err, &answer) || json.Unmarshal(answer.Body, &body) != nil || len(body.Errors) == 0 {
		return ""
	}
	return body.Errors[0].Code
}

// classify makes of an error what actors know.
func classify(err error) error {
	if errors.Is(err, actors.ErrHostUnknown) || errors.Is(err, actors.ErrSupplyInUse) || errors.Is(err, actors.ErrInventoryAway) {
		return err
	}
	var nowhere *openstack.NoEndpointError
	s := status(err)
	explained := openstack.Explain(err)
	switch {
	case errors.Is(explained, openstack.ErrUnreachable), errors.Is(explained, openstack.ErrCredentials),
		errors.As(err, &nowhere), s == http.StatusUnauthorized, s == http.StatusForbidden, s == http.StatusNotAcceptable: // the last is too old
		return fmt.Errorf("%w: %w", actors.ErrInventoryAway, explained)
	}
	return explained
}

// problems are those that need not keep the rest from being shown.
type problems struct {
	refused, inUse error
}

func (p *problems) add(of *actors.Provider, err error) {
	if errors.Is(err, actors.ErrSupplyInUse) {
		p.inUse = errors.Join(p.inUse, err)
		return
	}
	p.refused = errors.Join(p.refused, fmt.Errorf("%s: %w", of.Name, err))
}

// err gives the worse: what is refused, or else what is in use.
func (p *problems) err() error {
	if p.refused != nil {
		return p.refused
	}
	return p.inUse
}
