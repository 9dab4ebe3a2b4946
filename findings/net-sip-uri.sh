#!/usr/bin/env bash
# Net::SIP 0.835 for Perl (Debian libnet-sip-perl 0.835-1).
#
# sip_uri2parts takes a URI apart. Expected: RFC 3261 §19.1: parameters begin after the host, for the user may hold
# ";" (sip:1234;phone-context=... is §19.1.6's form of a tel URI), and "?" ends the host.
# Seen: of a URI whose user has parameters the user is taken for the host: 1234 is the domain, and there
# is no user. Headers become a part of the host.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq libnet-sip-perl=0.835-1 >/dev/null 2>&1
dpkg -x libnet-sip-perl_*.deb p
cat >read.pl <<'PL'
use strict; use warnings;
use Net::SIP ();
use Net::SIP::Util 'sip_uri2parts';
print "Net::SIP $Net::SIP::VERSION\n";
for my $uri ('sip:1234@example.com;user=phone', 'sip:1234;phone-context=example.net@example.com;user=phone', 'sip:alice@example.com?Subject=lunch') {
  my ($domain, $user, $scheme, $params) = sip_uri2parts($uri);
  print "$uri: user=", $user // 'none', " domain=$domain ", join(' ', map { "$_=$params->{$_}" } sort keys %$params), "\n";
}
PL
perl -I p/usr/share/perl5 read.pl | tee got
cat >expected <<'EOF'
Net::SIP 0.835
sip:1234@example.com;user=phone: user=1234 domain=example.com user=phone
sip:1234;phone-context=example.net@example.com;user=phone: user=none domain=1234 phone-context=example.net@example.com user=phone
sip:alice@example.com?Subject=lunch: user=alice domain=example.com?subject=lunch 
EOF
diff expected got >/dev/null || { echo "changed"; exit 1; }
echo "as described"
