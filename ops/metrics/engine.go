package metrics

// What the engine counts: messages, transactions, transports.

import (
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/transport"
)

// Engine exports the snapshot that read takes. What others count with labels is not here: a lane
// what it refused, a transport what is not SIP.
func Engine(read func() engine.Stats) prometheus.Collector {
	requests := counter("requests_total", "New requests received, by method.", "method")
	responses := counter("responses_total", "Final responses that answered requests, by code.", "code")
	received := counter("responses_received_total", "Responses received, by class.", "class")
	dropped := counter("dropped_messages_total", "Messages neither passed nor answered, by reason.", "reason")
	records := counter("dns_records_total", "Records that modules asked for, by where they came from.", "from")
	standing := gauge("transactions", "Transactions standing.", "side")
	plain := []struct {
		family
		of func(*engine.Stats) float64
	}{
		{counter("responses_stray_total", "Responses received that belonged to no transaction."), func(s *engine.Stats) float64 { return float64(s.Strays) }},
		{counter("refused_in_dialog_total", "Requests that our Record-Route did not let pass."), func(s *engine.Stats) float64 { return float64(s.Tickets) }},
		{counter("bad_messages_total", "Messages dropped because they could not be read."), func(s *engine.Stats) float64 { return float64(s.BadMessages) }},
		{counter("routes_total", "Calls of the router."), func(s *engine.Stats) float64 { return float64(s.Routes) }},
		{counter("route_failures_total", "Calls of the router that ended with an error."), func(s *engine.Stats) float64 { return float64(s.RouteFailures) }},
		{counter("route_seconds_total", "Time spent in the router, waits included."), func(s *engine.Stats) float64 { return s.RouteTime.Seconds() }},
		{gauge("requests_in_progress", "Requests without a final answer, or with a branch that has none."), func(s *engine.Stats) float64 { return float64(s.InProgress) }},
	}
	return collect(func(emit func(prometheus.Metric)) {
		s := read()
		for _, method := range slices.Sorted(maps.Keys(s.Requests)) {
			emit(requests.of(float64(s.Requests[method]), method))
		}
		for _, code := range slices.Sorted(maps.Keys(s.Answers)) {
			emit(responses.of(float64(s.Answers[code]), strconv.Itoa(code)))
		}
		for class := 1; class < len(s.Responses); class++ {
			emit(received.of(float64(s.Responses[class]), strconv.Itoa(class)+"xx"))
		}
		for _, reason := range slices.Sorted(maps.Keys(s.Dropped)) {
			emit(dropped.of(float64(s.Dropped[reason]), reason))
		}
		emit(records.of(float64(s.DNS.RecordsKept), "cache"))
		emit(records.of(float64(s.DNS.RecordsAsked), "server"))
		emit(standing.of(float64(s.ServerTransactions), "server"))
		emit(standing.of(float64(s.ClientTransactions), "client"))
		for _, p := range plain {
			emit(p.family.of(p.of(&s)))
		}
		for _, kind := range slices.Sorted(maps.Keys(s.Transport)) {
			emitTransport(emit, kind, s.Transport[kind])
		}
	})
}

func emitTransport(emit func(prometheus.Metric), kind string, s transport.Stats) {
	for _, c := range []struct {
		name, help string
		value      uint64
	}{
		{"transport_messages_received_total", "Messages received.", s.MessagesIn},
		{"transport_messages_sent_total", "Messages sent.", s.MessagesOut},
		{"transport_received_bytes_total", "Bytes of messages received.", s.BytesIn},
		{"transport_sent_bytes_total", "Bytes of messages sent.", s.BytesOut},
		{"transport_bad_frames_total", "Datagrams or streams that are not SIP.", s.BadFrames},
		{"transport_keepalives_total", "Keepalives received.", s.Keepalives},
		{"transport_dropped_total", "Datagrams dropped unread: STUN, or too short.", s.Dropped},
		{"transport_connected_total", "Connections opened.", s.Connected},
		{"transport_accepted_total", "Connections accepted.", s.Accepted},
		{"transport_refused_total", "Connections closed at once for a limit.", s.Refused},
		{"transport_accept_errors_total", "Errors of accepting a connection.", s.AcceptErrors},
		{"transport_closed_total", "Connections closed.", s.Closed},
		{"transport_send_errors_total", "Messages that could not be sent.", s.SendErrors},
		{"transport_unreachable_total", "ICMP errors that say that a datagram was not delivered.", s.Unreachable},
		{"transport_unheard_total", "Datagrams dropped, and connections refused or closed, because their sender is not heard.", s.Unheard},
	} {
		emit(counter(c.name, c.help, "transport").of(float64(c.value), kind))
	}
	emit(gauge("transport_connections", "Connections open.", "transport").of(float64(s.Open), kind))
}
