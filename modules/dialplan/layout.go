package dialplan

// The tables of Kamailio and OpenSIPS.

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// layouts are the queries for one plan: Kamailio and OpenSIPS tell plans by dpid.
func layouts(dpid int) map[string]string {
	return map[string]string{
		"kamailio": fmt.Sprintf(`SELECT pr, match_op, match_exp, match_len, subst_exp, repl_exp, attrs FROM dialplan WHERE dpid = %d ORDER BY pr, id`, dpid),
		"opensips": fmt.Sprintf(`SELECT pr, match_op, match_exp, match_flags, subst_exp, repl_exp, timerec, disabled, attrs FROM dialplan WHERE dpid = %d ORDER BY pr, id`, dpid),
	}
}

// Their operators.
const (
	opEqual = iota
	opRegex
	opGlob // fnmatch(3), Kamailio's only
)

// row is a row of their tables.
type row struct {
	Priority int    `lua:"pr"`
	Op       int    `lua:"match_op"`
	Match    string `lua:"match_exp"`
	Length   int    `lua:"match_len" min:"0"`
	Flags    int    `lua:"match_flags"`
	Subst    string `lua:"subst_exp"`
	Replace  string `lua:"repl_exp"`
	Times    string `lua:"timerec"`
	Disabled int    `lua:"disabled"`
	Attrs    string `lua:"attrs"`
}

// addRow takes in a row. Its result is what repl_exp says and nothing else, and rules for one
// length go before the others, whatever their priority: so do they there.
func (b *builder) addRow(r *row) error {
	if r.Disabled != 0 {
		return nil
	}
	if r.Times != "" {
		return fmt.Errorf("timerec %.60q: rules that apply at times are not supported", r.Times)
	}
	g, err := b.group(order{exact: r.Length > 0, priority: r.Priority})
	if err != nil {
		return err
	}
	x := &pattern{length: r.Length, whole: true}
	if r.Attrs != "" {
		x.attrs = map[string]any{"text": r.Attrs}
	}
	flags := ""
	if r.Flags&1 != 0 {
		flags = "(?i)"
	}
	switch r.Op {
	case opEqual:
		if flags != "" {
			x.match, err = b.compile(flags + "^" + regexp.QuoteMeta(r.Match) + "$")
		}
	case opRegex:
		x.match, err = b.compile(flags + r.Match)
	case opGlob:
		x.match, err = b.compile(glob(r.Match))
	default:
		err = fmt.Errorf("match_op %d is none of 0, 1 and 2", r.Op)
	}
	if err == nil {
		err = x.replaced(b, r)
	}
	if err != nil {
		return err
	}
	b.rules++
	if x.match != nil {
		g.g.patterns = append(g.g.patterns, x)
		return nil
	}
	if g.g.equal == nil {
		g.g.equal = map[string]*pattern{}
	}
	if g.g.equal[r.Match] == nil { // otherwise the first counts
		g.g.equal[r.Match] = x
	}
	return nil
}

// replaced reads what the result is made of.
func (x *pattern) replaced(b *builder, r *row) (err error) {
	if r.Replace == "" {
		return nil
	}
	if strings.ContainsRune(r.Replace, '$') {
		return errors.New("repl_exp: variables are not supported: use a function in a script's table")
	}
	captures := 0
	if r.Subst != "" {
		if x.subst, err = b.compile(r.Subst); err != nil {
			return fmt.Errorf("subst_exp: %w", err)
		}
		captures = x.subst.NumSubexp()
	}
	x.replace, err = parseTemplate(r.Replace, '\\', captures)
	return err
}

// glob is a regular expression for what fnmatch(3) matches.
func glob(text string) string {
	var b strings.Builder
	b.WriteString("^(?s:")
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteByte('.')
		case '[':
			end := strings.IndexByte(text[i+1:], ']')
			if end <= 0 {
				b.WriteString(`\[`)
				continue
			}
			set := text[i+1 : i+1+end]
			b.WriteByte('[')
			if set[0] == '!' {
				b.WriteByte('^')
				set = set[1:]
			}
			b.WriteString(strings.ReplaceAll(set, `\`, `\\`))
			b.WriteByte(']')
			i += end + 1
		case '\\':
			if i++; i < len(text) {
				b.WriteString(regexp.QuoteMeta(text[i : i+1]))
			}
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	b.WriteString(")$")
	return b.String()
}
