package kemi

// The functions that send, or that other modules carry out: they are in ksr.lua.

func serviceRows() []Row {
	const twice = "a request is answered once: what comes after a final answer, or a relay, is not sent"
	return []Row{
		{Name: "tm.t_relay", Result: "int", Does: "relays to $du or $ru, and to the branches", Differs: "names are resolved later: a host that there is not is answered by the server, with 1 here; after a final answer, -1 is returned; " + twice, call: relay},
		{Name: "tm.t_reply", Params: "is", Result: "int", Does: "answers; -1 after a final answer",
			Differs: "every request is a transaction: it answers, with 1, without t_newtran too; after a relay, -1 is returned; " + twice},
		{Name: "tm.t_send_reply", Params: "is", Result: "int", Does: "answers", Differs: twice},
		{Name: "sl.sl_send_reply", Params: "is", Result: "int", Does: "answers", Differs: "with a transaction: an ACK is consumed, and codes below 100 and above 699 are refused with -1; " + twice},
		{Name: "sl.send_reply", Params: "is", Result: "int", Does: "answers", Differs: twice},
		{Name: "sl.sl_reply_error", Result: "int", Does: "answers 500 if nothing was answered", Differs: "the caller gets one answer, there also a second"},
		{Name: "forward", Result: "int", Does: "forwards statelessly to $du or $ru", call: forward},
		{Name: "forward_uri", Params: "s", Result: "int", Does: "forwards statelessly to a URI", call: forwardURI},
		{Name: "registrar.save", Params: "si", Result: "int", Does: "answers a REGISTER with registrar.save: 1 new, 2 refreshed, 3 removed, 4 asked",
			Differs: "a short Expires is answered 423; flags other than 0 raise an error"},
		{Name: "registrar.lookup", Params: "s", Result: "int", Does: "looks $ru up: the best contact becomes $ru, the others branches",
			Differs: "methods that a contact does not allow are not left out: -2 does not occur"},
		{Name: "registrar.registered", Params: "s", Result: "int", Does: "whether $ru is registered"},
		{Name: "registrar.unregister", Params: "ss", Result: "int", Does: "removes the contacts of an address"},
		{Name: "auth_db.auth_check", Params: "ssi", Result: "int", Does: "checks the credentials with auth.check: 1, -1 bad, -2 wrong password or user, -5 none, -8 another's identity",
			Differs: "an unknown user is -2: whether there is such a user is not told"},
		{Name: "auth.auth_challenge", Params: "si", Result: "int", Does: "answers 401 or 407", Differs: "the challenge always has qop and an algorithm; nonces are this server's"},
		{Name: "auth.consume_credentials", Result: "int", Does: "nothing: credentials that were checked do not go on; -1 if there are none"},
		{Name: "permissions.allow_source_address", Params: "i", Result: "int", Does: "whether the source is in that group of the table address, or in the acl list \"group1\""},
		{Name: "rtpproxy.rtpproxy_manage", Params: "s", Result: "int", Does: "logs an error and returns -1, as without a proxy", Differs: "media passes no proxy: this server works with rtpengine"},
		{Name: "registrar.registered_uri", Params: "ss", Result: "int", Does: "whether a URI is registered"},
	}
}
