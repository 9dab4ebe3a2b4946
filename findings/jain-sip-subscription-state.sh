#!/usr/bin/env bash
# JAIN SIP's reference implementation, of Android 9 (Debian libnist-sip-aosp-java 9.0.0+r35-1.1).
#
# A semicolon may have blanks around it (RFC 3261 §25.1: SEMI = SWS ";" SWS), in Subscription-State too (RFC 6665 §8.4).
# Expected: `terminated ;reason=deactivated;retry-after=5` has a reason, which tells the subscriber to subscribe again.
# Seen: with a blank before the first semicolon there are no parameters: no reason, no expires, and no error. Event, whose
# form is the same, keeps its own.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq libnist-sip-aosp-java=9.0.0+r35-1.1 libsip-api-java=1.2-2 libsdp-api-java=1.0-1.1 >/dev/null 2>&1
for f in *.deb; do dpkg -x "$f" j; done
jars=$(printf "%s:" j/usr/share/java/*.jar).
cat >Read.java <<'J'
import gov.nist.javax.sip.parser.StringMsgParser;

public class Read {
  public static void main(String[] values) throws Exception {
    for (String value : values) {
      String text = "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:alice@example.com>;tag=1\r\n"
          + "To: <sip:bob@example.com>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n" + value + "\r\nContent-Length: 0\r\n\r\n";
      String name = value.substring(0, value.indexOf(":"));
      System.out.println(value);
      for (String line : new StringMsgParser().parseSIPMessage(text.getBytes("UTF-8")).encode().split("\r\n"))
        if (line.startsWith(name)) System.out.println("  => " + line);
    }
  }
}
J
javac -nowarn -cp "$jars" Read.java 2>/dev/null
java -cp "$jars" Read 'Subscription-State: terminated;reason=deactivated;retry-after=5' \
  'Subscription-State: terminated ;reason=deactivated;retry-after=5' 'Subscription-State: active ; expires=600' 'Event: presence ;id=5' 2>/dev/null | tee seen
cat >expected <<'EOF'
Subscription-State: terminated;reason=deactivated;retry-after=5
  => Subscription-State: terminated;reason=deactivated;retry-after=5
Subscription-State: terminated ;reason=deactivated;retry-after=5
  => Subscription-State: terminated
Subscription-State: active ; expires=600
  => Subscription-State: active
Event: presence ;id=5
  => Event: presence;id=5
EOF
diff expected seen || { echo "changed"; exit 1; }
echo "as described"
