package kemi_test

import "testing"

func TestVariableRows(t *testing.T) {
	via := []string{"X-A: one", "X-A:   two"}
	checkRows(t, []row{
		{id: "3/pv.get: text", lua: `KSR.pv.get("$ru"), KSR.pv.get("$rU"), KSR.pv.get("$rd"), KSR.pv.get("$fu"), KSR.pv.get("$fU"), KSR.pv.get("$rm")`,
			want: `"sip:bob@example.com"; "bob"; "example.com"; "sip:alice@example.com"; "alice"; "OPTIONS"`},
		{id: "3/pv.get: numbers", lua: `KSR.pv.get("$sp"), KSR.pv.get("$Rp"), KSR.pv.get("$cl"), KSR.pv.get("$T_branch_idx")`, want: "5060; 5060; 0; 0"},
		{id: "3/pv.get: $rp is text", lua: `KSR.pv.get("$rp"), KSR.pv.get("$cs"), KSR.pv.get("$rP"), KSR.pv.get("$pr"), KSR.pv.get("$proto")`, want: `"5060"; "7"; "UDP"; "udp"; "udp"`},
		{id: "3/pv.get: no user", lua: `KSR.pv.get("$rU")`, want: "nil", uri: "sip:example.com"},
		{id: "3/pv.get: no tag", lua: `KSR.pv.get("$tt"), KSR.pv.get("$fn"), KSR.pv.get("$tn")`, want: `nil; ""Alice A.""; nil`},
		{id: "3/pv.get: body and codes", lua: `KSR.pv.get("$rb"), KSR.pv.get("$rs"), KSR.pv.get("$rr"), KSR.pv.get("$du"), KSR.pv.get("$T_reply_code"), KSR.pv.get("$T_reply_reason")`, want: `""; nil; nil; nil; 0; ""`},
		{id: "3/pv.get: $hdr", lua: `KSR.pv.get("$hdr(x-a)"), KSR.pv.get("$(hdr(X-A)[1])"), KSR.pv.get("$(hdr(X-A)[-1])"), KSR.pv.get("$(hdr(X-A)[*])"), KSR.pv.get("$hdr(X-B)")`,
			want: `"one"; "two"; "two"; "one,two"; nil`, headers: via},
		{id: "3/pv.get: $avp", lua: `local none = KSR.pv.get("$avp(x)") KSR.pv.sets("$avp(x)", "a") KSR.pv.seti("$avp(x)", 2) return none, KSR.pv.get("$avp(x)"), KSR.pv.get("$(avp(x)[1])"), KSR.pv.get("$(avp(x)[*])"), KSR.pv.get("$(avp(x)[-1])"), KSR.pv.get("$avp(X)"), KSR.pv.get("$avp(s:x)")`,
			want: `nil; 2; "a"; "2, a"; nil; nil; 2`},
		{id: "3/pv.get: $var", lua: `KSR.pv.get("$var(never)"), KSR.pv.get("$shv(never)"), KSR.pv.is_null("$var(never)")`, want: "0; 0; false"},
		{id: "3/pv.get: $sht", lua: `KSR.pv.get("$sht(t=>none)"), KSR.pv.seti("$sht(t=>k)", 5), KSR.pv.get("$sht(t=>k)"), KSR.pv.unset("$sht(t=>k)"), KSR.pv.get("$sht(t=>k)")`, want: "nil; true; 5; true; nil"},
		{id: "3/pv.get: $sht with a variable", lua: `KSR.pv.sets("$sht(u=>$fU)", "x"), KSR.htable.sht_get("u", "alice")`, want: `true; "x"`},
		{id: "3/pv.get: $xavp", lua: `KSR.pv.sets("$xavp(a=>b)", "1") KSR.pv.sets("$xavp(a=>c)", "2") return KSR.pv.get("$xavp(a=>b)"), KSR.pv.get("$xavp(a[0]=>b)"), KSR.pv.get("$xavp(a[0]=>c)"), KSR.pv.get("$xavp(a)")`,
			want: `"1"; nil; "2"; "<<xavp:a>>"`},
		{id: "3/pv.get: $dlg_var", lua: `KSR.pv.get("$dlg_var(x)"), KSR.pv.sets("$dlg_var(x)", "1"), KSR.pv.get("$dlg_var(x)")`, want: `nil; true; "1"`},
		{id: "3/pv.get: unknown", lua: `local n = "$nosuch" return KSR.pv.get(n), KSR.pv.get("r" .. "u"), KSR.pv.get("$ru" .. "{uri.user}"), KSR.pv.gete(n), KSR.pv.is_null(n), KSR.pv.sets(n, "x")`, want: `nil; nil; nil; ""; true; false`},
		{id: "3/pv.get: transformations", lua: `KSR.pv.get("$(ru{uri.user}{s.len})"), KSR.pv.get("$(fu{uri.host})")`, want: `3; "example.com"`},
		{id: "3/pv.gete", lua: `KSR.pv.gete("$du"), KSR.pv.getw("$du"), KSR.pv.gete("$sp")`, want: `""; "<null>"; 5060`},
		{id: "3/pv.getvs", lua: `KSR.pv.getvs("$du", "d"), KSR.pv.getvs("$rU", "d"), KSR.pv.getvn("$du", 7), KSR.pv.getvn("$rU", 7)`, want: `"d"; "bob"; 7; "bob"`},
		{id: "3/pv.geti", lua: `KSR.pv.geti("$sp"), KSR.pv.geti("$rp"), KSR.pv.geti("$rU"), KSR.pv.geti("$du")`, want: "5060; 5060; 0; 0"},
		{id: "3/pv.is_null", lua: `KSR.pv.is_null("$du"), KSR.pv.is_null("$rb"), KSR.pv.is_null("$ru")`, want: "true; false; false"},
		{id: "3/pv.sets: URIs", lua: `KSR.pv.sets("$rU", "al"), KSR.pv.sets("$rd", "h"), KSR.pv.sets("$rp", "99"), KSR.pv.get("$ru"), KSR.pv.sets("$ru", "sip:x@y"), KSR.pv.get("$rU")`, want: `true; true; true; "sip:al@h:99"; true; "x"`},
		{id: "3/pv.sets: an empty user", lua: `KSR.pv.sets("$rU", ""), KSR.pv.get("$ru")`, want: `true; "sip:example.com"`},
		{id: "3/pv.sets: no URI", lua: `KSR.pv.sets("$ru", "garbage"), KSR.pv.get("$ru"), KSR.pv.sets("$du", "garbage"), KSR.pv.get("$du")`, want: `true; nil; true; "garbage"`},
		{id: "3/pv.sets: $fu is read as it was", lua: `KSR.pv.sets("$fu", "sip:x@y"), KSR.pv.get("$fu")`, want: `true; "sip:alice@example.com"`},
		{id: "3/pv.sets: read-only", lua: `KSR.pv.sets("$ci", "x"), KSR.pv.sets("$hdr(X-A)", "x"), KSR.pv.get("$hdr(X-A)")`, want: `true; true; "one"`, headers: via},
		{id: "3/pv.seti", lua: `KSR.pv.seti("$rp", 99), KSR.pv.get("$ru"), KSR.pv.seti("$rU", 5)`, want: `true; "sip:bob@example.com:99"; false`},
		{id: "3/pv.unset", lua: `KSR.setdsturi("sip:h") return KSR.pv.unset("$du"), KSR.pv.get("$du"), KSR.pv.unset("$ru"), KSR.pv.unset("$rU"), KSR.pv.get("$ru"), KSR.pv.unset("$ci")`, want: `true; nil; false; true; "sip:example.com"; true`},
		{id: "3/pv.unset: $avp", lua: `KSR.pv.sets("$avp(y)", "a") KSR.pv.sets("$avp(y)", "b") KSR.pv.unset("$avp(y)") local one = KSR.pv.get("$avp(y)") KSR.pv.unset("$(avp(y)[*])") return one, KSR.pv.get("$avp(y)")`, want: `"a"; nil`},
		{id: "3/pv.unset: $var", lua: `KSR.pv.sets("$var(x)", "a"), KSR.pv.unset("$var(x)"), KSR.pv.get("$var(x)"), KSR.pv.sets("$shv(u)", "a"), KSR.pv.unset("$shv(u)"), KSR.pv.get("$shv(u)")`, want: `true; true; 0; true; true; ""`},
		{id: "3/pvx", lua: `KSR.pvx.var_sets("x", "1"), KSR.pvx.var_get("x"), KSR.pvx.xavp_child_sets("a", "b", "c"), KSR.pvx.xavp_child_get("a", "b"), KSR.pvx.xavp_is_null("a"), KSR.pvx.xavp_is_null("z"), KSR.pvx.xavp_rm("z")`,
			want: `1; "1"; 1; "c"; -1; 1; 1`},
		{id: "3/pvx.xavp_getd", lua: `KSR.pvx.xavp_child_sets("a", "b", "c") return KSR.pvx.xavp_getd("a")[1].b[1], KSR.pvx.xavp_getd_p1("a", 0).b[1], KSR.pvx.xavp_getd("z")`, want: `"c"; "c"; nil`},
		{id: "3/pvx.evalx", lua: `KSR.pvx.evalx("$var(x)", "to $rU$$"), KSR.pv.get("$var(x)")`, want: `1; "to bob$"`},
	})
}

