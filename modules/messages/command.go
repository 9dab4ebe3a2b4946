package messages

// What a running server reports.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/openapi"
)

// mostUsers bounds an answer about all users.
const mostUsers = 1000

// waiting is a user with messages.
type waiting struct {
	AOR      string    `json:"aor"`
	Messages int       `json:"messages"`
	Oldest   time.Time `json:"oldest"`
}

// item is a message, without what it says.
type item struct {
	From        string    `json:"from"`
	CallID      string    `json:"call_id"`
	ContentType string    `json:"content_type,omitempty"`
	Size        int       `json:"size"`
	Arrived     time.Time `json:"arrived"`
	Expires     time.Time `json:"expires"`
}

// report is the answer of the API.
type report struct {
	Users    []waiting `json:"users,omitempty"`
	Messages []item    `json:"messages,omitempty"`
}

// API is what a running server tells of them. What messages say is never shown.
func (s *Messages) API() []openapi.Operation {
	return []openapi.Operation{{Method: "GET", Path: "/pending", Summary: "list who has messages, or what waits for one", Answer: report{}, Fails: []int{400, 503}, Serve: s.answerPending,
		Query: []openapi.Param{{Name: "aor", Doc: "the address of one user"}}}}
}

func (s *Messages) answerPending(w http.ResponseWriter, r *http.Request) {
	aor := r.URL.Query().Get("aor")
	var answer report
	var err error
	if aor == "" {
		answer.Users, err = s.waiting(r.Context())
	} else {
		uri, bad := message.ParseURI([]byte(aor))
		d := s.deliverer.Load()
		if bad != nil || d == nil {
			host.Refuse(w, http.StatusBadRequest, errors.Join(bad, errors.New("aor is a SIP URI, such as sip:bob@example.com")))
			return
		}
		answer.Messages, err = s.items(r.Context(), string(d.engine.AppendAddress(nil, &uri)))
	}
	if err != nil {
		host.Refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	host.Answer(w, http.StatusOK, answer)
}

func (s *Messages) waiting(ctx context.Context) (list []waiting, err error) {
	bad := s.store.Users(ctx, func(aor string) bool {
		var all []*Message
		if all, err = s.store.Pending(ctx, aor, mostPerUser); err != nil {
			return false
		}
		if len(all) > 0 {
			list = append(list, waiting{aor, len(all), all[0].Arrived})
		}
		return len(list) < mostUsers
	})
	return list, errors.Join(err, bad)
}

func (s *Messages) items(ctx context.Context, aor string) (list []item, err error) {
	all, err := s.store.Pending(ctx, aor, mostUsers)
	for _, m := range all {
		list = append(list, item{m.From, m.CallID, m.ContentType, len(m.Body), m.Arrived, m.Expires})
	}
	return list, err
}

func command() host.Command {
	return host.Command{Name: "messages", Usage: "show the messages that wait for users of a running server", Args: "[USER]", Remote: true, Flags: host.ShowFlags(),
		Description: "Without USER it lists who has messages, with a user's address what waits for them. What messages say is not shown.",
		Run: func(c *host.Invocation) error {
			if len(c.Args) > 1 {
				return host.Usagef("messages takes the address of one user")
			}
			path := "/api/v1/messages/pending"
			if len(c.Args) == 1 {
				path += "?aor=" + url.QueryEscape(c.Args[0])
			}
			return host.Show(c, path, view)
		}}
}

func view(a *report) host.View {
	if a.Users == nil && a.Messages == nil {
		return host.View{Table: []byte("no messages wait\n")}
	}
	rows := [][]string{{"USER", "MESSAGES", "OLDEST"}}
	for _, u := range a.Users {
		rows = append(rows, []string{u.AOR, fmt.Sprint(u.Messages), u.Oldest.Format(time.DateTime)})
	}
	if a.Messages != nil {
		rows = [][]string{{"ARRIVED", "FROM", "TYPE", "BYTES", "UNTIL"}}
	}
	for _, m := range a.Messages {
		rows = append(rows, []string{m.Arrived.Format(time.DateTime), host.Printable(m.From), host.Printable(m.ContentType), fmt.Sprint(m.Size), m.Expires.Format(time.DateTime)})
	}
	return host.View{Table: host.Table(rows...)}
}
