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
one is refused when it is loaded. Results are those of Kamailio; an int is 1 for success, -1 for
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
