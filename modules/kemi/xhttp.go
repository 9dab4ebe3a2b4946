package kemi

// KSR.xhttp: what answers HTTP requests.

import (
	"github.com/sipscript/sipscript/modules/kemi/pv"
)

// answer is what an HTTP request is answered.
type answer struct {
	code       int
	kind, body string
}

func xhttpRows() []Row {
	return []Row{
		{Name: "xhttp.xhttp_reply", Params: "isss", Result: "int", Does: "answers the HTTP request of event_callback, on --http",
			Differs: "the reason is the standard one; what comes after the first answer is not sent; a request that the script does not answer gets 404, and one that has an error 500", call: xhttpReply},
		{Name: "xhttp.get_hu", Result: "xval", Does: "$hu: path and query of an HTTP request", call: func(k *call) int { return k.push(k.value(&pv.Var{Name: "hu"})) }},
	}
}

// xhttpReply is xhttp_reply(code, reason, type, body).
func xhttpReply(k *call) int {
	e := k.f.event
	code, body := k.int(1), k.str(4)
	switch {
	case e == nil || !e.http:
		k.log("there is no HTTP request")
		return k.num(-1)
	case code < 200 || code > 599 || len(body) > maxHTTPBody:
		k.log("an HTTP request is answered by a code from 200 to 599 and at most 1 MiB")
		return k.num(-1)
	case k.f.answer != nil:
		k.log("the HTTP request was answered before")
	default:
		k.f.answer = &answer{code: code, kind: k.str(3), body: body}
	}
	return k.num(0)
}

// httpAnswer is http_answer() -> code, type, body, or nil.
func httpAnswer(k *call) int {
	a := k.f.answer
	if a == nil {
		return k.c.PushNil()
	}
	k.num(a.code)
	k.c.PushString(a.kind)
	k.c.PushString(a.body)
	return 3
}
