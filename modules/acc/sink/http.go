package sink

// HTTP servers.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/internal/spool"
)

// web is an HTTP server, which gets a list of records in each POST.
type web struct {
	client  *clients.HTTP
	url     string
	user    *url.Userinfo
	headers map[string]string
}

// HTTP is an HTTP server. Records go to its URL, as a list in JSON, by POST. 2xx: it has them all.
// 413 and 422 refuse a record for what is in it, 400 and 415 perhaps; 409 says that it has them;
// anything else is tried again. A user and password in the URL are sent as Basic authentication.
func HTTP(pool *clients.Pool, target string, headers map[string]string) (Sink, error) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" {
		return nil, errors.New("expected http://HOST/PATH or https://HOST/PATH")
	}
	w := &web{client: pool.HTTP(clients.HTTPOptions{Timeout: writeTime, Redirects: -1, MaxBody: 64 << 10}), user: u.User, headers: headers}
	u.User = nil
	w.url = u.String()
	return w, nil
}

// Write sends the records.
func (w *web) Write(ctx context.Context, list []spool.Record) error {
	body := []byte{'['}
	for i, r := range list {
		if i > 0 {
			body = append(body, ',', '\n')
		}
		body = append(body, r.Data...)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(append(body, ']')))
	if err != nil {
		return err
	}
	for name, value := range w.headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", fmt.Sprintf("%x-%d", list[0].Key[:], len(list)))
	if w.user != nil {
		password, _ := w.user.Password()
		req.SetBasicAuth(w.user.Username(), password)
	}
	answer, err := w.client.Do(req)
	if err != nil {
		return err
	}
	switch code := answer.Status; {
	case code >= 200 && code < 300, code == http.StatusConflict:
		return nil
	case code == http.StatusRequestEntityTooLarge, code == http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: the answer is %d: %.200s", ErrValues, code, answer.Body)
	case code == http.StatusBadRequest, code == http.StatusUnsupportedMediaType:
		return fmt.Errorf("%w: the answer is %d: %.200s", ErrRefused, code, answer.Body)
	default:
		return fmt.Errorf("the answer is %d: %.200s", code, answer.Body)
	}
}

// Close gives the client back.
func (w *web) Close() error { return w.client.Close() }
