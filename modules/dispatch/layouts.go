package dispatch

// Lists as other systems have them: the table dispatcher of Kamailio and of OpenSIPS, and
// Kamailio's list file.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/modules/dispatch/gateways"
	"github.com/sipscript/sipscript/modules/source"
)

// row is a row of their tables.
type row struct {
	Set         int    `lua:"setid"`
	Destination string `lua:"destination"`
	Flags       int    `lua:"flags"`    // Kamailio's
	State       int    `lua:"state"`    // OpenSIPS's
	Socket      string `lua:"socket"`   // OpenSIPS's; Kamailio has it in attrs
	Weight      string `lua:"weight"`   // OpenSIPS's; Kamailio has it in attrs
	Priority    int    `lua:"priority"` // the highest comes first
	Attrs       string `lua:"attrs"`
	Description string `lua:"description"`
}

// queries are those for one set.
func queries(set int) map[string]string {
	return map[string]string{
		"kamailio": fmt.Sprintf(`SELECT setid, destination, flags, priority, attrs, description FROM dispatcher WHERE setid = %d ORDER BY id`, set),
		"opensips": fmt.Sprintf(`SELECT setid, destination, socket, state, weight, priority, attrs, description FROM dispatcher WHERE setid = %d ORDER BY id`, set),
	}
}

// Bits of Kamailio's flags.
const (
	flagInactive = 1
	flagDisabled = 4
)

// openLayout opens a list of another system's; set is its setid.
func openLayout(ctx context.Context, spec source.Spec, set int, so source.Options[gateways.Entry, []gateways.Entry]) (*source.List[[]gateways.Entry], error) {
	return source.Open(ctx, spec, source.Options[row, []gateways.Entry]{Name: so.Name, Clients: so.Clients, Keep: so.Keep, Log: so.Log, Max: so.Max,
		Layouts: queries(set), Default: row{Weight: ""}, Line: line,
		Build: func(rows []row) ([]gateways.Entry, error) {
			var list []gateways.Entry
			weighted := slices.ContainsFunc(rows, func(r row) bool { return r.Set == set && r.weight() != "" })
			for i := range rows {
				if rows[i].Set != set {
					continue
				}
				e, err := rows[i].entry(weighted)
				if err == nil {
					err = e.Check()
				}
				if err != nil {
					return nil, source.At(i, err)
				}
				// They allow a destination twice; here that is one gateway.
				if !slices.ContainsFunc(list, func(x gateways.Entry) bool { return x.NextHop == e.NextHop && x.FromSocket == e.FromSocket }) {
					list = append(list, e)
				}
			}
			if list == nil && spec.Layout != "" && strings.HasPrefix(spec.URL, "file:") {
				return nil, fmt.Errorf("there is no set %d in %s", set, spec.Name())
			}
			return so.Build(list)
		}})
}

// attributes are those of attrs: name=value, separated by semicolons.
func (r *row) attributes() map[string]any {
	m := map[string]any{}
	for part := range strings.SplitSeq(r.Attrs, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if name != "" {
			m[name] = value
		}
	}
	return m
}

// weight is the weight as it is written, "" for none.
func (r *row) weight() string {
	if r.Weight != "" {
		return r.Weight
	}
	m := r.attributes()
	for _, name := range []string{"weight", "rweight"} {
		if text, ok := m[name].(string); ok {
			return text
		}
	}
	return ""
}

// entry is the row as a gateway. weighted: some row of the set has a weight, and the others none.
func (r *row) entry(weighted bool) (e gateways.Entry, err error) {
	e = gateways.NewEntry()
	if r.Destination == "" {
		return e, errors.New("destination is empty")
	}
	e.NextHop, e.FromSocket, e.Attrs = r.Destination, r.Socket, r.attributes()
	e.Priority = -r.Priority // theirs: the highest first
	if weighted {
		e.Weight = 0
	}
	if text := r.weight(); text != "" {
		if e.Weight, err = strconv.Atoi(text); err != nil || e.Weight < 0 {
			return e, fmt.Errorf("attrs: weight %.20q is not a whole number", text)
		}
	}
	if text, ok := e.Attrs["socket"].(string); ok {
		e.FromSocket = text
	}
	if text, ok := e.Attrs["maxload"].(string); ok {
		if e.MaxCalls, err = strconv.Atoi(text); err != nil || e.MaxCalls < 0 {
			return e, fmt.Errorf("attrs: maxload %.20q is not a whole number", text)
		}
	}
	if r.Description != "" {
		e.Attrs["description"] = r.Description
	}
	switch {
	case r.Flags&flagDisabled != 0:
		e.State = "disabled"
	case r.Flags&flagInactive != 0, r.State != 0:
		e.State = "down"
	}
	return e, nil
}

// line reads a line of Kamailio's list file: setid, destination, and perhaps flags, priority and
// attributes.
func line(text string) (r row, is bool, err error) {
	text, _, _ = strings.Cut(text, "#")
	f := strings.Fields(text)
	if len(f) == 0 {
		return r, false, nil
	}
	if len(f) < 2 || len(f) > 5 {
		return r, true, errors.New("expected: setid destination [flags [priority [attributes]]]")
	}
	r.Destination = f[1]
	for i, into := range []*int{&r.Set, nil, &r.Flags, &r.Priority} {
		if into == nil || i >= len(f) {
			continue
		}
		if *into, err = strconv.Atoi(f[i]); err != nil {
			return r, true, fmt.Errorf("%.20q is not a whole number", f[i])
		}
	}
	if len(f) == 5 {
		r.Attrs = f[4]
	}
	return r, true, nil
}

// setidOf takes the setid out of a source; without one, a name that is a number is it. -1: none.
func setidOf(name string, value any) (setid int, rest any, err error) {
	setid, err = strconv.Atoi(name)
	if err != nil || setid < 0 {
		setid = -1
	}
	t, ok := value.(map[string]any)
	said, given := t["setid"]
	if !ok || !given || t["url"] == nil {
		return setid, value, nil
	}
	n, ok := said.(float64)
	if !ok || n < 0 || n > 1<<31 || n != float64(int(n)) {
		return 0, nil, errors.New("setid must be a whole number")
	}
	own := map[string]any{}
	for key, x := range t {
		if key != "setid" {
			own[key] = x
		}
	}
	return int(n), own, nil
}

// quoted is a name within a text of SQL.
func quoted(name string) string {
	return strings.NewReplacer("'", "''", `\`, "").Replace(name)
}
