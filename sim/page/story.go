package page

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kballard/go-shellquote"

	"ecsbot/sim/stage"
)

//go:embed stories
var storyFiles embed.FS

// storyIDs are the stories in the order of the list.
var storyIDs = []string{"orphan", "stuck", "two", "ghost", "crash", "stranger"}

// story is a text file: "key: value" lines, then steps, each a caption (lines
// that begin with #) and the lines that play under it: those of the stage
// (sim/stage), and of the page:
//
//	as olga              look as this person
//	in ops               look at this channel
//	focus i-…            point at this machine
//	open audit REGEXP    open the newest thread there that matches
//	fault ID [on|off]    as in the panel
//	fails LINE           the line is played, and has to fail
type story struct {
	id, title, about string
	pace             float64
	steps            []step
}

type step struct {
	caption string
	lines   []string
}

func (s *story) info() StoryInfo {
	return StoryInfo{ID: s.id, Title: s.title, About: s.about, Steps: len(s.steps)}
}

func readStories() ([]*story, error) {
	var out []*story
	for _, id := range storyIDs {
		raw, err := storyFiles.ReadFile("stories/" + id + ".txt")
		if err != nil {
			return nil, fmt.Errorf("reading the stories: %w", err)
		}
		s, err := parseStory(id, string(raw))
		if err != nil {
			return nil, fmt.Errorf("reading the story %s: %w", id, err)
		}
		out = append(out, s)
	}
	return out, nil
}

func parseStory(id, text string) (*story, error) {
	s := &story{id: id, pace: DefaultPace}
	captionOpen := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		caption, isCaption := strings.CutPrefix(line, "#")
		switch {
		case line == "":
			captionOpen = false
		case isCaption && captionOpen:
			s.steps[len(s.steps)-1].caption += " " + strings.TrimSpace(caption)
		case isCaption:
			s.steps = append(s.steps, step{caption: strings.TrimSpace(caption)})
			captionOpen = true
		case len(s.steps) == 0:
			if err := s.setting(line); err != nil {
				return nil, err
			}
		default:
			captionOpen = false
			if _, err := shellquote.Split(line); err != nil {
				return nil, fmt.Errorf("%q: %w", line, err)
			}
			last := &s.steps[len(s.steps)-1]
			last.lines = append(last.lines, line)
		}
	}
	if s.title == "" || s.about == "" || len(s.steps) == 0 {
		return nil, errors.New("it wants a title, an about and steps")
	}
	return s, nil
}

func (s *story) setting(line string) (err error) {
	key, value, _ := strings.Cut(line, ":")
	value = strings.TrimSpace(value)
	switch key {
	case "title":
		s.title = value
	case "about":
		s.about = value
	case "pace":
		s.pace, err = strconv.ParseFloat(value, 64)
	default:
		err = fmt.Errorf("%q is no setting of a story", line)
	}
	return err
}

// player plays a story on a run.
type player struct {
	run   *run
	story *story
	stop  context.CancelFunc
	done  chan struct{}

	mu    sync.Mutex
	state StoryState    // guarded by mu
	next  chan struct{} // guarded by mu: closed when a waiting story may go on
}

// begin resets the stage and begins a story there.
func (s *Server) begin(ctx context.Context, id string) error {
	for _, st := range s.stories {
		if st.id == id {
			if err := s.reset(ctx); err != nil {
				return err
			}
			r, err := s.current()
			if err != nil {
				return err
			}
			s.mu.Lock()
			auto := s.auto
			s.mu.Unlock()
			return r.play(st, auto)
		}
	}
	return fmt.Errorf("there is no story %q: %w", id, errMalformed)
}

// setAuto has stories play on by themselves, or wait for Next.
func (s *Server) setAuto(on *bool) error {
	if on == nil {
		return fmt.Errorf("on or off: %w", errMalformed)
	}
	s.mu.Lock()
	s.auto = *on
	r := s.run
	s.mu.Unlock()
	if r == nil {
		return nil
	}
	defer r.changed()
	if p := r.playing(); p != nil {
		p.update(func(st *StoryState) { st.Auto = *on })
		if *on {
			p.proceed()
		}
	}
	return nil
}

func (r *run) playing() *player {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.player
}

var errNoStory = errors.New("no story is being told")

func (r *run) next() error {
	p := r.playing()
	if p == nil {
		return errNoStory
	}
	p.proceed()
	return nil
}

func (r *run) stopStory() error {
	p := r.playing()
	if p == nil {
		return errNoStory
	}
	p.stop()
	<-p.done
	r.mu.Lock()
	defer r.mu.Unlock()
	r.player = nil
	return nil
}

