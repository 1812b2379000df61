// Package glance finds bitstreams in the image service of the cloud and reads
// them, held against what Glance knows of their content.
package glance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/imagedata"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/http/openstack"
)

// MaxImage is the longest image that is read, bytes.
const MaxImage = 8 << 30

// propertyFunction is the property of an image that names what it implements,
// as with the reference.
const propertyFunction = "accel:function_id"

// Options say which images are looked at. The zero value of a field stands for
// its default.
type Options struct {
	Service openstack.Service // its type is "image" when it says none
	// Owner is the project whose images may be named by their function; "": any
	// project's, but public ones only. Otherwise every user of the cloud could
	// offer an image for a function.
	Owner string
	// Timeout is that of a question; 20 s. Reading an image takes what the
	// session allows.
	Timeout time.Duration
}

// Client is a devices.Images. It may be used by any number of goroutines.
type Client struct {
	session *openstack.Session
	opts    Options
}

// New makes a client. The session's connection should allow MaxImage, and the
// time to read it.
func New(session *openstack.Session, opts Options) *Client {
	if opts.Service.Type == "" {
		opts.Service.Type = "image"
	}
	if opts.Timeout == 0 {
		opts.Timeout = 20 * time.Second
	}
	return &Client{session, opts}
}

func (c *Client) api(ctx context.Context) (*gophercloud.ServiceClient, error) {
	api, err := c.session.Client(ctx, c.opts.Service)
	if err == nil && !strings.HasSuffix(api.Endpoint, "/v2/") {
		api.ResourceBase = api.Endpoint + "v2/"
	}
	return api, err
}

// Image implements devices.Images.
func (c *Client) Image(ctx context.Context, id uuid.UUID) (devices.Image, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	api, err := c.api(ctx)
	if err != nil {
		return devices.Image{}, err
	}
	found, err := images.Get(ctx, api, id.String()).Extract()
	if err = openstack.Explain(err); err != nil {
		if status, ok := errors.AsType[*openstack.StatusError](err); ok && status.Status == http.StatusNotFound {
			return devices.Image{}, fmt.Errorf("image %s: %w", id, devices.ErrNoImage)
		}
		return devices.Image{}, err
	}
	return c.describe(found)
}

// byFunction is the query for the images of a function.
type byFunction url.Values

// ToImageListQuery implements images.ListOptsBuilder.
func (q byFunction) ToImageListQuery() (string, error) { return "?" + url.Values(q).Encode(), nil }

// ImagesFor implements devices.Images. One page is enough: more than one image
// is too many.
func (c *Client) ImagesFor(ctx context.Context, function string) ([]devices.Image, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	api, err := c.api(ctx)
	if err != nil {
		return nil, err
	}
	query := byFunction{propertyFunction: {function}, "status": {string(images.ImageStatusActive)}}
	if c.opts.Owner != "" {
		query["owner"] = []string{c.opts.Owner}
	} else {
		query["visibility"] = []string{string(images.ImageVisibilityPublic)}
	}
	var found []devices.Image
	err = images.List(api, query).EachPage(ctx, func(_ context.Context, page pagination.Page) (bool, error) {
		all, err := images.ExtractImages(page)
		for i := range all {
			if !c.offers(&all[i], function) {
				continue
			}
			image, err := c.describe(&all[i])
			if err != nil {
				return false, err
			}
			found = append(found, image)
		}
		return false, err
	})
	return found, openstack.Explain(err)
}

// offers holds an image against the query: an older Glance leaves out what it
// does not know of it.
func (c *Client) offers(image *images.Image, function string) bool {
	return function != "" && c.functionOf(image) == function
}

// functionOf gives what an image implements, if whose it is may say so.
func (c *Client) functionOf(image *images.Image) string {
	believed := c.opts.Owner == "" && image.Visibility == images.ImageVisibilityPublic ||
		c.opts.Owner != "" && image.Owner == c.opts.Owner
	function, _ := image.Properties[propertyFunction].(string)
	if !believed {
		return ""
	}
	return function
}

// Open implements devices.Images.
func (c *Client) Open(ctx context.Context, id uuid.UUID) (io.ReadCloser, devices.Image, error) {
	image, err := c.Image(ctx, id)
	if err != nil {
		return nil, image, err
	}
	api, err := c.api(ctx)
	if err != nil {
		return nil, image, err
	}
	content, err := imagedata.Download(ctx, api, id.String()).Extract()
	if err != nil {
		return nil, image, openstack.Explain(err)
	}
	return check(content, image), image, nil
}

// describe makes of Glance's description ours.
func (c *Client) describe(found *images.Image) (devices.Image, error) {
	id, err := uuid.Parse(found.ID)
	if err != nil {
		return devices.Image{}, fmt.Errorf("%w: an image called %q", openstack.ErrMalformed, found.ID)
	}
	image := devices.Image{ID: id, Size: found.SizeBytes, Function: c.functionOf(found)}
	if found.Status != images.ImageStatusActive {
		return image, fmt.Errorf("image %s: %w to load: it is %s", id, devices.ErrNoImage, found.Status)
	}
	algorithm, _ := found.Properties["os_hash_algo"].(string)
	digest, _ := found.Properties["os_hash_value"].(string)
	switch {
	case hashes[algorithm] != nil && digest != "":
		image.Hash, image.Digest = algorithm, strings.ToLower(digest)
	case found.Checksum != "":
		image.Hash, image.Digest = "md5", strings.ToLower(found.Checksum)
	default:
		return image, fmt.Errorf("image %s: %w to load: Glance has no digest of it that could be checked", id, devices.ErrNoImage)
	}
	return image, nil
}
