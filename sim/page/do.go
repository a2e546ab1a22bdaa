package page

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	simslack "ecsbot/sim/slack"
)

// maxAct is how much of an act's body is read.
const maxAct = 1 << 20

// realToken is what a token or key of Slack or AWS looks like that is not one of the simulators'.
var realToken = regexp.MustCompile(`xox[abeoprs](\.xox[bp])?-\d[\w-]{8,}|xapp-\d-[A-Z0-9]{6,}|\b(AKIA|ASIA)[A-Z2-7]{16}\b`)

var (
	errMalformed = errors.New("malformed")
	errRealToken = errors.New("that looks like a real token or key: it was not sent anywhere, and nothing here wants one")
)

// serveDo does one thing that the visitor wants done. What a person would see
// fail is an answer like any other; only what makes no sense is a bad request.
func (s *Server) serveDo(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		answer(w, http.StatusUnsupportedMediaType, Outcome{Error: "an act is JSON"})
		return
	}
	var a Act
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAct))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		answer(w, http.StatusBadRequest, Outcome{Error: "reading the act: " + err.Error()})
		return
	}
	// What was begun is finished, even if the page is closed meanwhile.
	out, err := s.do(context.WithoutCancel(r.Context()), a)
	switch {
	case errors.Is(err, errMalformed):
		answer(w, http.StatusBadRequest, Outcome{Error: err.Error()})
	case err != nil:
		answer(w, http.StatusOK, Outcome{Error: err.Error()})
	default:
		out.OK = out.Error == "" && len(out.Errors) == 0
		answer(w, http.StatusOK, out)
	}
}

func answer(w http.ResponseWriter, status int, out Outcome) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(encode(out)) // a page that left wants no answer
}

func (s *Server) do(ctx context.Context, a Act) (Outcome, error) {
	if realToken.MatchString(a.Text + " " + a.Query + " " + strings.Join(a.Values, " ")) {
		return Outcome{}, errRealToken
	}
	switch a.Do {
	case "reset":
		return Outcome{}, s.reset(ctx)
	case "story":
		return Outcome{}, s.begin(ctx, a.Story)
	case "story-auto":
		return Outcome{}, s.setAuto(a.On)
	}
	r, err := s.current()
	if err != nil {
		return Outcome{}, err
	}
	defer r.changed()
	switch a.Do {
	case "pace":
		if a.Pace == nil || !slices.Contains(paces(), *a.Pace) {
			return Outcome{}, fmt.Errorf("the pace is one of %v: %w", paces(), errMalformed)
		}
		return Outcome{}, r.stage.SetPace(*a.Pace)
	case "advance":
		if a.Seconds <= 0 || a.Seconds > 7*24*3600 {
			return Outcome{}, fmt.Errorf("seconds is more than 0 and at most a week: %w", errMalformed)
		}
		return Outcome{}, r.stage.Advance(time.Duration(a.Seconds * float64(time.Second)))
	case "fault":
		return Outcome{}, r.fault(ctx, a.Fault, a.On)
	case "story-next":
		return Outcome{}, r.next()
	case "story-stop":
		return Outcome{}, r.stopStory()
	case "check":
		return r.check(a.Blocks)
	}
	return r.person(ctx, a)
}

// person does what a person does in Slack's client.
func (r *run) person(ctx context.Context, a Act) (Outcome, error) {
	slack := r.stage.Slack
	switch a.Do {
	case "say":
		return r.say(ctx, a)
	case "click":
		inv, err := slack.Click(ctx, a.User, a.Channel, a.TS, a.ActionID, simslack.ClickOptions{BlockID: a.BlockID, Values: a.Values})
		return acked(inv), err
	case "set":
		inv, err := slack.SetValue(ctx, a.User, a.View, a.BlockID, a.ActionID, a.Values...)
		return acked(inv), err
	case "submit":
		res, err := slack.Submit(ctx, a.User, a.View)
		out := acked(res.Invocation)
		out.Errors, out.Closed = res.Errors, res.Closed
		return out, err
	case "close":
		inv, err := slack.CloseView(ctx, a.User, a.View)
		out := acked(inv)
		out.Closed = err == nil
		return out, err
	case "suggest":
		begun := time.Now()
		options, err := slack.Suggest(ctx, a.User, simslack.Place{View: a.View, Channel: a.Channel, TS: a.TS}, a.BlockID, a.ActionID, a.Query)
		return Outcome{Options: options, AckMs: ms(time.Since(begun))}, err
	}
	return Outcome{}, fmt.Errorf("there is no act %q: %w", a.Do, errMalformed)
}

// say sends a slash command or writes a message, as Slack's composer would.
func (r *run) say(ctx context.Context, a Act) (Outcome, error) {
	text := strings.TrimSpace(a.Text)
	if text == "" {
		return Outcome{}, fmt.Errorf("nothing to say: %w", errMalformed)
	}
	if !strings.HasPrefix(text, "/") {
		_, err := r.stage.Slack.Post(a.User, a.Channel, a.ThreadTS, text)
		return Outcome{}, err
	}
	if a.ThreadTS != "" { // docs.slack.dev/interactivity/implementing-slash-commands
		return Outcome{}, errors.New("slash commands are not supported in threads, as in Slack")
	}
	command, rest, _ := strings.Cut(text, " ")
	inv, err := r.stage.Slack.Command(ctx, a.User, a.Channel, command, strings.TrimSpace(rest))
	out := acked(inv)
	if out.Error != "" {
		out.Error = fmt.Sprintf("%s failed with the error %q", command, out.Error)
	}
	return out, err
}

func acked(inv simslack.Invocation) Outcome {
	return Outcome{Error: inv.Error, AckMs: ms(inv.AckLatency)}
}

// check says what Slack would say to blocks.
func (r *run) check(blocks json.RawMessage) (Outcome, error) {
	if len(blocks) == 0 {
		return Outcome{}, fmt.Errorf("no blocks to check: %w", errMalformed)
	}
	return Outcome{}, r.stage.Slack.CheckBlocks(blocks)
}
