package admin

// Following what a server tells: server-sent events.

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxEvent bounds one event, in bytes.
const maxEvent = 1 << 20

// Stream requests a path of the API that tells events, and calls f with the kind ("" for the usual)
// and the data of each until ctx ends or the server does, which is an error, or f returns one.
func (c *Client) Stream(ctx context.Context, path string, f func(kind, data string) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The first line must come within the time for an answer, and then something every 15 s.
	silence := time.AfterFunc(c.timeout(), func() { cancel(errSilence) })
	defer silence.Stop()
	err := c.stream(ctx, path, func() { silence.Reset(max(c.timeout(), mostSilence)) }, f)
	if errors.Is(context.Cause(ctx), errSilence) {
		return fmt.Errorf("the server at %s says nothing", c.Addr)
	}
	return err
}

// errSilence ends a stream from which nothing comes.
var errSilence = errors.New("nothing comes")

// mostSilence is how long nothing may come of a stream: a server sends a comment every 15 s.
const mostSilence = 45 * time.Second

// stream is Stream; heard is called for each line.
func (c *Client) stream(ctx context.Context, path string, heard func(), f func(kind, data string) error) error {
	res, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
		var got struct {
			Error string `json:"error"`
		}
		if json.Unmarshal(text, &got) == nil && got.Error != "" {
			return fmt.Errorf("%s", got.Error)
		}
		return c.strange(res.StatusCode, text)
	}
	kind := ""
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		heard()
		line := lines.Text()
		switch {
		case line == "":
			kind = ""
		case strings.HasPrefix(line, "event: "):
			kind = line[len("event: "):]
		case strings.HasPrefix(line, "data: "):
			if err := f(kind, line[len("data: "):]); err != nil {
				return err
			}
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("the server at %s has ended: %w", c.Addr, err)
	}
	return fmt.Errorf("the server at %s has ended", c.Addr)
}
