#!/usr/bin/env bash
# JAIN SIP's reference implementation, of Android 9 (Debian libnist-sip-aosp-java 9.0.0+r35-1.1).
#
# Timestamp is 1*DIGIT ["." *DIGIT] (RFC 3261 §25.1), in seconds of any clock of its sender's. A 100 has the request's
# (§8.2.6.1), from which the sender tells how long it took.
# Expected: the value is written as it was read.
# Seen: it is kept in a float of 32 bits: a clock's time since 1970 comes back as 1.7E9, which the grammar doesn't have,
# and 123456.789 as 123456.79. The RFC's 54.21 stays.
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
java -cp "$jars" Read 'Timestamp: 54.21' 'Timestamp: 1700000000.123456' 'Timestamp: 123456.789' 2>/dev/null | tee seen
cat >expected <<'EOF'
Timestamp: 54.21
  => Timestamp: 54.21
Timestamp: 1700000000.123456
  => Timestamp: 1.7E9
Timestamp: 123456.789
  => Timestamp: 123456.79
EOF
diff expected seen || { echo "changed"; exit 1; }
echo "as described"
