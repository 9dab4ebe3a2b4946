package kemi

import (
	"fmt"
	"slices"
	"strings"
)

// Document is docs/kemi.md: all functions of KSR, and in what they differ.
func Document() string {
	rows := Rows()
	slices.SortStableFunc(rows, func(a, b Row) int { return strings.Compare(moduleOf(a.Name), moduleOf(b.Name)) })
	var b strings.Builder
	fmt.Fprintf(&b, `# Functions of KEMI

What a script written for Kamailio's KEMI finds in KSR ([kemi](../modules/kemi/README.md)): %d
functions of Kamailio 5.6.3, made from the declarations of the module. A script that uses another
one is refused when it is loaded. Of the 120 that public scripts call most three are not there:
drop and sl.sreply, which Kamailio 5.6 does not have, and xmlrpc.dispatch_rpc: the admin API is
asked by HTTP and JSON. Results are those of Kamailio; an int is 1 for success, -1 for
failure, and both are true in Lua.

## What differs deliberately

- **One answer.** What a script sends after a final answer, or after a relay, is not sent, and an
  error is logged: there the caller gets both.
- **An answer in any case.** An error in ksr_request_route is answered 500, with file and line in
  the log: there the caller gets silence. A script that decides nothing answers nothing, as there.
- **A final reply is never lost.** ksr_reply_route may drop provisional replies only.
- **What never reaches the script.** Retransmissions, the CANCEL of a known INVITE, the ACK of a
  failure, malformed messages, and requests with Max-Forwards 0 are dealt with before.
- **No relay for strangers.** Within a dialog a request that loose_route was asked about goes along
  our Record-Route only with its signature. Without it the request goes only where the script chose:
  by $du, by another host in $ru, or by a lookup. Where its Request-URI, its Route or its alias
  would choose, it is answered 481: there a To tag and a Route of the sender's will do. A script
  that relays such requests without asking loose_route relays them, as there.
- **Nothing leaks.** $var begins with 0 for each request: there it keeps what an earlier request of
  the process left. Globals belong to a lane, as there to a process; $shv and hash tables are
  common to all.
- **The sandbox.** io, debug, package, os.execute and libraries in C are not there.
- **Numbers on the wire.** A relayed request has Max-Forwards less 1, our Record-Route is signed,
  and a client behind a NAT is reached where it came from: Contact stays as it is.

`, len(rows))
	b.WriteString(eventsDocument())
	b.WriteString(moving)
	b.WriteString(beside)
	module := "-"
	for _, r := range rows {
		if m := moduleOf(r.Name); m != module {
			module = m
			title := "KSR." + m
			if m == "" {
				title = "KSR"
			}
			fmt.Fprintf(&b, "## %s\n\n| function | result | does | differs |\n|---|---|---|---|\n", title)
		}
		fmt.Fprintf(&b, "| `%s(%s)` | %s | %s | %s |\n", r.Name, parameters(r.Params), r.Result, cell(r.Does), cell(r.Differs))
		if next := slices.IndexFunc(rows, func(o Row) bool { return o.Name == r.Name }) + 1; next == len(rows) || moduleOf(rows[next].Name) != module {
			if next < len(rows) {
				b.WriteString("\n")
			}
		}
	}
	return b.String()
}

