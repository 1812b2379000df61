package glance

import (
	"crypto/md5" //nolint:gosec // for images that have nothing better
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/http/openstack"
)

// hashes are the algorithms of os_hash_algo that are understood, and md5 of the
// old property checksum.
var hashes = map[string]func() hash.Hash{
	"md5": md5.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
}

// ErrContent means that what came is not the image.
var ErrContent = errors.New("the content is not that of the image")

// content is an image being read. Its end comes only when all of it was right.
type content struct {
	io.ReadCloser
	image devices.Image
	hash  hash.Hash
	n     int64
}

func check(r io.ReadCloser, image devices.Image) io.ReadCloser {
	return &content{ReadCloser: r, image: image, hash: hashes[image.Hash]()}
}

// Read implements io.Reader.
func (c *content) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n += int64(n)
	_, _ = c.hash.Write(p[:n]) // never fails
	switch {
	case c.n > c.image.Size:
		return 0, fmt.Errorf("image %s: %w: it is longer than %d bytes", c.image.ID, ErrContent, c.image.Size)
	case errors.Is(err, io.EOF):
		return n, c.end()
	case err != nil:
		return n, fmt.Errorf("image %s: %w", c.image.ID, openstack.Explain(err))
	}
	return n, nil
}

// end is io.EOF if all is right.
func (c *content) end() error {
	if c.n != c.image.Size {
		return fmt.Errorf("image %s: %w: %d bytes of %d came", c.image.ID, ErrContent, c.n, c.image.Size)
	}
	if digest := hex.EncodeToString(c.hash.Sum(nil)); digest != c.image.Digest {
		return fmt.Errorf("image %s: %w: its %s is %s and not %s", c.image.ID, ErrContent, c.image.Hash, digest, c.image.Digest)
	}
	return io.EOF
}
