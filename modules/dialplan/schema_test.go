package dialplan_test

import (
	"fmt"
	"testing"

	"github.com/sipscript/sipscript/internal/sqlitetest"
	"github.com/sipscript/sipscript/modules/dialplan"
)

// Tables that are made as `sipscript schema dialplan` says are read.
func TestSchema(t *testing.T) {
	for layout, insert := range map[string]string{
		"":         `INSERT INTO dialplan_rules (plan, prefix, strip, addition) VALUES ('1', '0', 1, '+49'), ('2', '0', 1, '+1')`,
		"kamailio": `INSERT INTO dialplan (dpid, pr, match_op, match_exp, match_len, subst_exp, repl_exp, attrs) VALUES (1, 0, 1, '^0', 0, '^0(.*)$', '+49\1', '')`,
		"opensips": `INSERT INTO dialplan (dpid, pr, match_op, match_exp, match_flags, subst_exp, repl_exp, disabled) VALUES (1, 0, 1, '^0', 0, '^0(.*)$', '+49\1', 0)`,
	} {
		t.Run("layout "+layout, func(t *testing.T) {
			url := sqlitetest.New(t, append(dialplan.Schema(layout, "sqlite"), insert)...)
			if layout != "" {
				layout = fmt.Sprintf(", layout = %q", layout)
			}
			w := world(t, fmt.Sprintf(`dialplan.configure { plans = { ["1"] = { url = %q%s } } }`, url, layout))
			out, err := w.Eval("local dialplan = require \"dialplan\"\nreturn dialplan.translate('1', '030')")
			if err != nil || len(out) == 0 || out[0] != "+4930" {
				t.Errorf("%v %v", out, err)
			}
		})
	}
	if dialplan.Schema("asterisk", "sqlite") != nil {
		t.Error("there is a table for a layout that there is not")
	}
}
