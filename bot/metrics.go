package bot

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/smithy-go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"ecsbot/ecsops"
	"ecsbot/socket"
	"ecsbot/workflow"
)

// metrics are the process's own figures. Labels are words of ours or AWS's, never a person's, and bounded.
type metrics struct {
	registry *prometheus.Registry
	handled  *prometheus.HistogramVec
	acks     prometheus.Histogram
	aws      *prometheus.HistogramVec
	spent    *prometheus.CounterVec
	waited   *prometheus.HistogramVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		handled: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ecsbot_envelope_seconds", Help: "From taking an envelope up to its end, by kind and outcome.",
			Buckets: []float64{.01, .05, .1, .5, 1, 2, 5, 10, 30, 90}}, []string{"kind", "outcome"}),
		acks: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ecsbot_ack_seconds", Help: "From reading an envelope to its acknowledgement, its commit included. Slack waits 3 s.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2, 3}}),
		aws: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ecsbot_aws_call_seconds", Help: "AWS calls, by service, operation and outcome (ok, an AWS error code, timeout, error).",
			Buckets: []float64{.025, .05, .1, .25, .5, 1, 2, 5, 10, 30}}, []string{"service", "operation", "outcome"}),
	}
	m.spent = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ecsbot_aws_tokens_total", Help: "Calls taken from the bot's own share of AWS's throttling buckets, by bucket and use (preview, poll, order); had is false for those that were given up.",
	}, []string{"bucket", "use", "had"})
	m.waited = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "ecsbot_aws_token_wait_seconds", Help: "What a call waited for the bot's own share of its bucket, by use.",
		Buckets: []float64{.01, .1, .5, 1, 2, 5, 10, 20}}, []string{"use"})
	m.registry.MustRegister(m.handled, m.acks, m.aws, m.spent, m.waited, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// watch adds what is read from the service when somebody asks.
func (m *metrics) watch(s *service) error {
	if err := m.registry.Register(&observer{s: s}); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	return nil
}

// Handled implements handlers.Metrics.
func (m *metrics) Handled(kind, outcome string, took time.Duration) {
	m.handled.WithLabelValues(kind, outcome).Observe(took.Seconds())
}

// timed measures how long an envelope waits for its ack: a handler returns once it is acknowledged.
func (m *metrics) timed(h socket.Handler) socket.Handler {
	return func(ctx context.Context, e *socket.Envelope) {
		h(ctx, e)
		m.acks.Observe(time.Since(e.ReceivedAt).Seconds())
	}
}

func (m *metrics) awsCall(c ecsops.Call) {
	m.aws.WithLabelValues(c.Service, c.Operation, outcome(c.Err)).Observe(c.Took.Seconds())
}

func (m *metrics) token(t ecsops.Spent) {
	m.spent.WithLabelValues(t.Bucket, t.Use, strconv.FormatBool(t.Had)).Inc()
	m.waited.WithLabelValues(t.Use).Observe(t.Waited.Seconds())
}

func outcome(err error) string {
	switch refused, ok := errors.AsType[smithy.APIError](err); {
	case err == nil:
		return "ok"
	case ok:
		return refused.ErrorCode()
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "error"
}

// observer collects what changes by itself.
type observer struct{ s *service }

const (
	scrapeTimeout = 2 * time.Second
	countActive   = 1000
)

type figure struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value float64
	label []string
}

func gauge(name, help string, v float64) figure {
	return figure{prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, v, nil}
}

func counter(name, help string, v int64) figure {
	return figure{prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, float64(v), nil}
}

func labelled(f figure, name, help, key, value string) figure {
	f.desc, f.label = prometheus.NewDesc(name, help, []string{key}, nil), []string{value}
	return f
}

// Describe implements prometheus.Collector. Nothing is described: what there is depends on the moment.
func (o *observer) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (o *observer) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	figures := append(o.slack(), o.operations(ctx)...)
	figures = append(figures, o.delivery(ctx)...)
	figures = append(figures, o.traffic()...)
	figures = append(figures, labelled(gauge("", "", 1), "ecsbot_info", "The running version.", "version", Version()))
	for _, f := range figures {
		ch <- prometheus.MustNewConstMetric(f.desc, f.kind, f.value, f.label...)
	}
}

