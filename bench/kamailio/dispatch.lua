-- The decisions of ../dispatch.lua, for Kamailio's Lua interface.
function ksr_request_route()
  if KSR.maxfwd.process_maxfwd(10) < 0 then KSR.sl.sl_send_reply(483, "Too Many Hops") return 1 end
  if KSR.sanity.sanity_check(17895, 7) < 0 then return 1 end
  if KSR.is_CANCEL() then
    if KSR.tm.t_check_trans() > 0 then KSR.tm.t_relay() end
    return 1
  end
  if KSR.siputils.has_totag() > 0 then
    if KSR.rr.loose_route() > 0 then
      KSR.tm.t_relay()
    elseif KSR.is_ACK() then
      if KSR.tm.t_check_trans() > 0 then KSR.tm.t_relay() end
    else
      KSR.sl.sl_send_reply(481, "No Such Call")
    end
    return 1
  end
  if not KSR.is_ACK() and KSR.tm.t_check_trans() == 0 then return 1 end
  if KSR.is_REGISTER() then KSR.sl.sl_send_reply(200, "OK") return 1 end
  if KSR.is_method_in("IS") then KSR.rr.record_route() end
  if KSR.dispatcher.ds_select_dst_limit(1, 4, 8) < 0 then KSR.sl.sl_send_reply(503, "Service Unavailable") return 1 end
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
