package plugin

// The bindings, for a replay.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sipscript/sipscript/modules/registrar"
)

// mostKept bounds the bindings of a snapshot: some 300 bytes each.
const mostKept = 10_000

// Snapshot implements host.Stateful.
func (p *plugged) Snapshot(context.Context) (json.RawMessage, error) {
	now, attached := p.now()
	if !p.listed || !attached {
		return nil, errors.New("the bindings are in Redis, and are not listed")
	}
	list, more := p.Registrar.Snapshot(mostKept, now)
	text, err := json.Marshal(list)
	if err == nil && more {
		err = fmt.Errorf("there are more than %d bindings", mostKept)
	}
	return text, err
}

// Restore implements host.Stateful.
func (p *plugged) Restore(ctx context.Context, text json.RawMessage) error {
	var list []registrar.Entry
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	now, _ := p.now()
	return p.Registrar.Restore(ctx, list, now, now.Add(30*24*time.Hour))
}
