package kemi_test

import (
	_ "embed"
	"slices"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/modules/kemi"
)

// byUse are the 120 functions that public scripts call most.
//
//go:embed testdata/by-use.txt
var byUse string

// missing are those that are not there, each with its reason.
var missing = map[string]string{
	"drop": "Kamailio does not have it", "sl.sreply": "Kamailio 5.6 does not have it", "xmlrpc.dispatch_rpc": "XML-RPC",
}

func TestBreadth(t *testing.T) {
	names := strings.Fields(byUse)
	if len(names) != 120 {
		t.Fatalf("%d functions", len(names))
	}
	var not []string
	for _, name := range names {
		if !slices.ContainsFunc(kemi.Rows(), func(r kemi.Row) bool { return r.Name == name }) {
			not = append(not, name)
			if missing[name] == "" {
				t.Errorf("%s is not there", name)
			}
		}
	}
	if len(not) != len(missing) {
		t.Errorf("%d are missing, of which %d were", len(not), len(missing))
	}
	t.Logf("%d of 120 are there; not: %s", 120-len(not), strings.Join(not, ", "))
}
