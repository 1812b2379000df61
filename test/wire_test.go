package test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// wire is one connection on which requests go out byte by byte as a test
// wants them: nothing is repaired, nothing is sent again.
type wire struct {
	conn     net.Conn
	reader   *bufio.Reader
	answered int // requests on this connection
}

// errUnanswered says that the connection ended before the first byte of an
// answer. Where an answer breaks off, the error is another one.
var errUnanswered = errors.New("the connection ended without an answer")

const wireTimeout = 30 * time.Second

func dial(address string) (*wire, error) {
	conn, err := net.DialTimeout("tcp", address, wireTimeout)
	if err != nil {
		return nil, err
	}
	return &wire{conn: conn, reader: bufio.NewReader(conn)}, nil
}

func (w *wire) close() { _ = w.conn.Close() }

func (w *wire) tcp() *net.TCPConn {
	tcp, _ := w.conn.(*net.TCPConn)
	return tcp
}

// message makes the bytes of a request.
func message(method, target, address string, header http.Header, body []byte) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, address)
	for name, values := range header {
		for _, value := range values {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	if body != nil || method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return []byte(b.String())
}

// send writes bytes; an error comes out when the answer is read.
func (w *wire) send(b []byte) {
	_ = w.conn.SetDeadline(time.Now().Add(wireTimeout))
	_, _ = w.conn.Write(b)
}

// receive reads one whole answer to a request of the method.
func (w *wire) receive(method string) (*answer, error) {
	if _, err := w.reader.Peek(1); err != nil {
		return nil, fmt.Errorf("%w: %w", errUnanswered, err)
	}
	response, err := http.ReadResponse(w.reader, &http.Request{Method: method})
	if err != nil {
		return nil, fmt.Errorf("the head of the answer: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("the answer's body after %d bytes: %w", len(body), err)
	}
	w.answered++
	if response.Close {
		response.Header.Set("Connection", "close") // net/http takes it out
	}
	return &answer{response.StatusCode, response.Header, body}, nil
}

// roundTrip sends a request and reads its answer.
func (w *wire) roundTrip(method, target string, header http.Header, body []byte) (*answer, error) {
	w.send(message(method, target, w.conn.RemoteAddr().String(), header, body))
	return w.receive(method)
}

// receiveAll reads answers up to the end of the connection. To a HEAD an answer
// has no body, whatever it says: so the requests must be known as far as their
// methods matter. Whoever could not read a request does not know its method
// either: the refusal of a HEAD may have a body, if it is the last answer.
func (w *wire) receiveAll(requests []seenRequest) ([]*answer, error) {
	var answers []*answer
	for {
		method := http.MethodGet
		if len(answers) < len(requests) {
			method = requests[len(answers)].method
		}
		got, err := w.receive(method)
		switch {
		case errors.Is(err, errUnanswered) && errors.Is(err, io.EOF):
			return answers, nil
		case err != nil:
			return answers, err
		case got.status == http.StatusContinue:
			continue
		}
		answers = append(answers, got)
		if method == http.MethodHead && got.status >= 400 && got.header.Get("Connection") == "close" {
			_, err := io.Copy(io.Discard, w.reader)
			return answers, err
		}
	}
}
