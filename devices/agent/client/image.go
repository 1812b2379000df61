package client

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// How an image is read over a line that breaks.
const (
	imageTries  = 6                // in a row that bring nothing
	imagePause  = time.Second      // before all but the first
	imageSilent = 30 * time.Second // how long one may bring nothing
)

// errOtherImage is why an image is not gone on with.
var errOtherImage = errors.New("the image has changed while it was read")

// Images gives the images that commands for this host name. They are read on from
// where they were when the line breaks.
func (c *Client) Images() devices.ImageSource { return images{c} }

type images struct{ *Client }

// Open implements devices.ImageSource.
func (c images) Open(ctx context.Context, id uuid.UUID) (io.ReadCloser, devices.Image, error) {
	select {
	case c.images <- struct{}{}:
	case <-ctx.Done():
		return nil, devices.Image{}, ctx.Err()
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &imageReader{client: c.Client, ctx: ctx, about: devices.Image{ID: id}}
	r.end = sync.OnceFunc(func() {
		cancel()
		<-c.images
	})
	if err := r.retry(nil); err != nil { //nolint:contextcheck // the reader has it
		return nil, r.about, errors.Join(err, r.Close())
	}
	r.sum = r.about.NewHash()
	return r, r.about, nil
}

// imageReader reads an image.
type imageReader struct {
	client *Client
	ctx    context.Context //nolint:containedctx // a reader's calls have none; it ends with the one that it was opened with
	end    func()
	about  devices.Image
	body   io.ReadCloser // nil between two tries
	at     int64
	sum    hash.Hash // nil: the service does not know the digest
	tries  int       // since the last byte
	failed error     // for good
}

// Read implements io.Reader. io.EOF means that size and digest are right.
func (r *imageReader) Read(p []byte) (int, error) {
	switch {
	case r.failed != nil:
		return 0, r.failed
	case r.at == r.about.Size:
		return 0, r.check()
	}
	for {
		body := r.body
		timer := time.AfterFunc(imageSilent, func() { _ = body.Close() })
		n, err := body.Read(p[:min(int64(len(p)), r.about.Size-r.at)])
		timer.Stop()
		if n > 0 {
			r.at, r.tries = r.at+int64(n), 0
			if r.sum != nil {
				r.sum.Write(p[:n])
			}
			return n, nil
		}
		if err == nil {
			continue
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if r.failed = r.retry(err); r.failed != nil {
			return 0, r.failed
		}
	}
}

// check says whether what was read is the image.
func (r *imageReader) check() error {
	if r.sum != nil {
		if got := hex.EncodeToString(r.sum.Sum(nil)); got != r.about.Digest {
			return fmt.Errorf("the %s of the image should be %s and is %s", r.about.Hash, r.about.Digest, got)
		}
	}
	return io.EOF
}

// retry begins to read, from where it is. err is why the last try has ended.
func (r *imageReader) retry(err error) error {
	if r.body != nil {
		_ = r.body.Close()
		r.body = nil
	}
	for r.tries < imageTries {
		if r.tries++; r.tries > 1 {
			select {
			case <-time.After(imagePause):
			case <-r.ctx.Done():
				return r.ctx.Err()
			}
		}
		if err = r.begin(); err == nil || !worthAnother(err) {
			return err
		}
	}
	return err
}

// worthAnother tells whether an image that could not be read may be readable in a
// moment. A session that is over is opened anew meanwhile.
func worthAnother(err error) bool {
	refused, ok := errors.AsType[*Refusal](err)
	if !ok {
		return !errors.Is(err, errOtherImage)
	}
	switch refused.Reason.Code {
	case protocol.CodeBusy, protocol.CodeUnavailable, protocol.CodeSessionUnknown, protocol.CodeInternal, "":
		return true
	}
	return false
}

// begin asks for the image, from where the reader is.
func (r *imageReader) begin() error {
	session := r.client.session.Load()
	if session == nil {
		return errNoSession
	}
	query := url.Values{protocol.ParamHost: {r.client.opt.Host}, protocol.ParamSession: {session.String()}}
	header := http.Header{}
	if r.at > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", r.at))
	}
	ctx, cancel := context.WithCancel(r.ctx)
	timer := time.AfterFunc(callTimeout, cancel)
	response, err := r.client.send(ctx, http.MethodGet, protocol.ImagePath(r.about.ID)+"?"+query.Encode(), header, nil) //nolint:bodyclose // closed with the reader
	timer.Stop()
	if err != nil {
		cancel()
		return err
	}
	body := &cancelled{response.Body, cancel}
	if err := r.take(response); err != nil {
		return errors.Join(err, body.Close())
	}
	r.body = body
	return nil
}

// take holds an answer against what is known of the image.
func (r *imageReader) take(response *http.Response) error {
	now := devices.Image{ID: r.about.ID, Size: response.ContentLength}
	now.Hash, now.Digest, _ = protocol.ParseDigestHeader(response.Header.Get("Digest"))
	if response.StatusCode == http.StatusPartialContent {
		now.Size += r.at
	} else if r.at > 0 {
		// All of it came: what is known already is passed over.
		if _, err := io.CopyN(io.Discard, response.Body, r.at); err != nil {
			return err
		}
	}
	switch {
	case response.ContentLength < 0:
		return fmt.Errorf("the service does not say how long the image is")
	case r.at > 0 && now != r.about:
		return errOtherImage
	}
	r.about = now
	return nil
}

// Close implements io.Closer. It may come at any time, and more than once: a Read
// under way fails. The end of the context gives up the body, which is the reader's.
func (r *imageReader) Close() error {
	r.end()
	return nil
}

// cancelled ends the request of a body with it.
type cancelled struct {
	io.ReadCloser
	cancel func()
}

// Close implements io.Closer.
func (c *cancelled) Close() error {
	defer c.cancel()
	return c.ReadCloser.Close()
}