func TestHeaderRows(t *testing.T) {
	two := []string{"X-A: one", "X-A: two", "Subject: hi", "X-E:"}
	checkRows(t, []row{
		{id: "3/hdr.get", lua: `KSR.hdr.get("x-a"), KSR.hdr.get("s"), KSR.hdr.get("X-E"), KSR.hdr.get("X-Z"), KSR.hdr.gete("X-Z"), KSR.hdr.getw("X-Z"), KSR.hdr.get("")`, want: `"one"; "hi"; ""; nil; ""; "<null>"; nil`, headers: two},
		{id: "3/hdr.get_idx", lua: `KSR.hdr.get_idx("X-A", 0), KSR.hdr.get_idx("X-A", 1), KSR.hdr.get_idx("X-A", -1), KSR.hdr.get_idx("X-A", 2)`, want: `"one"; "two"; "two"; nil`, headers: two},
		{id: "3/hdr.is_present", lua: `KSR.hdr.is_present("X-A"), KSR.hdr.is_present("X-Z"), KSR.hdr.is_present(""), KSR.hdr.is_present(nil)`, want: "1; -1; -1; -1", headers: two},
		{id: "2/hdr.append: not readable", lua: `KSR.hdr.append("X-N: 1\r\n"), KSR.hdr.get("X-N"), KSR.textopsx.msg_apply_changes(), KSR.hdr.get("X-N")`, want: `1; nil; 1; "1"`},
		{id: "2/hdr.append: what is none", lua: `KSR.hdr.append(""), KSR.hdr.append(nil), KSR.hdr.append(true)`, want: "1; -1; -1"},
		{id: "2/hdr.append: malformed", lua: `KSR.hdr.append("x y: 1"), KSR.hdr.append("Via: SIP/2.0/UDP x")`, want: "-1; -1"},
		{id: "2/hdr.remove", lua: `KSR.hdr.remove("x-a"), KSR.hdr.get("X-A"), KSR.textopsx.msg_apply_changes(), KSR.hdr.get("X-A"), KSR.hdr.remove("X-A")`, want: `1; "one"; 1; nil; 1`, headers: two},
		{id: "3/hdr.insert", lua: `KSR.hdr.insert("X-A: zero\r\n"), KSR.textopsx.msg_apply_changes(), KSR.hdr.get("X-A")`, want: `1; 1; "zero"`, headers: two},
		{id: "3/hdr.rmappend", lua: `KSR.hdr.rmappend("X-A", "X-B: 1"), KSR.hdr.rminsert("X-Z", "X-C: 1"), KSR.textopsx.msg_apply_changes(), KSR.hdr.get("X-A"), KSR.hdr.get("X-B"), KSR.hdr.get("X-C")`, want: `1; 1; 1; nil; "1"; "1"`, headers: two},
		{id: "3/hdr.append_after", lua: `KSR.hdr.append_after("X-B: 1", "X-A"), KSR.hdr.insert_before("X-C: 1", "X-Z")`, want: "1; 1", headers: two},
		{id: "3/hdr.append_to_reply", lua: `KSR.hdr.append_to_reply("X-R: 1\r\n"), KSR.hdr.append_to_reply("x")`, want: "1; -1"},
		{id: "3/hdr.match_content", lua: `KSR.hdr.match_content("X-A", "eq", "ONE", "f"), KSR.hdr.match_content("X-A", "sw", "tw", "l"), KSR.hdr.match_content("X-A", "in", "o", "a"), KSR.hdr.match_content("X-A", "eq", "two", "o"), KSR.hdr.match_content("X-A", "re", "o", "f"), KSR.hdr.match_content("X-Z", "eq", "", "f")`,
			want: "true; true; true; true; false; false", headers: two},
		{id: "3/textops.set_body", lua: `KSR.textops.set_body("x", "text/plain"), KSR.textopsx.msg_apply_changes(), KSR.kx.get_body(), KSR.textops.has_body_type("text/plain")`, want: `1; 1; "x"; 1`},
		{id: "3/textops.remove_hf", lua: `KSR.textops.remove_hf("X-Z"), KSR.textops.is_present_hf("X-A")`, want: "1; 1", headers: two},
	})
}

