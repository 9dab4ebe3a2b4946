#!/usr/bin/env bash
# sipp 3.6.1 (Debian sip-tester 1:3.6.1-1+b2), its built-in caller (-sn uac), over loopback.
#
# The caller looks for the header CSeq anywhere in the message: where the four letters stand in the value of a header
# before it, it takes what follows for the sequence number, calls the response unexpected, and gives up the call. A proxy that signs its
# Record-Route in base64 loses such a call now and then: one of 1.3 million signatures of 16 characters has them.
# Seen: with "X-Ticket: 0CSeq1" before CSeq the call fails; with "0abcd1", and with "0cseq1", it succeeds.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq sip-tester=1:3.6.1-1+b2 >/dev/null 2>&1
dpkg -x sip-tester_*.deb sipp
sipp=$dir/sipp/usr/bin/sipp
{ "$sipp" -v || true; } | grep -m1 SIPp
call() { # prints ok or failed
  cat >uas.xml <<XML
<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="callee">
  <recv request="INVITE"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
X-Ticket: 0${1}1
[last_From:]
[last_To:];tag=b
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

]]></send>
  <recv request="ACK"/>
  <recv request="BYE"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
</scenario>
XML
  timeout 20 "$sipp" -sf uas.xml -i 127.0.0.1 -p "$2" -m 1 -nostdin >/dev/null 2>&1 &
  local callee=$!
  for _ in $(seq 50); do ss -lunH "sport = :$2" | grep -q . && break; sleep 0.1; done
  if timeout 15 "$sipp" -sn uac -i 127.0.0.1 -p $(($2 + 1)) -m 1 -nostdin -recv_timeout 3000 "127.0.0.1:$2" >/dev/null 2>&1; then
    echo "$1: ok"
  else
    echo "$1: failed"
  fi
  kill "$callee" 2>/dev/null || true
  wait "$callee" 2>/dev/null || true
}
for word in abcd cseq CSeq; do call "$word" $((20000 + RANDOM % 20000)); done | tee seen
[ "$(cat seen)" = $'abcd: ok\ncseq: ok\nCSeq: failed' ] || { echo "changed"; exit 1; }
echo "as described"
