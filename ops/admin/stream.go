package admin

// Following what a server tells: server-sent events.

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxEvent bounds one event, in bytes.
const maxEvent = 1 << 20

// Stream requests a path of the API that tells events, and calls f with the kind ("" for the usual)
// and the data of each until ctx ends or the server does, which is an error, or f returns one.
func (c *Client) Stream(ctx context.Context, path string, f func(kind, data string) error) error {
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