func parameters(letters string) string {
	names := map[rune]string{'s': "text", 'i': "number"}
	var list []string
	for _, l := range letters {
		list = append(list, names[l])
	}
	return strings.Join(list, ", ")
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

// moving is how a script becomes one of this server.
const moving = `## Moving to scripts of this server

    sipscript kemi convert kamailio.lua >route.lua

prints a first translation into what scripts of this server are written in
([scripting.md](scripting.md), [from-kamailio.md](from-kamailio.md)). FILE may be the script, or
the kamailio.cfg that names it: then tables, users, gateways, databases and limits are configured as
there. The stock script's 270 lines of code become 85, and these do the same on the wire
(TestKEMIBesideKamailio runs all its flows on the translation too, TestKEMIScriptsBesideKamailio
those of four further scripts).

- **What is left out** is listed at the top, with the lines and the reason: what this server does
  by itself (force_rport, sanity_check, t_check_trans, the calls for NAT), answers where a relay
  fails, flags that nothing asks for, and functions of which nothing is left.
- **DECIDE** in a comment marks what a human has to look at: a function without a translation, with
  what to use in its place; a number of Kamailio's that is taken for a boolean; where users,
  gateways or a database are, if that is not in the configuration.
- **Functions** keep their names, comments and order. One that may end the route by KSR.x.exit
  returns true where it did, and its callers return; one that has little left, and is called once,
  stands where it is called. One that runs for requests and for replies becomes two.
- **t_on_branch, t_on_reply, t_on_failure** become options of the relay. A failure route that only
  tries the next gateway becomes the option failover.
- **lookup, ds_select_dst, setdsturi** set a variable, targets, that the relay is given. What
  follows loose_route goes along our signed Record-Route.
- **Queries** that are put together of texts get parameters.

Then run sipscript check, write a spec, and compare: both scripts can be served side by side on two
ports.

`

// beside is what a test that runs both finds different. The test reads it.
const beside = `## Beside Kamailio

The same messages and calls, some seven hundred, go to Kamailio 5.6.3 and to this server with the
stock configuration and script of the Debian package, as it is and as convert translates it, and
what goes out on every wire is compared, field by field (TestKEMIBesideKamailio in
internal/interop). All is the same, but:

- Parameters of Via have no order.
- Who made an answer is not said here.
- The answer to a REGISTER has a Date (RFC 3261 §10.3 step 8).
- Contacts are a header each, in no order.
- The list of contacts shows all parameters, and not where each came from.
- Challenges have qop and algorithm, and nonces are a server's own.
- Answers of a server's own have words of its own.
- Record-Route only goes with what begins a dialog (RFC 3261 §12.1.1).
- An answer that begins a dialog has a Contact (RFC 3261 §12.1.1).
- Blank lines before a request do not go on.
- Rport only where the client asks for it (RFC 3581 §4).
- Max-Forwards is 70 where there is none, and not lowered to 70 (RFC 3261 §16.6 step 3).
- Max-Breadth goes with a request (RFC 5393 §5.3).
- Our Via has rport.
- Our Record-Route is signed.
- Behind a NAT there is a second Record-Route of ours in the place of Contact's alias.
- The ACK of a failure and CANCEL are new requests of this server (RFC 3261 §9.1, §17.1.1.3).
- A PRACK needs credentials like any request.
- One answer to a REGISTER that is refused.
- One answer where the next hop cannot be reached.
- One answer, and no relay along another's Route.
- No relay for strangers along a Route of theirs.
- Proxy-Require is looked at (RFC 3261 §16.3 step 5).
- Of failures of one class the first goes up.
- What is malformed is answered.
- Another version is answered (RFC 3261 §21.5.6).
- The same Content-Length twice is no contradiction.
- An Expires that is malformed counts as none.
- Max-Forwards that is no number is malformed.
- OPTIONS that may not go on is answered for this server (RFC 3261 §16.3 step 3).
- Another scheme is answered 416 (RFC 3261 §16.3 step 2).
- A scheme has no case (RFC 3986 §3.1).
- A translation compares the user of a PUBLISH with From.

`

// eventsDocument says which callbacks of events there are.
func eventsDocument() string {
	var b strings.Builder
	b.WriteString(`## Callbacks of events

A kamailio.cfg names functions of the script for what happens outside of requests; they get the name
of the event. Without a kamailio.cfg there are none. Functions of KSR that read, count and log work
there as in Kamailio; those that need a request return -1, false or nil, with an error in the log.

| setting | event | here |
|---|---|---|
| event_callback of xhttp | xhttp:request | requests to --http HOST:PORT; the script decides who may ask. One that it does not answer gets 404, and one whose function fails 500: there nothing |
| event_callback of dispatcher | dispatcher:dst-down, dispatcher:dst-up | $ru is the gateway |
| event_callback of htable | htable:mod-init | when the script goes into service, at a reload too; there, unless event_callback_mode is 1, it is not called in Lua: "lua loading state not initialized" |
| event_callback of registrar | usrloc:contact-expired | $ulc(exp=>aor), addr, domain, expires, received, user_agent |
| event_callback of dialog | dialog:start, dialog:end, dialog:failed | $ci, $fu, $tu, $rs, $dlg_var, $dlg and $DLG_status are those of the call; the event "unknown", which it reports there for a 180 and for the ACK, is left out |
| kemi.event_route_callback | core:worker-one-init | as htable:mod-init |
| kemi.reply_route_callback, kemi.onsend_route_callback | | other names for ksr_reply_route and ksr_onsend_route |

Each event comes once in the process, in a VM of its own whose globals are not those of requests, as
there those of another process. These are refused when the script is loaded, and by sipscript check:

| setting | use in its place |
|---|---|
`)
	for _, cb := range callbacks {
		if !cb.Carried {
			fmt.Fprintf(&b, "| %s | %s |\n", cb.Setting(), cell(cb.Ours))
		}
	}
	b.WriteString("\n")
	return b.String()
}
