package admin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// twice emits a figure two times, as two parts of a program may that do not know of each other.
type twice struct{ desc *prometheus.Desc }

func (twice) Describe(chan<- *prometheus.Desc) {}

func (c twice) Collect(ch chan<- prometheus.Metric) {
	for range 2 {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, 1)
	}
	ch <- prometheus.NewInvalidMetric(c.desc, errors.New("it is unwell"))
}

func TestBadFiguresKeepNoneAway(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(twice{prometheus.NewDesc("doubled", "There twice.", nil, nil)},
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "answer"}, func() float64 { return 42 }))
	var log bytes.Buffer
	server := httptest.NewServer(figuresHandler(registry, slog.New(slog.NewTextHandler(&log, nil))))
	defer server.Close()
	for range 3 {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(text), "answer 42") || strings.Count(string(text), "\ndoubled ") != 1 {
			t.Errorf("%s %v\n%s", res.Status, err, text)
		}
	}
	server.Close() // its goroutines have written what they will
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "it is unwell") || !strings.Contains(got, "doubled") {
		t.Errorf("%s", got)
	}
}
