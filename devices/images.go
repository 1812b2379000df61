package devices

import (
	"context"
	"errors"
	"io"

	"github.com/google/uuid"
)

// Images is where bitstreams come from: the image service of the cloud.
type Images interface {
	// Image describes an image. ErrNoImage: there is none that could be loaded.
	Image(ctx context.Context, id uuid.UUID) (Image, error)
	// ImagesFor gives the images that implement a function; none is no error.
	ImagesFor(ctx context.Context, function string) ([]Image, error)
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
}
