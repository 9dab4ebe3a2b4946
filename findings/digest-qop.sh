#!/usr/bin/env bash
# belle-sip 5.1.64, linphone's SIP stack (Debian 5.1.64+dfsg-2), and libre 1.1.0, baresip's (Debian 1.1.0-1+b2).
#
# qop of a challenge lists what a server supports, and a client takes one of these (RFC 7616 §3.3, §3.4); the order means
# nothing. Expected: a client that knows "auth" alone takes it wherever it is in the list, and answers "auth-int" alone
# not at all.
# Seen: belle-sip takes the first of the list, and sends no credentials where that is "auth-int": linphone does not register.
# libre answers "auth" even where it is not offered, so that a server sees a wrong answer instead of none.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq libbellesip-dev=5.1.64+dfsg-2 libbellesip1=5.1.64+dfsg-2 libbctoolbox-dev=5.1.64-2 libbctoolbox1=5.1.64-2 \
  libbelr1=5.1.64-2 libantlr3c-3.4-0=3.4+dfsg-4 libmbedtls14=2.28.3-1 libmbedcrypto7=2.28.3-1 libmbedx509-1=2.28.3-1 \
  libdecaf0=1.0.2-2 libavahi-compat-libdnssd1 libavahi-client3 libavahi-common3 libre-dev=1.1.0-1+b2 libre0=1.1.0-1+b2 >/dev/null 2>&1
for f in *.deb; do dpkg -x "$f" w; done
export LD_LIBRARY_PATH=$dir/w/usr/lib/x86_64-linux-gnu
cat >server.py <<'PY'
# challenges a REGISTER of belle-sip's, and prints the answer
import re, socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('127.0.0.1', 0))
server.settimeout(5)
print(server.getsockname()[1], flush=True)
for number in range(2):
    data, source = server.recvfrom(65536)
    lines = data.decode().split('\r\n')
    header = lambda name: next((l.split(':', 1)[1].strip() for l in lines if l.lower().startswith(name + ':')), '')
    if number:
        field = lambda name: (re.findall('\\b' + name + '="?([^",]*)', header('authorization')) or ['none'])[0]
        print('qop ' + field('qop') if header('authorization') else 'no credentials', flush=True)
    server.sendto('\r\n'.join(['SIP/2.0 ' + ('403 Forbidden' if number else '401 Unauthorized'), 'Via: ' + header('via'), 'From: ' + header('from'),
        'To: ' + header('to') + ';tag=s', 'Call-ID: ' + header('call-id'), 'CSeq: ' + header('cseq'),
        'WWW-Authenticate: Digest realm="example.com", nonce="abc", qop="%s"' % sys.argv[1], 'Content-Length: 0', '', '']).encode(), source)
PY
cat >belle.c <<'C'
// registers at 127.0.0.1, and adds credentials to the request after the challenge, as linphone does
#include <belle-sip/belle-sip.h>
#include <stdio.h>
#include <stdlib.h>

static belle_sip_stack_t *stack;
static belle_sip_provider_t *provider;
static int again;

static void send_request(belle_sip_request_t *request) {
	belle_sip_client_transaction_send_request(belle_sip_provider_create_client_transaction(provider, request));
}
static void on_response(void *user, const belle_sip_response_event_t *event) {
	if (again++ || belle_sip_response_get_status_code(belle_sip_response_event_get_response((belle_sip_response_event_t *)event)) != 401) {
		belle_sip_main_loop_quit(belle_sip_stack_get_main_loop(stack));
		return;
	}
	belle_sip_client_transaction_t *t = belle_sip_response_event_get_client_transaction(event);
	belle_sip_request_t *request = BELLE_SIP_REQUEST(belle_sip_object_clone(BELLE_SIP_OBJECT(belle_sip_transaction_get_request(BELLE_SIP_TRANSACTION(t)))));
	belle_sip_message_remove_first(BELLE_SIP_MESSAGE(request), BELLE_SIP_VIA);
	belle_sip_message_add_header(BELLE_SIP_MESSAGE(request), BELLE_SIP_HEADER(belle_sip_header_via_new()));
	belle_sip_header_cseq_set_seq_number(belle_sip_message_get_header_by_type(request, belle_sip_header_cseq_t), 2);
	belle_sip_provider_add_authorization(provider, request, belle_sip_response_event_get_response((belle_sip_response_event_t *)event), NULL, NULL, NULL);
	send_request(request);
}
static void on_auth(void *user, belle_sip_auth_event_t *event) {
	belle_sip_auth_event_set_username(event, "alice");
	belle_sip_auth_event_set_passwd(event, "secret");
}
static void nothing(void *user, const void *event) {}

