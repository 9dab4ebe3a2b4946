package luabind

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// sip.log, and print.

func sipLog() []Function {
	var fs []Function
	for _, x := range []struct {
		name  string
		level slog.Level
	}{{"debug", slog.LevelDebug}, {"info", slog.LevelInfo}, {"warn", slog.LevelWarn}, {"error", slog.LevelError}} {
		fs = append(fs, Do2(Function{Name: "log." + x.name,
			Doc:     "Logs at level " + x.name + ", with Call-ID and method in handlers. A single argument, of any type, is logged as it is.",
			Raises:  "if the format needs more arguments than there are",
			Example: `sip.log.` + x.name + `("%s called %s", req.from.uri, req.ruri)`},
			luaArg(Param{Name: "format", Type: Any, Format: true, Doc: "as of string.format"}), restArg("values", "of the format"),
			func(c *Call, format lua.LValue, rest int) { c.vm.logAt(c.l, x.level, format, rest) }))
	}
	return fs
}

// logAt logs. Nothing is formatted that nobody reads.
func (v *vm) logAt(l *lua.LState, level slog.Level, format lua.LValue, rest int) {
	if !v.gen.router.opts.Log.Enabled(context.Background(), level) {
		return
	}
	var text string
	if l.GetTop() >= rest {
		if _, ok := format.(lua.LString); !ok {
			raise(l, "sip.log: the format must be a string, not %s", describe(format))
		}
		text = formatted(l, rest-1)
	} else {
		text = l.ToStringMeta(format).String()
	}
	v.logger(l).Log(context.Background(), level, clip(text))
}

// maxLine bounds the script's part of one log line.
const maxLine = 3500

// clip shortens a text that is too long for the log.
func clip(text string) string {
	if len(text) <= maxLine {
		return text
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(text[:maxLine], ""), len(text))
}

// logger logs with the place in the script and the request whose handler runs.
func (v *vm) logger(l *lua.LState) *slog.Logger {
	log := v.gen.router.opts.Log
	if req := v.request(); req != nil {
		log = v.log(req)
	}
	if at := position(l); at != "" {
		log = log.With("at", at)
	}
	return log
}

// position is the file and line of the script that called.
func position(l *lua.LState) string {
	for level := 0; level < 4; level++ {
		at := strings.TrimSuffix(l.Where(level), ":")
		if at != "" && !strings.HasPrefix(at, "[G]") {
			return at
		}
	}
	return ""
}
