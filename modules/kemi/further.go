package kemi

// The functions that further modules carry out: they are in services.lua.

func furtherRows() []Row {
	const order = "the hash is this server's; gateways that are full or down are left out"
	const names = "gateways named by a host count with all its addresses"
	const media = "what the proxy makes of the session takes the place of the body at once"
	return []Row{
		{Name: "dispatcher.ds_select_dst", Params: "ii", Result: "int", Does: "takes a gateway of a set: $du; the others follow", Differs: order},
		{Name: "dispatcher.ds_select_domain", Params: "ii", Result: "int", Does: "takes a gateway of a set: the host of $ru", Differs: order},
		{Name: "dispatcher.ds_select", Params: "ii", Result: "int", Does: "notes the gateways of a set", Differs: order},
		{Name: "dispatcher.ds_next_dst", Params: "", Result: "int", Does: "$du becomes the next gateway"},
		{Name: "dispatcher.ds_next_domain", Params: "", Result: "int", Does: "the host of $ru becomes the next gateway"},
		{Name: "dispatcher.ds_set_dst", Params: "", Result: "int", Does: "$du becomes the first gateway that was noted"},
		{Name: "dispatcher.ds_set_domain", Params: "", Result: "int", Does: "the host of $ru becomes it"},
		{Name: "dispatcher.ds_mark_dst", Params: "", Result: "int", Does: "in a failure: the gateway is down for 30 s, or until a probe is answered"},
		{Name: "dispatcher.ds_is_from_list", Params: "i", Result: "int", Does: "whether the message comes from a gateway of a set, -1 for any, by address and by the port that the gateway names", Differs: names},
		{Name: "dispatcher.ds_is_from_list_mode", Params: "ii", Result: "int", Does: "as ds_is_from_list; 1: ports do not count, 2: transports do not, 4: the gateway must be up", Differs: names},
		{Name: "dispatcher.ds_is_from_list_uri", Params: "iis", Result: "int", Does: "as ds_is_from_list_mode, for a URI in the place of the source", Differs: names},
		{Name: "dispatcher.ds_is_from_lists", Params: "", Result: "int", Does: "whether it comes from one of any set", Differs: names},
		{Name: "dispatcher.ds_list_exists", Params: "i", Result: "int", Does: "whether there is a set", Differs: "of a database only sets that the script names as numbers are read"},
		{Name: "dialog.dlg_manage", Params: "", Result: "int", Does: "tracks the call"},
		{Name: "dialog.is_known_dlg", Params: "", Result: "int", Does: "whether the call is tracked"},
		{Name: "dialog.var_get", Params: "s", Result: "xval", Does: "$dlg_var(name)"},
		{Name: "dialog.var_gete", Params: "s", Result: "xval", Does: "$dlg_var(name)"},
		{Name: "dialog.var_getw", Params: "s", Result: "xval", Does: "$dlg_var(name)"},
		{Name: "dialog.var_sets", Params: "ss", Result: "int", Does: "sets $dlg_var(name)"},
		{Name: "dialog.var_is_null", Params: "s", Result: "int", Does: "whether $dlg_var(name) has no value"},
		{Name: "dialog.var_rm", Params: "s", Result: "int", Does: "removes $dlg_var(name)"},
		{Name: "rtpengine.rtpengine_manage", Params: "s", Result: "int", Does: "offers, answers or ends, as the message asks for", Differs: media},
		{Name: "rtpengine.rtpengine_manage0", Params: "", Result: "int", Does: "as rtpengine_manage without flags"},
		{Name: "rtpengine.rtpengine_offer", Params: "s", Result: "int", Does: "passes the offer of the message to rtpengine", Differs: media},
		{Name: "rtpengine.rtpengine_offer0", Params: "", Result: "int", Does: "as rtpengine_offer without flags"},
		{Name: "rtpengine.rtpengine_answer", Params: "s", Result: "int", Does: "passes the answer of the message to rtpengine"},
		{Name: "rtpengine.rtpengine_answer0", Params: "", Result: "int", Does: "as rtpengine_answer without flags"},
		{Name: "rtpengine.rtpengine_delete", Params: "s", Result: "int", Does: "ends the media of the call"},
		{Name: "rtpengine.rtpengine_delete0", Params: "", Result: "int", Does: "as rtpengine_delete without flags"},
		{Name: "rtpengine.rtpengine_query", Params: "s", Result: "int", Does: "whether rtpengine knows the call"},
		{Name: "rtpengine.rtpengine_query0", Params: "", Result: "int", Does: "as rtpengine_query without flags"},
		{Name: "sqlops.sql_query", Params: "sss", Result: "int", Does: "asks a database: 0, -1 for an error", Differs: "columns are found by the names in the query: SELECT * has none"},
		{Name: "sqlops.sql_xquery", Params: "sss", Result: "int", Does: "asks a database, with variables in the query: rows become $xavp(result)", Differs: "as sql_query"},
		{Name: "sqlops.sql_num_rows", Params: "s", Result: "int", Does: "how many rows a result has"},
		{Name: "sqlops.sql_num_columns", Params: "s", Result: "int", Does: "how many columns"},
		{Name: "sqlops.sql_result_get", Params: "sii", Result: "xval", Does: "a value of a result, by row and column"},
		{Name: "sqlops.sql_result_gete", Params: "sii", Result: "xval", Does: "a value of a result, by row and column"},
		{Name: "sqlops.sql_result_getz", Params: "sii", Result: "xval", Does: "a value of a result, by row and column"},
		{Name: "sqlops.sql_is_null", Params: "sii", Result: "int", Does: "1 if a value is null, otherwise 0"},
		{Name: "sqlops.sql_result_free", Params: "s", Result: "int", Does: "forgets a result"},
		{Name: "uac.uac_replace_from", Params: "ss", Result: "int", Does: "another name and URI in From"},
		{Name: "uac.uac_replace_from_uri", Params: "s", Result: "int", Does: "another URI in From"},
		{Name: "uac.uac_replace_to", Params: "ss", Result: "int", Does: "another name and URI in To"},
		{Name: "uac.uac_replace_to_uri", Params: "s", Result: "int", Does: "another URI in To"},
		{Name: "route", Params: "s", Result: "int", Does: "-1: there are no routes of a configuration"},
		{Name: "siptrace.sip_trace", Params: "", Result: "int", Does: "nothing: --hep exports all messages"},
		{Name: "permissions.allow_source_address_group", Params: "", Result: "int", Does: "the first group that the source is in, of those that the script names"},
	}
}
