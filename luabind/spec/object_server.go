package spec

import (
	"fmt"
	"log/slog"

	"github.com/sipscript/sipscript/luabind"
)

// This file is what specs see of a server.

// serverType is never changed.
var serverType = &luabind.ObjectType{
	Name: "server", Doc: "A server of the test.",
	Fields: []luabind.Field{
		luabind.FieldOf("addr", luabind.ReturnsText(`where it listens: "10.0.0.1:5060"`), func(_ *luabind.Call, s *server) string { return s.addr.String() }),
		luabind.FieldOf("log", luabind.ReturnsText("everything the test's servers have logged so far"),
			func(_ *luabind.Call, s *server) string { return s.w.log.text(slog.LevelDebug) }),
	},
	Methods: serverMethods(),
}

// ObjectType makes it an object of scripts.
func (*server) ObjectType() *luabind.ObjectType { return serverType }

// metric is the value of one; nil: there is none.
func serverMetric(c *luabind.Call, s *server, name string, labels any) *float64 {
	if s.engine == nil {
		c.Raise("the server at %s does not run", s.addr)
	}
	wanted, _ := labels.(map[string]any)
	for _, m := range s.router.Metrics() {
		full := m.Name
		if !m.Own {
			full = "sipscript_" + m.Name
		}
		if full != name || !sameLabels(m.Labels, wanted) {
			continue
		}
		if m.Kind == luabind.Histogram {
			_, _, count, _ := m.Buckets()
			n := float64(count)
			return &n
		}
		n := m.Value()
		return &n
	}
	return nil
}

func sameLabels(has map[string]string, wanted map[string]any) bool {
	for k, v := range has {
		if w, ok := wanted[k]; !ok || fmt.Sprint(w) != v {
			return false
		}
	}
	return len(has) == len(wanted)
}

func pushFigure(c *luabind.Call, n *float64) int {
	if n == nil {
		return c.PushNil()
	}
	return c.PushNumber(*n)
}
