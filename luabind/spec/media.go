package spec

// This file is what stands for rtpengine: t.rtpengine.

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sipscript/sipscript/luabind"
)

// mediaAnswer is what the function of t.rtpengine returns.
type mediaAnswer struct {
	SDP   string `lua:"sdp" doc:"the description that goes on; without it, the usual one"`
	Error string `lua:"error" doc:"in the place of an answer: why there is none"`
}

// mediaMock is t.rtpengine.
type mediaMock struct{ fn *luabind.Func } // nil: every command is carried out

// mediaHost is where the media of calls goes in specs (RFC 5737).
const mediaHost = "203.0.113.99"

// Media answers a command to rtpengine at a URI: by t.rtpengine.
func (o *outside) Media(uri string, command map[string]any) (map[string]any, error) {
	o.w.outsideMu.Lock()
	mock := o.media
	o.w.outsideMu.Unlock()
	what, _ := command["command"].(string)
	switch {
	case what == "ping":
		return map[string]any{"result": "pong"}, nil
	case mock == nil:
		return nil, o.fail("the script has rtpengine at %s carry out %q, which nothing answers: t.rtpengine()", uri, what)
	}
	answer := map[string]any{"result": "ok"}
	sdp, described := command["sdp"].(string)
	if described {
		answer["sdp"] = relayed(sdp)
	}
	if mock.fn == nil {
		return answer, nil
	}
	var a mediaAnswer
	if err := o.call("t.rtpengine", mock.fn, &a, command); err != nil {
		return nil, err
	}
	switch {
	case a.Error != "":
		return nil, errors.New(a.Error)
	case a.SDP != "":
		answer["sdp"] = a.SDP
	}
	return answer, nil
}

// relayed is a description whose media goes to mediaHost, each medium at its own port.
func relayed(sdp string) string {
	lines := strings.SplitAfter(sdp, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "c=IN IP") {
			end := line[len(strings.TrimRight(line, "\r\n")):]
			lines[i] = fmt.Sprintf("c=IN IP4 %s%s", mediaHost, end)
		}
	}
	return strings.Join(lines, "")
}

func (w *world) mediaFunctions() []luabind.Function {
	return []luabind.Function{
		luabind.Do1(luabind.Function{Name: "rtpengine",
			Doc: "Stands for the script's rtpengine: every command is carried out, and a description gets the address 203.0.113.99. A function decides otherwise: it gets " +
				"the command as a table, with the names of the protocol, and cannot wait. A command that nothing answers fails the test. The end of a call's media is not shown.",
			Example: "t.rtpengine(function(command)\n  if command.command == \"offer\" then return { error = \"no ports left\" } end\nend)"},
			luabind.FuncArg("fn", "function(command)", "returns {sdp=}, {error=} or nothing").Optional(),
			func(_ *luabind.Call, fn *luabind.Func) {
				w.outsideMu.Lock()
				defer w.outsideMu.Unlock()
				w.outside.media = &mediaMock{fn}
			}),
	}
}
