package openstack

import "context"

// Token gives the token that the session has, one that will last for a while.
// Requests that do not go through a Client carry it.
func (s *Session) Token(ctx context.Context) (string, error) {
	if err := s.ensure(ctx); err != nil {
		return "", err
	}
	return s.provider.Token(), nil
}

// Renew gets another token because a service refused this one. A token that has
// been replaced meanwhile does not cost an authentication.
func (s *Session) Renew(ctx context.Context, refused string) error {
	return Explain(s.provider.Reauthenticate(ctx, refused))
}

// Endpoint gives the URL of a service in the catalog, with a slash at the end.
func (s *Session) Endpoint(ctx context.Context, service Service) (string, error) {
	if err := s.ensure(ctx); err != nil {
		return "", err
	}
	return s.endpoint(ctx, service)
}
