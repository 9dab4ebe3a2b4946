// Package mwi is the document of message-waiting lamps: application/simple-message-summary (RFC
// 3842).
package mwi

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Type is that of the documents.
const Type = "application/simple-message-summary"

// maxCount is the most that a counter says (RFC 3842 §5.2 has 10 digits).
const maxCount = 1<<32 - 1

// Count is how many messages of a class there are: New and Old ones, UrgentNew and UrgentOld among
// them.
type Count struct{ New, Old, UrgentNew, UrgentOld int }

// Summary is what waits for a user.
type Summary struct {
	Waiting bool    // the lamp is lit
	Account string  // the URI of the mailbox, "" for none
	Classes []Class // those that are counted
}

// Class is one kind of messages: "voice-message", "fax-message" (RFC 3458 §6.2).
type Class struct {
	Name string // in lower case
	Count
	Urgent bool // the urgent ones are counted
}

// classes are those that there are.
var classes = []string{"voice-message", "video-message", "fax-message", "pager-message", "multimedia-message", "text-message", "none"}

// Known reports whether there is a class of that name, and returns it in lower case.
func Known(name string) (string, bool) {
	for _, c := range classes {
		if strings.EqualFold(c, name) {
			return c, true
		}
	}
	return "", false
}

// Append writes the document.
func (s *Summary) Append(dst []byte) []byte {
	yes := "no"
	if s.Waiting {
		yes = "yes"
	}
	dst = append(dst, "Messages-Waiting: "+yes+"\r\n"...)
	if s.Account != "" {
		dst = append(dst, "Message-Account: "+s.Account+"\r\n"...)
	}
	for _, c := range s.Classes {
		dst = fmt.Appendf(dst, "%s: %d/%d", strings.ToUpper(c.Name[:1])+c.Name[1:], c.New, c.Old)
		if c.Urgent {
			dst = fmt.Appendf(dst, " (%d/%d)", c.UrgentNew, c.UrgentOld)
		}
		dst = append(dst, "\r\n"...)
	}
	return dst
}

// Parse reads a document: what a voicemail server publishes. Message headers after the summary, and
// what is not known, are skipped.
func Parse(text []byte) (*Summary, error) {
	if len(text) > 16<<10 {
		return nil, errors.New("mwi: too large")
	}
	s := &Summary{}
	said := false
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" && said { // what follows are headers of messages
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		switch class, known := Known(name); {
		case name == "messages-waiting":
			if said = strings.EqualFold(value, "yes") || strings.EqualFold(value, "no"); !said {
				return nil, fmt.Errorf("mwi: Messages-Waiting: %.40q", value)
			}
			s.Waiting = strings.EqualFold(value, "yes")
		case name == "message-account":
			if strings.ContainsAny(value, " \t\"<>") {
				return nil, errors.New("mwi: bad Message-Account")
			}
			s.Account = value
		case known:
			c, err := parseCount(class, value)
			if err != nil || len(s.Classes) >= len(classes) {
				return nil, fmt.Errorf("mwi: %s: %.40q", class, value)
			}
			s.Classes = append(s.Classes, c)
		}
	}
	if !said { // RFC 3842 §5.2: it is required, and comes first
		return nil, errors.New("mwi: there is no Messages-Waiting")
	}
	return s, nil
}

// parseCount reads "2/8 (0/2)".
func parseCount(class, text string) (c Class, err error) {
	c.Name = class
	all, urgent, has := strings.Cut(text, "(")
	if c.New, c.Old, err = pair(all); err != nil {
		return c, err
	}
	if has {
		c.Urgent = true
		c.UrgentNew, c.UrgentOld, err = pair(strings.TrimSuffix(strings.TrimSpace(urgent), ")"))
	}
	return c, err
}

func pair(text string) (a, b int, err error) {
	first, second, _ := strings.Cut(strings.TrimSpace(text), "/")
	x, err1 := strconv.ParseUint(strings.TrimSpace(first), 10, 32)
	y, err2 := strconv.ParseUint(strings.TrimSpace(second), 10, 32)
	return int(min(x, maxCount)), int(min(y, maxCount)), errors.Join(err1, err2)
}
