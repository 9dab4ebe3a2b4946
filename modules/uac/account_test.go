package uac

import "testing"

// A registrar is the same whatever its name looks like: the binding there stays when a reload
// writes it in another way.
func TestRegistrarsInAnySpelling(t *testing.T) {
	a := Account{Registrar: "sip:trunk.example", AOR: "sip:4930@trunk.example"}
	for registrar, same := range map[string]bool{
		"sip:TRUNK.example;transport=tcp": true,
		"sip:trunk.example.":              true,
		"sip:trunk.example.:5070":         true,
		"sip:trunk.example.net":           false,
	} {
		t.Run(registrar, func(t *testing.T) {
			b := a
			b.Registrar = registrar
			a.Contact, b.Contact = "sip:4930@192.0.2.1", "sip:4930@192.0.2.1"
			if got := a.rebinds(&b, nil); got != same {
				t.Errorf("%v", got)
			}
		})
	}
}

// What leads to this machine by name does so in any spelling.
func TestNearInAnySpelling(t *testing.T) {
	for uri, want := range map[string]bool{"sip:localhost": true, "sip:LOCALHOST.:5070": true, "sip:[::1]": true, "sip:localhost.example.com": false} {
		t.Run(uri, func(t *testing.T) {
			if _, near := reach(uri); near != want {
				t.Errorf("%v", near)
			}
		})
	}
}
