-- The decisions of scripts/carrier.lua, for Kamailio's Lua interface.
local X5U = "https://cert.example.com/a.pem"
local KEY = "DIR/key.pem"
local PREFIX = "+4930111" -- of the customer; a table by customer would cost nothing more

function ksr_request_route()
  if KSR.maxfwd.process_maxfwd(10) < 0 then KSR.sl.sl_send_reply(483, "Too Many Hops") return 1 end
  if KSR.sanity.sanity_check(17895, 7) < 0 then return 1 end
  if KSR.is_CANCEL() then
    if KSR.tm.t_check_trans() > 0 then KSR.tm.t_relay() end
    return 1
  end
  if KSR.siputils.has_totag() > 0 then
    if KSR.rr.loose_route() > 0 then
      if KSR.is_BYE() then KSR.setflag(1) end
      KSR.tm.t_relay()
    elseif KSR.is_ACK() then
      if KSR.tm.t_check_trans() > 0 then KSR.tm.t_relay() end
    else
      KSR.sl.sl_send_reply(481, "No Such Call")
    end
    return 1
  end
  if not KSR.is_ACK() and KSR.tm.t_check_trans() == 0 then return 1 end
  if KSR.permissions.allow_source_address(1) < 0 then
    if KSR.pike.pike_check_req() < 0 then return 1 end
    KSR.sl.sl_send_reply(403, "Forbidden")
    return 1
  end
  if KSR.is_OPTIONS() then KSR.sl.sl_send_reply(200, "OK") return 1 end
  if not KSR.is_INVITE() then KSR.sl.sl_send_reply(405, "Method Not Allowed") return 1 end
  local who = KSR.pv.get("$avp(who)")
  if KSR.htable.sht_inc("rate", who) > 100000 then KSR.sl.sl_send_reply(503, "Too Fast") return 1 end
  if KSR.dialplan.dp_replace(1, KSR.pv.get("$rU") or "", "$avp(number)") < 0 then
    KSR.sl.sl_send_reply(484, "Number Does Not Fit")
    return 1
  end
  local number = KSR.pv.get("$avp(number)")
  if KSR.mtree.mt_match("rates", number:sub(2), 0) < 0 then
    KSR.sl.sl_send_reply(503, "No Route")
    return 1
  end
  local set = tonumber(KSR.pv.get("$avp(carrier)"))
  KSR.dialog.dlg_manage()
  KSR.dialog.get_profile_size("customer", who, "$avp(size)")
  if KSR.pv.get("$avp(size)") >= 100000 then KSR.sl.sl_send_reply(486, "Too Many Calls") return 1 end
  KSR.dialog.set_dlg_profile("customer", who)
  KSR.pv.sets("$dlg_var(who)", who)
  KSR.setflag(1)
  local from = KSR.pv.get("$fU") or ""
  local attest = from:sub(1, #PREFIX) == PREFIX and "A" or "B"
  if KSR.secsipid.secsipid_add_identity(from, number, attest, "", X5U, KEY) < 0 then
    KSR.sl.sl_send_reply(403, "Caller")
    return 1
  end
  KSR.rr.record_route()
  KSR.pv.sets("$rU", number)
  if KSR.dispatcher.ds_select_dst_limit(set, 4, 8) < 0 then
    KSR.sl.sl_send_reply(503, "No Route")
    return 1
  end
  KSR.tm.t_on_failure("ksr_failure_next")
  KSR.tm.t_relay()
  return 1
end

function ksr_failure_next()
  if KSR.tm.t_is_canceled() > 0 then return 1 end
  if KSR.tm.t_branch_timeout() > 0 or KSR.tm.t_check_status("50[0234]") > 0 then
    if KSR.dispatcher.ds_next_dst() > 0 then
      KSR.tm.t_on_failure("ksr_failure_next")
      KSR.tm.t_relay()
    end
  end
  return 1
end