int main(int argc, char **argv) {
	char to[100];
	belle_sip_object_pool_push();
	snprintf(to, sizeof to, "sip:127.0.0.1:%s;transport=udp", argv[1]);
	stack = belle_sip_stack_new(NULL);
	provider = belle_sip_stack_create_provider(stack, belle_sip_stack_create_listening_point(stack, "127.0.0.1", BELLE_SIP_LISTENING_POINT_RANDOM_PORT, "UDP"));
	belle_sip_listener_callbacks_t callbacks = { .process_response_event = on_response, .process_auth_requested = on_auth,
		.process_timeout = (void *)nothing, .process_io_error = (void *)nothing, .process_transaction_terminated = (void *)nothing,
		.process_dialog_terminated = (void *)nothing, .process_request_event = (void *)nothing };
	belle_sip_provider_add_sip_listener(provider, belle_sip_listener_create_from_callbacks(&callbacks, NULL));
	send_request(belle_sip_request_create(belle_sip_uri_parse(to), "REGISTER", belle_sip_provider_create_call_id(provider),
		belle_sip_header_cseq_create(1, "REGISTER"), belle_sip_header_from_create2("sip:alice@example.com", "1"),
		belle_sip_header_to_create2("sip:alice@example.com", NULL), belle_sip_header_via_new(), 70));
	belle_sip_stack_sleep(stack, 4000);
	return 0;
}
C
cat >libre.c <<'C'
#include <re.h>
#include <stdio.h>
#include <string.h>

static int credentials(char **user, char **password, const char *realm, void *arg) {
	return str_dup(user, "alice") || str_dup(password, "secret");
}
int main(int argc, char **argv) {
	struct mbuf *text = mbuf_alloc(1024), *answer = mbuf_alloc(1024);
	struct sip_msg *message = NULL;
	struct sip_auth *auth = NULL;
	mbuf_printf(text, "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:alice@example.com>;tag=1\r\n"
		"To: <sip:alice@example.com>;tag=2\r\nCall-ID: c1\r\nCSeq: 1 REGISTER\r\n"
		"WWW-Authenticate: Digest realm=\"example.com\", nonce=\"abc\", qop=\"%s\"\r\nContent-Length: 0\r\n\r\n", argv[1]);
	mbuf_set_pos(text, 0);
	if (sip_msg_decode(&message, text) || sip_auth_alloc(&auth, credentials, NULL, false) || sip_auth_authenticate(auth, message) ||
	    sip_auth_encode(answer, auth, "REGISTER", "sip:example.com")) { printf("no credentials\n"); return 0; }
	answer->buf[answer->end - 1] = 0;
	char *qop = strstr((char *)answer->buf, "qop=");
	printf("qop %.*s\n", qop ? (int)strcspn(qop + 4, ",\r") : 4, qop ? qop + 4 : "none");
	return 0;
}
C
gcc -w belle.c -I w/usr/include -L "$LD_LIBRARY_PATH" -lbellesip -Wl,--allow-shlib-undefined -o belle
gcc -w -DHAVE_INTTYPES_H -DHAVE_STDBOOL_H -DHAVE_INET6 libre.c -I w/usr/include/re -L "$LD_LIBRARY_PATH" -lre -o libre
for qop in auth auth,auth-int auth-int,auth auth-int; do
  : >server
  python3 server.py "$qop" >server & server=$!
  for try in {1..50}; do [ -s server ] && break; sleep 0.1; done
  ./belle "$(head -1 server)" >/dev/null 2>&1 || true
  wait $server || true
  echo "belle-sip, $qop: $(tail -n +2 server)"
  echo "libre, $qop: $(./libre "$qop" 2>/dev/null)"
done | tee seen
cat >expected <<'EOF'
belle-sip, auth: qop auth
libre, auth: qop auth
belle-sip, auth,auth-int: qop auth
libre, auth,auth-int: qop auth
belle-sip, auth-int,auth: no credentials
libre, auth-int,auth: qop auth
belle-sip, auth-int: no credentials
libre, auth-int: qop auth
EOF
diff expected seen || { echo "changed"; exit 1; }
echo "as described"
