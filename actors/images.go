package actors

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// imagesFor looks up the images of all functions that the binds of a request
// ask for, before any actor is asked. Of an ARQ that the caller may not see
// nothing is looked up. nil: there is no image service.
func (s *System) imagesFor(ctx context.Context, req *Patch) (map[string]uuid.UUID, error) {
	if s.opts.Images == nil {
		return nil, nil
	}
	found := map[string]uuid.UUID{}
	for i := range req.Items {
		a, ok := s.dir.arq(req.Items[i].ARQ)
		if req.Items[i].Bind == nil || !ok || !req.Scope.sees(a.ProjectID) {
			continue
		}
		function := a.Group.value(keyFunction)
		if _, known := found[function]; known || function == "" {
			continue
		}
		image, err := s.imageFor(ctx, function)
		if err != nil {
			return nil, err
		}
		found[function] = image
	}
	return found, nil
}

// mostNamed bounds the images that a refusal names.
const mostNamed = 5

func (s *System) imageFor(ctx context.Context, function string) (uuid.UUID, error) {
	images, err := s.opts.Images.ImagesFor(ctx, function)
	switch {
	case err != nil:
		return uuid.Nil, failure(CodeUnavailable, err, "the image service cannot be asked for the image of a function at present")
	case len(images) == 0:
		return uuid.Nil, Refuse(CodeConflict, "there is no image to load with the property %s %q", keyFunction, function)
	case len(images) > 1:
		var names []string
		for _, image := range images[:min(len(images), mostNamed)] {
			names = append(names, image.ID.String())
		}
		return uuid.Nil, Refuse(CodeConflict, "more than one image has the property %s %q: %s", keyFunction, function, strings.Join(names, ", "))
	}
	return images[0].ID, nil
}

// describeImage adds to a command what its image is; without an image service
// nothing is known.
func (s *System) describeImage(ctx context.Context, c *devices.Command) error {
	if s.opts.Images == nil || c.Kind != devices.ProgramFPGA {
		return nil
	}
	content, err := s.opts.Images.Image(ctx, c.Image)
	if err == nil {
		c.Content = content
	}
	return err
}