func TestTableRows(t *testing.T) {
	checkRows(t, []row{
		{id: "2/htable.sht_match_name", lua: `KSR.htable.sht_match_name("m", "eq", "a"), KSR.htable.sht_seti("m", "a", 1), KSR.htable.sht_match_name("m", "eq", "a"), KSR.htable.sht_match_name("m", "ne", "a"), KSR.htable.sht_match_name("m", "sw", "a"), KSR.htable.sht_match_name("m", "re", "^a$"), KSR.htable.sht_match_name("m", "xx", "a")`,
			want: "-1; 1; 1; -1; 1; 1; -1"},
		{id: "4/htable.sht_get", lua: `KSR.htable.sht_sets("g", "a", "x"), KSR.htable.sht_get("g", "a"), KSR.htable.sht_seti("g", "b", 5), KSR.htable.sht_get("g", "b"), KSR.htable.sht_get("g", "z"), KSR.htable.sht_gete("g", "z"), KSR.htable.sht_getw("g", "z")`,
			want: `1; "x"; 1; 5; nil; ""; "<null>"`},
		{id: "4/htable.sht_inc", lua: `KSR.htable.sht_inc("i", "z"), KSR.htable.sht_seti("i", "n", 5), KSR.htable.sht_inc("i", "n"), KSR.htable.sht_dec("i", "n"), KSR.htable.sht_sets("i", "t", "x"), KSR.htable.sht_inc("i", "t")`, want: "-255; 1; 6; 5; 1; -255"},
		{id: "4/htable.sht_is_null", lua: `KSR.htable.sht_is_null("n", "a"), KSR.htable.sht_rm("n", "a"), KSR.htable.sht_setxi("n", "a", 1, 5), KSR.htable.sht_is_null("n", "a"), KSR.htable.sht_reset("n"), KSR.htable.sht_is_null("n", "a")`, want: "1; 1; 0; -1; 0; 1"},
		{id: "2/pike.pike_check_req", lua: `local n = {} for i = 1, 18 do n[i] = KSR.pike.pike_check_req() end return n[1], n[16], n[17], n[18]`, want: "1; 1; -2; -1"},
	})
}