// play begins a story on a fresh run.
func (r *run) play(st *story, auto bool) error {
	pace := max(st.pace, r.cfg.Hurry)
	if err := r.stage.SetPace(pace); err != nil {
		return err
	}
	p := &player{run: r, story: st, done: make(chan struct{}), next: make(chan struct{}),
		state: StoryState{ID: st.id, Title: st.title, Steps: len(st.steps), State: storyPlaying, Auto: auto}}
	var ctx context.Context
	ctx, p.stop = context.WithCancel(r.ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		p.stop()
		return errBetween
	}
	r.player = p
	r.tasks.Go(func() {
		defer close(p.done)
		defer p.stop()
		if err := p.tell(ctx); err != nil && ctx.Err() == nil {
			p.update(func(s *StoryState) { s.State, s.Error = storyFailed, err.Error() })
		}
	})
	r.changed()
	return nil
}

func (p *player) look() StoryState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

func (p *player) update(change func(*StoryState)) {
	p.mu.Lock()
	change(&p.state)
	p.mu.Unlock()
	p.run.changed()
}

// proceed ends the wait between two steps. While the story does not wait it does nothing: Next
// was pressed twice, or a moment before the story went on by itself.
func (p *player) proceed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state.State != storyWaiting {
		return
	}
	p.state.State = storyPlaying
	close(p.next)
}

// tell plays the steps.
func (p *player) tell(ctx context.Context) error {
	if err := p.run.stage.Connected(ctx); err != nil {
		return err
	}
	seconds := strconv.Itoa(max(1, int(p.run.cfg.Patience.Seconds())))
	if _, err := p.run.stage.Do(ctx, []string{"patience", seconds}); err != nil {
		return err
	}
	for n, st := range p.story.steps {
		p.update(func(s *StoryState) { s.Step, s.Caption, s.State = n+1, st.caption, storyPlaying })
		for _, line := range st.lines {
			if err := p.act(ctx, line); err != nil {
				return err
			}
		}
		if n == len(p.story.steps)-1 {
			break
		}
		if err := p.rest(ctx, st.caption); err != nil {
			return err
		}
	}
	p.update(func(s *StoryState) { s.State = storyDone })
	return nil
}

// rest waits for Next or, when the story plays by itself, as long as the caption
// takes to read. The clock stands still meanwhile: who reads slowly misses no
// deadline, and finds everything as the caption says.
func (p *player) rest(ctx context.Context, caption string) (err error) {
	clock := p.run.stage.Clock
	before := clock.Pace()
	if err := p.run.stage.SetPace(0); err != nil {
		return err
	}
	defer func() {
		if clock.Pace() == 0 { // else the visitor has set it
			err = errors.Join(err, p.run.stage.SetPace(before))
		}
	}()
	next := make(chan struct{})
	p.update(func(s *StoryState) { s.State, p.next = storyWaiting, next })
	read := time.NewTimer(time.Duration(len(strings.Fields(caption))) * p.run.cfg.Reading)
	defer read.Stop()
	for {
		select {
		case <-next:
			return nil
		case <-read.C:
			if p.look().Auto {
				return nil
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// act plays one line. While the clock stands still nothing comes to be that is
// waited for: the line is tried again.
func (p *player) act(ctx context.Context, line string) error {
	words, err := shellquote.Split(line)
	if err != nil {
		return err
	}
	switch words[0] {
	case "fails":
		if _, err := p.run.stage.Do(ctx, words[1:]); err == nil {
			return fmt.Errorf("%s: it did not fail", line)
		}
		return nil
	case "as", "in", "focus", "open", "fault":
		return p.direct(ctx, words)
	}
	for {
		_, err = p.run.stage.Do(ctx, words)
		if err == nil || ctx.Err() != nil || p.run.stage.Clock.Pace() > 0 || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
}

// direct plays a line that is the page's own.
func (p *player) direct(ctx context.Context, words []string) error {
	if len(words) < 2 {
		return fmt.Errorf("%s wants a word", words[0])
	}
	switch words[0] {
	case "as":
		id, err := stage.Person(words[1])
		p.update(func(s *StoryState) { s.As = id })
		return err
	case "in":
		id, err := stage.Place(words[1])
		p.update(func(s *StoryState) { s.Channel, s.Thread = id, "" })
		return err
	case "focus":
		p.update(func(s *StoryState) { s.Focus = words[1] })
		return nil
	case "fault":
		on := len(words) < 3 || words[2] == "on"
		return p.run.fault(ctx, words[1], &on)
	}
	return p.open(ctx, words)
}

// open opens the newest thread that matches.
func (p *player) open(ctx context.Context, words []string) error {
	if len(words) < 3 {
		return errors.New("open wants a channel and a regexp")
	}
	channel, err := stage.Place(words[1])
	if err != nil {
		return err
	}
	match, err := regexp.Compile("(?is)" + words[2])
	if err != nil {
		return err
	}
	ts, err := p.run.stage.ThreadWith(ctx, channel, match)
	if err == nil {
		p.update(func(s *StoryState) { s.Channel, s.Thread = channel, ts })
	}
	return err
}
