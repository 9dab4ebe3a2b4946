#!/usr/bin/env bash
# Net::SIP 0.835 for Perl (Debian libnet-sip-perl 0.835-1).
#
# Expected: get_header finds compact names: those of RFC 3261 §7.3.3, and those that extensions added (o of Event,
# RFC 6665; r of Refer-To, RFC 3515; x of Session-Expires, RFC 4028; b of Referred-By, RFC 3892).
# Seen: it finds those of RFC 3261 alone. A REFER whose target stands in r has none.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq libnet-sip-perl=0.835-1 >/dev/null 2>&1
dpkg -x libnet-sip-perl_*.deb p
cat >read.pl <<'PL'
use strict; use warnings;
use Net::SIP ();
use Net::SIP::Packet;
print "Net::SIP $Net::SIP::VERSION\n";
my $packet = Net::SIP::Packet->new(join("\r\n", 'REFER sip:bob@example.com SIP/2.0', 'v: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa', 'f: <sip:alice@example.com>;tag=1',
  't: <sip:bob@example.com>;tag=2', 'i: c', 'CSeq: 1 REFER', 'm: <sip:alice@192.0.2.1>', 's: lunch', 'k: replaces', 'r: <sip:carol@example.com>', 'b: <sip:alice@example.com>',
  'o: refer', 'x: 1800', 'l: 0', '', ''));
print "$_: ", $packet->get_header($_) // 'none', "\n" for qw(via from contact subject supported refer-to referred-by event session-expires);
PL
perl -I p/usr/share/perl5 read.pl | tee got
cat >expected <<'EOF'
Net::SIP 0.835
via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa
from: <sip:alice@example.com>;tag=1
contact: <sip:alice@192.0.2.1>
subject: lunch
supported: replaces
refer-to: none
referred-by: none
event: none
session-expires: none
EOF
diff expected got >/dev/null || { echo "changed"; exit 1; }
echo "as described"
