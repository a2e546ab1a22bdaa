package page

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	simaws "ecsbot/sim/aws"
	simslack "ecsbot/sim/slack"
)

// detailLength is how many characters of a call's parameters are shown.
const detailLength = 200

// timed is a line with the real time by which lines of both sides are ordered.
type timed struct {
	Line
	real time.Time
}

// lines are what both simulators recorded since the last look, in the order in
// which it happened.
func (r *run) lines() []Line {
	var all []timed
	for _, c := range r.stage.AWS.LogSince(r.calls) {
		r.calls = c.Seq
		all = append(all, timed{awsLine(c), c.Real.Add(c.Took)})
	}
	now, virtual, pace := time.Now(), r.stage.Clock.Now(), r.stage.Clock.Pace()
	for _, e := range r.stage.Slack.LogSince(r.entries) {
		r.entries = e.Seq
		l := slackLine(e)
		l.At = virtual.Add(-time.Duration(float64(now.Sub(e.At)) * pace)) // Slack's own clock is the real one
		all = append(all, timed{l, e.At})
	}
	slices.SortStableFunc(all, func(a, b timed) int { return a.real.Compare(b.real) })
	out := make([]Line, len(all))
	for i, l := range all {
		out[i] = l.Line
	}
	return out
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func awsLine(c simaws.Call) Line {
	return Line{At: c.Virtual, Side: "aws", What: c.Service + ":" + c.Action, Outcome: c.Outcome, OK: c.Outcome == "OK", Ms: ms(c.Took),
		Change: c.Mutating && c.TookEffect, Detail: shorten(string(c.Params)), Who: c.SourceIdentity}
}

func slackLine(e simslack.Entry) Line {
	l := Line{Side: "slack", What: e.Method, Outcome: e.Outcome, OK: true, Ms: ms(e.Latency), Detail: shorten(e.Detail), Who: e.User}
	switch e.Kind {
	case simslack.KindRequest:
		l.OK = e.Outcome == "ok"
		if l.Detail == "" {
			l.Detail = shorten(argsOf(e))
		}
	case simslack.KindResponse:
		l.What, l.OK = "response_url", e.Outcome == "ok"
	case simslack.KindEnvelope:
		l.What, l.OK = "envelope "+e.EnvelopeType, e.Outcome == "sent"
	case simslack.KindAck:
		l.What, l.OK = "ack "+e.EnvelopeType, e.Outcome == simslack.AckOK
	case simslack.KindTimeout:
		l.What, l.OK = "ack "+e.EnvelopeType, false
	case simslack.KindOpen:
		l.What, l.Outcome = "socket opened", "ok"
	case simslack.KindClose:
		l.What = "socket closed"
	case simslack.KindFault:
		l.What, l.OK = "fault "+e.Method, false
	case simslack.KindPerson:
		l.What, l.Outcome = "person "+e.Method, "ok"
	}
	return l
}

// argsOf is where a call went and what it said, without the blocks.
func argsOf(e simslack.Entry) string {
	keep := map[string]string{}
	for _, name := range []string{"channel", "ts", "thread_ts", "user", "users", "text", "usergroup", "view_id"} {
		if v := e.Args[name]; v != "" {
			keep[name] = v
		}
	}
	if len(keep) == 0 {
		return ""
	}
	raw, err := json.Marshal(keep)
	if err != nil {
		return ""
	}
	return string(raw)
}

func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > detailLength {
		return string(runes[:detailLength-1]) + "…"
	}
	if s == "{}" || s == "null" {
		return ""
	}
	return s
}
