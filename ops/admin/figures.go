package admin

// The figures of /metrics.

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// figuresHandler answers /metrics. A figure that is bad, or there twice, is told in the log and
// keeps none of the others away: those who watch over a server need them most when something is
// wrong.
func figuresHandler(figures prometheus.Gatherer, log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(figures, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: readTimeout,
		ErrorHandling: promhttp.ContinueOnError, ErrorLog: &figureLog{log: log, lines: rateLimit{allowed: 1}}})
}

// figureLog takes what a scrape complains about, at most once a minute.
type figureLog struct {
	log   *slog.Logger
	lines rateLimit
}

// Println implements promhttp.Logger.
func (l *figureLog) Println(v ...any) {
	if ok, suppressed := l.lines.allow(time.Now()); ok {
		l.log.Error("figures of /metrics could not be told", "error", fmt.Sprint(v...), "suppressed", suppressed)
	}
}
