package lcr

// Our own table, and those of Kamailio and OpenSIPS.

import (
	"errors"
	"fmt"
	"strings"
)

// query reads our own table.
const query = `SELECT prefix, carrier, cost, valid_from, valid_to, days, hours, quality, account, attrs FROM lcr_rates`

// layouts are the queries for others' tables: Kamailio's module lcr, and OpenSIPS's drouting. They
// have priorities in the place of costs.
var layouts = map[string]string{
	"kamailio": `SELECT r.prefix AS prefix, g.gw_name AS carrier, t.priority AS cost FROM lcr_rule r
		JOIN lcr_rule_target t ON t.rule_id = r.id AND t.lcr_id = r.lcr_id JOIN lcr_gw g ON g.id = t.gw_id AND g.lcr_id = t.lcr_id WHERE r.enabled <> 0`,
	"opensips": `SELECT prefix, timerec, gwlist FROM dr_rules`,
}

// drRule is a row of dr_rules.
type drRule struct {
	Prefix string `lua:"prefix"`
	Times  string `lua:"timerec"`
	List   string `lua:"gwlist,required"`
}

// addRule takes in a rule: the first gateway or carrier of its list costs 1, the next one 2.
func (b *builder) addRule(r *drRule) error {
	if r.Times != "" {
		return fmt.Errorf("timerec %.60q: rules that apply at times are not supported", r.Times)
	}
	cost := Cost(0)
	for part := range strings.FieldsFuncSeq(r.List, func(c rune) bool { return c == ',' || c == ';' }) {
		name, _, _ := strings.Cut(strings.TrimSpace(part), "=") // what follows is a weight
		if name = strings.TrimPrefix(name, "#"); name == "" {   // a carrier, not a gateway
			return errors.New("gwlist: a name is missing")
		}
		cost += unit
		if err := b.add(&Rate{Prefix: r.Prefix, Carrier: name, Cost: cost}); err != nil {
			return err
		}
	}
	return nil
}
