package luabind

// The arguments of req:reply.

import (
	"strings"

	"github.com/sipscript/sipscript/engine"
	lua "github.com/yuin/gopher-lua"
)

// replyOptions are the keys of reply's table.
type replyOptions struct {
	Headers     []engine.HeaderEdit `lua:"headers" doc:"{Name = text | list}, added to the response"`
	Body        string              `lua:"body"`
	ContentType string              `lua:"content_type" doc:"of the body"`
}

// replyCall are the arguments of reply.
type replyCall struct {
	code   int
	res    *resObj // in place of a code
	reason string
	opts   *engine.ReplyOptions
}

// replyArg reads code | response [, reason] [, {headers=, body=, content_type=}].
var replyArg = ArgOf(readReply,
	Param{Name: "code", Type: Integer, Or: []Type{ResponseType}, Min: "100", Max: "699", Doc: "from 100 to 699, or a response that fork returned"},
	Param{Name: "reason", Type: String, Optional: true, LeftOut: true, Default: "the standard one"},
	Param{Name: "options", Type: Table, Optional: true, Options: replyOptions{}})

func readReply(c *Call, n int) (r replyCall) {
	l, at := c.l, n+1
	if s, ok := l.Get(at).(lua.LString); ok {
		r.reason = string(s)
		at++
		if strings.ContainsAny(r.reason, "\r\n\x00") {
			raise(l, "req:reply: the reason contains CR, LF or NUL")
		}
	} else if l.Get(at) == lua.LNil && l.GetTop() > at {
		at++
	}
	r.opts = c.vm.replyOptionsArg(l, at)
	switch first := l.Get(n).(type) {
	case lua.LNumber:
		r.code = int(first)
		if lua.LNumber(r.code) != first || r.code < 100 || r.code > 699 {
			raise(l, "req:reply: the code must be a whole number from 100 to 699, not %s", first.String())
		}
		return r
	case *lua.LUserData:
		if res, ok := first.Value.(*resObj); ok {
			if r.reason != "" {
				raise(l, "req:reply: a response is forwarded with its own reason")
			}
			res.check(l)
			r.res = res
			return r
		}
	}
	raise(l, "req:reply: argument 1 must be a code or a response, not %s", describe(l.Get(n)))
	return r
}

func reqReply(c *Call, o *reqObj, r replyCall) decision {
	var ok bool
	var err error
	switch {
	case r.res == nil:
		ok, err = c.vm.reply(o, r.code, r.reason, r.opts)
	case r.res.life != o: // its Via, tags and CSeq are those of another transaction
		raise(c.l, "req:reply: only a response to this request can be forwarded as it is; reply(res.code, res.reason) answers with the code of another")
	default:
		ok, err = c.vm.replyWith(o, r.res, r.opts)
	}
	return decision{"reply", ok, err}
}

func (v *vm) replyOptionsArg(l *lua.LState, at int) *engine.ReplyOptions {
	switch t := l.Get(at).(type) {
	case *lua.LNilType:
		return nil
	case *lua.LTable:
		var opts replyOptions
		if err := decodeTable(v, t, &opts); err != nil {
			raise(l, "req:reply: %v", err)
		}
		if opts.Body != "" {
			if err := bodyType(&opts.Headers, &opts.ContentType); err != nil {
				raise(l, "req:reply: %v", err)
			}
		}
		r := &engine.ReplyOptions{Headers: opts.Headers, ContentType: opts.ContentType}
		if opts.Body != "" {
			if opts.ContentType == "" {
				raise(l, "req:reply: a body needs a content_type")
			}
			r.Body = []byte(opts.Body)
		}
		return r
	}
	raise(l, "req:reply: argument %d must be a reason or a table of options, not %s", at-1, describe(l.Get(at)))
	return nil
}
