package devices

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"hash"
	"io"

	"github.com/google/uuid"
)

// Images is where bitstreams come from: the image service of the cloud.
type Images interface {
	ImageSource
	// Image describes an image. ErrNoImage: there is none that could be loaded.
	Image(ctx context.Context, id uuid.UUID) (Image, error)
	// ImagesFor gives the images that implement a function; none is no error.
	ImagesFor(ctx context.Context, function string) ([]Image, error)
}

// ImageSource is where the content of bitstreams comes from.
type ImageSource interface {
	// Open gives the content, to be read to its end: only then has it been held
	// against size and digest, and io.EOF means that it is right. Anything else
	// means that what was read must not be used.
	Open(ctx context.Context, id uuid.UUID) (io.ReadCloser, Image, error)
}

// ErrNoImage means that there is no such image, or that it cannot be loaded.
var ErrNoImage = errors.New("no such image")

// Image is a bitstream as the image service describes it.
type Image struct {
	ID     uuid.UUID
	Size   int64  // bytes
	Hash   string // of the content: md5, sha256, sha384 or sha512
	Digest string // by that hash, lower-case hex
	// Function is what the image implements; "": that is not known, or whoever says
	// so may not be believed.
	Function string `json:",omitempty"`
}

// hashes are those that an image service may use.
var hashes = map[string]func() hash.Hash{"md5": md5.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}

// NewHash begins the hash that Digest is made with; nil: it is not known.
func (i *Image) NewHash() hash.Hash {
	if begin := hashes[i.Hash]; begin != nil {
		return begin()
	}
	return nil
}
