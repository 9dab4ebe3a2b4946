package kemi

import (
	"strings"
	"testing"
)

func TestDatabase(t *testing.T) {
	for _, c := range []struct{ name, url, want string }{
		{"none", "", ""},
		{"MariaDB", "mysql://u:p@h/kamailio", "mysql://u:p@h/kamailio"},
		{"SQLite, relative to the root", "sqlite:////var/k.db", "sqlite:/var/k.db"},
		{"SQLite", "sqlite:///var/k.db", "sqlite:/var/k.db"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := database(c.url); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestSets(t *testing.T) {
	got := strings.Join(numbers(setNumber, `KSR.dispatcher.ds_select_dst(1, 4) ds_is_from_list("2") ds_next_dst() ds_list_exists(n)`), ",")
	if got != "1,2" {
		t.Error(got)
	}
}

func TestSetsOfFile(t *testing.T) {
	if got := strings.Join(setsOf("# gateways\n2 sip:a 0 0\n1 sip:b\n2 sip:c\nx y\n\n"), ","); got != "1,2" {
		t.Error(got)
	}
}

func TestGroups(t *testing.T) {
	got := strings.Join(numbers(groupNumber, `KSR.permissions.allow_source_address(1) allow_source_address( "7" ) allow_source_address(1) allow_source_address(n)`), ",")
	if got != "1,7" {
		t.Error(got)
	}
}