func (o *observer) slack() []figure {
	m := o.s.sockets.Load()
	if m == nil {
		return []figure{gauge("ecsbot_sockets_live", "Connections on which Slack can reach us now.", 0)}
	}
	h := m.Health()
	out := []figure{
		gauge("ecsbot_sockets_live", "Connections on which Slack can reach us now.", float64(h.Live())),
		gauge("ecsbot_sockets_wanted", "Connections that are kept open.", float64(h.Wanted)),
		gauge("ecsbot_sockets_elsewhere", "Connections of the app that Slack counts and that are not ours.", float64(h.Hello.Elsewhere())),
		counter("ecsbot_envelopes_total", "Envelopes taken from a socket.", h.Envelopes),
		counter("ecsbot_acks_total", "Acknowledgements written.", h.Acks),
		counter("ecsbot_acks_failed_total", "Acknowledgements refused or not written.", h.AcksFailed),
		counter("ecsbot_envelopes_overflowed_total", "Envelopes turned away with an answer as the hand-over was full.", h.Overflowed),
		counter("ecsbot_envelopes_lost_total", "Envelopes that found no room at all; Slack showed the failure.", h.Lost),
		counter("ecsbot_panics_total", "Panics in handlers.", h.Panics),
	}
	for reason, n := range h.Reconnects {
		out = append(out, labelled(counter("", "", n), "ecsbot_disconnects_total", "Ended connections, by reason.", "reason", reason))
	}
	return out
}

func (o *observer) operations(ctx context.Context) []figure {
	ops, err := o.s.db.Operations(ctx, workflow.Filter{Active: true, Limit: countActive})
	if err != nil {
		return []figure{gauge("ecsbot_store_up", "Whether the store answers.", 0)}
	}
	states := map[workflow.State]int{}
	blocked := map[workflow.BlockReason]int{}
	for _, op := range ops {
		states[op.State]++
		if op.Block != nil {
			blocked[op.Block.Reason]++
		}
	}
	out := []figure{gauge("ecsbot_store_up", "Whether the store answers.", 1)}
	for st, n := range states {
		out = append(out, labelled(gauge("", "", float64(n)), "ecsbot_operations", "Operations that have not ended, by state.", "state", string(st)))
	}
	for why, n := range blocked {
		out = append(out, labelled(gauge("", "", float64(n)), "ecsbot_operations_blocked", "Operations that pause, by reason.", "reason", string(why)))
	}
	return out
}

// traffic is how much shares AWS's budget, and how far apart looks are for that.
func (o *observer) traffic() []figure {
	out := []figure{gauge("ecsbot_budget_parts", "Into how many equal parts AWS's budget is divided: the replicas, or more while their number is not sure.", float64(o.s.fleet.Parts()))}
	for _, t := range o.s.fleet.Traffics(o.s.cfg.PollInterval) {
		for _, f := range []struct {
			name, help string
			value      float64
		}{
			{"ecsbot_drains_in_flight", "Operations under way, of all replicas, by account and Region.", float64(t.Drains)},
			{"ecsbot_poll_interval_seconds", "How often each of them is looked at.", t.Every.Seconds()},
		} {
			out = append(out, figure{prometheus.NewDesc(f.name, f.help, []string{"account", "region"}, nil), prometheus.GaugeValue, f.value, []string{t.Account, t.Region}})
		}
	}
	return out
}

func (o *observer) delivery(ctx context.Context) []figure {
	h := o.s.deliver.Health()
	fault := 0.0
	if h.Audit != nil {
		fault = 1
	}
	out := []figure{
		gauge("ecsbot_audit_delivery_fault", "Whether the audit channel cannot be reached now.", fault),
		gauge("ecsbot_card_faults", "Cards that cannot be drawn now.", float64(len(h.Cards))),
	}
	if size, err := o.s.db.LogSize(ctx); err == nil {
		out = append(out, counter("ecsbot_audit_records_total", "Records in the audit log.", size))
		if h.AuditPosted >= 0 {
			out = append(out, gauge("ecsbot_audit_lag_records", "Audit records not yet in the channel, as far as this process delivered.",
				float64(max(0, size-1-h.AuditPosted))))
		}
	}
	return out
}
