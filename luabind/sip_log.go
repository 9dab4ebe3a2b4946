package luabind

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// sip.log, and print.

func (v *vm) sipLog() map[string]lua.LGFunction {
	fs := map[string]lua.LGFunction{}
	for name, level := range map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError} {
		fs["log."+name] = func(l *lua.LState) int {
			v.sipLogAt(l, level)
			return 0
		}
	}
	return fs
}

// sipLogAt is sip.log.LEVEL(format, ...). With one argument it is logged as it is. Nothing is formatted that nobody reads.
func (v *vm) sipLogAt(l *lua.LState, level slog.Level) {
	if !v.gen.router.opts.Log.Enabled(context.Background(), level) {
		return
	}
	var text string
	if l.GetTop() > 1 {
		if _, ok := l.Get(1).(lua.LString); !ok {
			raise(l, "sip.log: the format must be a string, not %s", describe(l.Get(1)))
		}
		text = formatted(l, 1)
	} else {
		text = l.ToStringMeta(l.Get(1)).String()
	}
	v.logger(l).Log(context.Background(), level, clip(text))
}

// maxLine bounds what one line of the log has of a script.
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
