package kemi_test

import (
	"testing"
	"time"
)

// Entries of a table end with the server's clock, whoever reads them.
func TestTableExpires(t *testing.T) {
	const text = `function ksr_request_route()
  if KSR.is_MESSAGE() then KSR.pv.seti("$sht(e=>k)", 5) end
  KSR.hdr.append_to_reply("X-Got: " .. tostring(KSR.pv.get("$sht(e=>k)")) .. tostring(KSR.htable.sht_get("e", "k")))
  KSR.sl.send_reply(299, "Got")
end`
	w, err := loadFiles(t, "", "kamailio.cfg", map[string]string{"k.lua": text, "kamailio.cfg": config("htable", `modparam("htable", "htable", "e=>size=8;autoexpire=100;")`)})
	if err != nil {
		t.Fatal(err)
	}
	if got := header(w.Ask("MESSAGE", "sip:example.com"), "X-Got"); got != "55" {
		t.Error(got)
	}
	w.Run(50 * time.Second)
	if got := header(w.Ask("OPTIONS", "sip:example.com"), "X-Got"); got != "55" {
		t.Errorf("before: %s", got)
	}
	w.Run(60 * time.Second)
	if got := header(w.Ask("OPTIONS", "sip:example.com"), "X-Got"); got != "nilnil" {
		t.Errorf("after: %s", got)
	}
}
