package pv

// The variables there are.

// shape is what follows a variable's name.
type shape uint8

const (
	plain    shape = iota
	named          // (name)
	listed         // (name), or (s:name)
	keyed          // (name) or (name=>key)
	needsKey       // (name=>key)
	other          // ($variable)
	ofCall         // (name), one of dialogNames
)

// dialogNames are what $dlg(name) has here.
var dialogNames = []string{"h_id", "h_entry", "state", "lifetime", "start_ts", "callid", "from_uri", "to_uri", "from_tag", "to_tag",
	"from_contact", "to_contact", "toroute", "dflags", "sflags"}

// shapes has the names. What is not here is refused where a script is checked.
var shapes = func() map[string]shape {
	m := map[string]shape{"hdr": named, "var": named, "shv": named, "dlg_var": named, "avp": listed, "xavp": keyed,
		"sht": needsKey, "ulc": needsKey, "T_req": other, "T_rpl": other, "T": named, "dlg": ofCall, "branch": named, "def": named, "env": named}
	for _, name := range []string{"ru", "rU", "rd", "rp", "rP", "rm", "rs", "rr", "rb", "rv", "rz", "fu", "fU", "fd", "ft", "fn", "tu", "tU", "td", "tt", "tn",
		"ci", "cs", "ct", "cT", "cl", "ua", "si", "sp", "su", "pr", "proto", "Ri", "Rp", "Rn", "RAi", "du", "dd", "dp", "dP", "ds", "fs", "ou", "oU", "od", "ml", "mb", "mi", "mf", "bf", "bs", "pp",
		"TS", "Ts", "Tf", "au", "aU", "ad", "ar", "adu", "T_reply_code", "T_reply_reason", "T_branch_idx", "DLG_status", "DLG_count", "DLG_lifetime", "route_uri", "br", "bR", "hu", "re", "pu", "pU", "pd", "pn", "di", "dir", "ai", "null"} {
		m[name] = plain
	}
	return m
}()
