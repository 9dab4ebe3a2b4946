package kemi_test

// Functions that compare texts, messages and addresses: what Kamailio 5.6.3 has returned for the
// same calls in the same INVITE.

import (
	"fmt"
	"strings"
	"testing"
)

// asked is the INVITE, without the beginning.
const asked = "From: \"Alice\" <sip:alice@example.com>;tag=f\r\nTo: <sip:bob@example.com>\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@10.0.0.2>\r\n" +
	"X-List: a,b,c\r\nPrivacy: id\r\nUser-Agent: test\r\nContent-Type: application/sdp\r\n"

const askedBody = "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n" +
	"a=sendrecv\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"

func TestTextRows(t *testing.T) {
	rows := []struct{ lua, want string }{
		{`KSR.is_proto("u")`, `true`},
		{`KSR.is_proto("ETSW")`, `false`},
		{`KSR.is_proto("xu")`, `true`},
		{`KSR.is_proto("")`, `false`},
		{`KSR.is_proto("UDP")`, `true`},
		{`KSR.setbiflag(2,0), KSR.resetbiflag(2,0), KSR.isbiflagset(2,0)`, `true; true; false`},
		{`KSR.kx.get_msgtype()`, `1`},
		{`KSR.kx.get_nhuri()`, `"sip:bob@example.com;x=1;user=phone"`},
		{`KSR.kx.gets_status()`, `nil`},
		{`KSR.pvx.avp_get("none"), KSR.pvx.avp_gete("none"), KSR.pvx.avp_getw("none"), KSR.pvx.avp_is_null("none")`, `nil; ""; "<null>"; 1`},
		{`KSR.pvx.xavp_child_sets("p","c","v"), KSR.pvx.xavp_child_is_null("p","c"), KSR.pvx.xavp_child_is_null("p","d"), KSR.pvx.xavp_child_rm("p","c"), KSR.pvx.xavp_child_is_null("p","c"), KSR.pvx.xavp_child_rm("p","c"), KSR.pvx.xavp_child_rm("q","c")`, `1; -1; 1; 1; 1; 1; 1`},
		{`KSR.xlog.xnotice("x $ru"), KSR.xlog.xcrit("x"), KSR.xlog.xalert("x")`, `1; 1; 1`},
		{`KSR.textops.search("Alice"), KSR.textops.search("NoSuchText"), KSR.textops.search("[")`, `1; -1; -1`},
		{`KSR.textops.search_body("audio"), KSR.textops.search_body("NoSuch"), KSR.textops.search_body("INVITE")`, `1; -1; -1`},
		{`KSR.textops.search_hf("X-List","b,c","a"), KSR.textops.search_hf("X-List","zz","a"), KSR.textops.search_hf("X-None","b","a"), KSR.textops.search_hf("x-list","b","f"), KSR.textops.search_hf("X-List","b","l")`, `1; -1; -1; 1; 1`},
		{`KSR.textops.search_str("abc","b"), KSR.textops.search_str("abc","^c"), KSR.textops.search_str("","b")`, `1; -1; -2`},
		{`KSR.textops.str_find("abc","bc"), KSR.textops.str_find("abc","x"), KSR.textops.str_ifind("aBC","bc"), KSR.textops.str_find("abc","")`, `2; -1; 2; 4`},
		{`KSR.textops.in_list("b","a,b,c",","), KSR.textops.in_list("x","a,b,c",","), KSR.textops.in_list("B","a,b,c",","), KSR.textops.in_list("b","a, b ,c",",")`, `1; -1; -1; 1`},
		{`KSR.textops.in_list_prefix("bcd","a,b,c",","), KSR.textops.in_list_prefix("x","a,b,c",",")`, `1; -1`},
		{`KSR.textops.is_privacy("id"), KSR.textops.is_privacy("user"), KSR.textops.is_privacy("nosuch")`, `1; -1; -1`},
		{`KSR.textops.is_present_hf_re("^X-L"), KSR.textops.is_present_hf_re("^Y-")`, `1; -1`},
		{`KSR.textops.remove_hf_re("^X-L"), KSR.textops.remove_hf_re("^Y-")`, `1; -1`},
		{`KSR.textops.subst_uri("/bob/carol/"), KSR.pv.get("$ru"), KSR.textops.subst_uri("/zz/carol/")`, `1; "sip:carol@example.com;x=1;user=phone"; -1`},
		{`KSR.textops.subst_user("/bo/ca/"), KSR.pv.get("$ru"), KSR.textops.subst_user("/zz/c/")`, `1; "sip:cab@example.com;x=1;user=phone"; -1`},
		{`KSR.siputils.is_tel_number("+4930"), KSR.siputils.is_tel_number("4930#"), KSR.siputils.is_tel_number("abc"), KSR.siputils.is_tel_number("")`, `1; -2; -2; -2`},
		{`KSR.siputils.is_alphanum("a1"), KSR.siputils.is_alphanum("a-1"), KSR.siputils.is_alphanum("")`, `1; -3; -2`},
		{`KSR.siputils.is_alphanumex("a-1","-"), KSR.siputils.is_alphanumex("a_1","-"), KSR.siputils.is_alphanumex("","-")`, `1; -3; -2`},
		{`KSR.siputils.cmp_uri("sip:a@h","sip:a@H"), KSR.siputils.cmp_uri("sip:a@h","sip:b@h"), KSR.siputils.cmp_uri("sip:a@h;x=1","sip:a@h"), KSR.siputils.cmp_uri("sip:a@h:5060","sip:a@h"), KSR.siputils.cmp_uri("x","sip:a@h")`, `1; -1; 1; -1; -2`},
		{`KSR.siputils.cmp_aor("sip:a@h;x=1","sip:a@H"), KSR.siputils.cmp_aor("sip:a@h","sip:b@h"), KSR.siputils.cmp_aor("sip:a@h:5060","sip:a@h"), KSR.siputils.cmp_aor("","sip:a@h")`, `1; -1; 1; -2`},
		{`KSR.siputils.cmp_hdr_name("From","f"), KSR.siputils.cmp_hdr_name("From","from"), KSR.siputils.cmp_hdr_name("From","To"), KSR.siputils.cmp_hdr_name("X-a","x-A")`, `1; 1; -1; 1`},
		{`KSR.siputils.uri_param_any("x"), KSR.siputils.uri_param_any("user"), KSR.siputils.uri_param_any("nosuch")`, `1; 1; -1`},
		{`KSR.siputils.add_uri_param("z=1"), KSR.pv.get("$ru"), KSR.siputils.uri_param_rm("z"), KSR.pv.get("$ru"), KSR.siputils.uri_param_rm("z")`, `1; "sip:bob@example.com;x=1;user=phone;z=1"; 1; "sip:bob@example.com;x=1;user=phone"; 1`},
		{`KSR.siputils.is_gruu(), KSR.siputils.is_user("bob"), KSR.siputils.is_user("x")`, `-1; -1; -1`},
		{`KSR.sdpops.sdp_content(), KSR.sdpops.sdp_with_ice(), KSR.sdpops.sdp_with_transport("RTP/AVP"), KSR.sdpops.sdp_with_transport("RTP/SAVP"), KSR.sdpops.sdp_with_transport_like("AVP"), KSR.sdpops.sdp_with_transport_like("SAVP")`, `1; -1; 1; -1; 1; -1`},
		{`KSR.sdpops.sdp_get_line_startswith("$avp(l)","a=rtpmap"), KSR.pv.get("$avp(l)")`, `1; "a=rtpmap:0 PCMU/8000"`},
		{`KSR.sdpops.sdp_get_line_startswith("$avp(l)","zz"), KSR.pv.get("$avp(l)")`, `-1; nil`},
		{`KSR.sdpops.sdp_transport("$avp(t)"), KSR.pv.get("$avp(t)")`, `1; "RTP/AVP"`},
		{`KSR.ipops.ip_type("127.0.0.1"), KSR.ipops.ip_type("::1"), KSR.ipops.ip_type("[::1]"), KSR.ipops.ip_type("x")`, `1; 2; 3; -1`},
		{`KSR.ipops.is_ip4("1.2.3.4"), KSR.ipops.is_ip4("::1"), KSR.ipops.is_ip6("::1"), KSR.ipops.is_ip6("1.2.3.4"), KSR.ipops.is_ip6_reference("[::1]"), KSR.ipops.is_ip6_reference("::1"), KSR.ipops.is_pure_ip("::1"), KSR.ipops.is_pure_ip("[::1]"), KSR.ipops.is_pure_ip("1.2.3.4"), KSR.ipops.compare_pure_ips("::1","0:0::1"), KSR.ipops.compare_pure_ips("::1","[::1]")`, `1; -1; 1; -1; 1; -1; 1; -1; 1; 1; -1`},
		{`KSR.ipops.ip_is_in_subnet("10.1.2.3","10.0.0.0/8"), KSR.ipops.ip_is_in_subnet("11.1.2.3","10.0.0.0/8"), KSR.ipops.ip_is_in_subnet("x","10.0.0.0/8")`, `1; -1; -1`},
		{`KSR.maxfwd.is_maxfwd_lt(10), KSR.maxfwd.is_maxfwd_lt(70), KSR.maxfwd.is_maxfwd_lt(71)`, `-1; -1; 1`},
		{`KSR.auth.has_credentials("example.com"), KSR.auth.has_credentials("x")`, `-1; -1`},
		{`KSR.corex.isxflagset(3), KSR.corex.setxflag(3), KSR.corex.isxflagset(3), KSR.corex.resetxflag(3), KSR.corex.isxflagset(3), KSR.corex.setxflag(33), KSR.corex.isxflagset(33), KSR.corex.setxflag(64)`, `-1; 1; 1; 1; -1; 1; 1; -1`},
		{`KSR.pvx.xavp_params_explode("a=1;b=2","pe"), KSR.pvx.xavp_child_get("pe","a"), KSR.pvx.xavp_child_get("pe","b")`, `1; "1"; "2"`},
		{`KSR.textopsx.hf_value_exists("X-List","b"), KSR.textopsx.hf_value_exists("X-List","zz"), KSR.textopsx.hf_value_exists("X-None","zz")`, `1; -1; -1`},
		{`KSR.regex.pcre_match("abc","^a"), KSR.regex.pcre_match("abc","^b")`, `1; -1`},
		{`KSR.textops.subst_uri("/(b)(o)/\\2\\1/"), KSR.pv.get("$ru"), KSR.textops.subst_uri("/B/x/i"), KSR.pv.get("$ru"), KSR.textops.subst_uri("#e#E#g"), KSR.pv.get("$ru")`, `1; "sip:obb@example.com;x=1;user=phone"; 1; "sip:oxb@example.com;x=1;user=phone"; 1; "sip:oxb@ExamplE.com;x=1;usEr=phonE"`},
		{`KSR.textops.search_hf("X-List","^a","a"), KSR.textops.search("^X-List"), KSR.textops.search_str("a\nb","^b"), KSR.textops.search_str("a.b","A")`, `1; 1; 1; 1`},
		{`KSR.textops.in_list("","a,,c",","), KSR.textops.in_list("a","",","), KSR.textops.in_list("a","a;b",";"), KSR.textops.in_list_prefix("a","ab",",")`, `-1; -1; 1; -1`},
		{`KSR.siputils.uri_param_rm("x"), KSR.pv.get("$ru"), KSR.siputils.uri_param_rm("user"), KSR.pv.get("$ru"), KSR.siputils.add_uri_param("lr"), KSR.pv.get("$ru"), KSR.siputils.add_uri_param("")`, `1; "sip:bob@example.com;user=phone"; 1; "sip:bob@example.com"; 1; "sip:bob@example.com;lr"; 1`},
		{`KSR.sdpops.sdp_with_media("AUDIO"), KSR.sdpops.sdp_with_transport("rtp/avp"), KSR.sdpops.sdp_with_transport_like("avp"), KSR.sdpops.sdp_with_media("")`, `1; 1; -1; 0`},
		{`KSR.sdpops.sdp_get_line_startswith("$var(l)","m="), KSR.pv.get("$var(l)"), KSR.sdpops.sdp_get_line_startswith("$avp(q)","m=video"), KSR.pv.get("$avp(q)")`, `-1; 0; 1; "m=video 0 RTP/AVP 96"`},
		{`KSR.pvx.xavp_params_explode("a=1;b=\"2\";c","pe"), KSR.pvx.xavp_child_get("pe","b"), KSR.pvx.xavp_child_get("pe","c"), KSR.pvx.xavp_params_explode("","pe")`, `1; "2"; ""; -1`},
		{`KSR.pvx.avp_sets("a","x"), KSR.pvx.avp_sets("a","y"), KSR.pvx.avp_rm("a"), KSR.pvx.avp_get("a")`, `1; 1; 1; "x"`},
		{`KSR.textopsx.hf_value_exists("x-list","c"), KSR.textopsx.hf_value_exists("X-List","C"), KSR.textopsx.hf_value_exists("Privacy","id")`, `1; 1; 1`},
		{`KSR.textopsx.fnmatch("a/b","a*"), KSR.textopsx.fnmatch("abc","a?c"), KSR.textopsx.fnmatch("abc","[a-c]*")`, `0; 0; 0`},
		{`KSR.regex.pcre_match("a\nb","^b"), KSR.regex.pcre_match("ABC","b"), KSR.regex.pcre_match("abc","(")`, `-1; -1; -4`},
		{`KSR.textops.str_find("","a"), KSR.textops.str_find("aba","a"), KSR.textops.str_ifind("xAb","AB")`, `-1; 1; 2`},
		{`KSR.is_proto("s"), KSR.is_proto("tU"), KSR.is_proto("e")`, `false; true; false`},
		{`KSR.textops.remove_hf_re("^X-L"), KSR.textopsx.msg_apply_changes(), KSR.hdr.get("X-List")`, `1; 1; nil`},
		{`KSR.setdsturi("sip:9.9.9.9"), KSR.kx.get_nhuri()`, `true; "sip:9.9.9.9"`},
		{`KSR.siputils.is_alphanum("ä"), KSR.siputils.is_tel_number("+"), KSR.siputils.is_tel_number("12")`, `-3; -2; 1`},
		{`KSR.ipops.ip_type(""), KSR.ipops.is_pure_ip("x"), KSR.ipops.compare_pure_ips("1.2.3.4","1.2.3.4"), KSR.ipops.compare_pure_ips("x","x"), KSR.ipops.ip_type("[1.2.3.4]")`, `-1; -1; 1; -1; -1`},
	}
	var b strings.Builder
	b.WriteString(show + "local rows = {}\n")
	for i, r := range rows {
		fmt.Fprintf(&b, "rows[%d] = function() return %s\nend\n", i, r.lua)
	}
	b.WriteString(`function ksr_request_route()
  local text = show(rows[tonumber(KSR.hdr.get("X-Row"))]())
  KSR.hdr.append_to_reply("X-Got: " .. text .. "\r\n")
  KSR.sl.sl_send_reply(299, "Got")
end`)
	w := world(t, b.String())
	for i, r := range rows {
		t.Run(r.lua, func(t *testing.T) {
			text := fmt.Sprintf("INVITE sip:bob@example.com;x=1;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK-r%d\r\nMax-Forwards: 70\r\nCall-ID: row-%d\r\nX-Row: %d\r\n%sContent-Length: %d\r\n\r\n%s",
				i, i, i, asked, len(askedBody), askedBody)
			if got := header(w.Send([]byte(text)), "X-Got"); got != r.want {
				t.Errorf("got  %s\nwant %s", got, r.want)
			}
		})
	}
}
