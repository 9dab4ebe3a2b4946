#!/usr/bin/env bash
# JAIN SIP's reference implementation, of Android 9 (Debian libnist-sip-aosp-java 9.0.0+r35-1.1).
#
# Alert-Info may have several values in one line (RFC 3261 §20.4, §25.1); a phone takes the first it can play, and
# RFC 7462 §9 has lists of URNs.
# Expected: what is read and written has both values, each with its own parameters.
# Seen: the last value twice, with the parameters of both; the first is lost. In two lines both stay, and so does
# a list of Call-Info, whose form is the same.
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
java -cp "$jars" Read 'Alert-Info: <http://example.com/bell.wav>, <urn:alert:source:external>' \
  'Alert-Info: <urn:alert:source:external>;appearance=2, <urn:alert:duration:short>' \
  'Call-Info: <http://example.com/a.jpg>;purpose=icon, <http://example.com/a>;purpose=info' 2>/dev/null | tee seen
cat >expected <<'EOF'
Alert-Info: <http://example.com/bell.wav>, <urn:alert:source:external>
  => Alert-Info: <urn:alert:source:external>,<urn:alert:source:external>
Alert-Info: <urn:alert:source:external>;appearance=2, <urn:alert:duration:short>
  => Alert-Info: <urn:alert:duration:short>;appearance=2,<urn:alert:duration:short>;appearance=2
Call-Info: <http://example.com/a.jpg>;purpose=icon, <http://example.com/a>;purpose=info
  => Call-Info: <http://example.com/a.jpg>;purpose=icon,<http://example.com/a>;purpose=info
EOF
diff expected seen || { echo "changed"; exit 1; }
echo "as described"
