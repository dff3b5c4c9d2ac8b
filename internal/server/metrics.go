package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

// metrics are the runtime's counters. Labels come from fixed sets, never from a request.
type metrics struct {
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	tokens    prometheus.Counter
	signIns   *prometheus.CounterVec
	refusals  *prometheus.CounterVec
	throttled *prometheus.CounterVec
}

func newMetrics(reg *prometheus.Registry) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_http_requests_total", Help: "Requests by route and status class."}, []string{"route", "class"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "usher_http_request_seconds", Help: "Time to answer, by route.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}}, []string{"route"}),
		tokens: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "usher_tokens_issued_total", Help: "Access tokens issued."}),
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_sign_ins_total", Help: "Sign-ins by result."}, []string{"result"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_assisted_errors_total", Help: "Error answers of the assisted token flow, by code."}, []string{"error"}),
	}
	m.throttled = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_sign_ins_throttled_total",
		Help: "Sign-ins that were refused without a look at the password, by limit.",
	}, []string{"limit"})
	reg.MustRegister(m.requests, m.durations, m.tokens, m.signIns, m.refusals, m.throttled)
	return m
}

func (m *metrics) issued()                 { m.tokens.Inc() }
func (m *metrics) signIn(result string)    { m.signIns.WithLabelValues(result).Inc() }
func (m *metrics) throttle(limit string)   { m.throttled.WithLabelValues(limit).Inc() }
func (m *metrics) refused(code oauth.Code) { m.refusals.WithLabelValues(string(code)).Inc() }

// observe counts and times a route; the request came by web.Reporter. The counters are looked up
// once, not for each request.
func (m *metrics) observe(route string, next http.Handler) http.Handler {
	duration := m.durations.WithLabelValues(route)
	var classes [6]prometheus.Counter
	for i := 1; i < len(classes); i++ {
		classes[i] = m.requests.WithLabelValues(route, strconv.Itoa(i)+"xx")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		next.ServeHTTP(w, r)
		duration.Observe(time.Since(start).Seconds())
		classes[min(web.AnswerOf(w).Status/100, 5)].Inc()
	})
}
