package main

import (
	"slices"
	"testing"

	"ecsbot/sim/page"
)

var storyNames = []string{"orphan", "stuck", "two", "ghost", "crash", "stranger"}

// TestStories plays each guided story through the page's own interface, with the
// real bot, to its verified end.
func TestStories(t *testing.T) {
	if testing.Short() {
		t.Skip("stories start processes: make test")
	}
	for _, id := range storyNames {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			v := visit(t, nil)
			i := slices.IndexFunc(v.hello.Stories, func(s page.StoryInfo) bool { return s.ID == id })
			if i < 0 {
				t.Fatalf("the page offers no story %s", id)
			}
			v.must(act{"do": "story-auto", "on": true})
			v.must(act{"do": "story", "story": id})
			v.until("the story ends", func() bool {
				return v.hello.Run == 2 && v.story.ID == id && (v.story.State == "done" || v.story.State == "failed")
			})
			v.mu.Lock()
			defer v.mu.Unlock()
			if v.story.State != "done" {
				t.Fatalf("step %d of %d, %q: %s", v.story.Step, v.story.Steps, v.story.Caption, v.story.Error)
			}
			if v.story.Step != v.hello.Stories[i].Steps || v.story.Caption == "" || v.story.As == "" || v.story.Channel == "" {
				t.Errorf("it ended as %+v", v.story)
			}
		})
	}
}

// TestAStoryWaitsForNext: without auto every step waits, and what is no time for
// Next is refused.
func TestAStoryWaitsForNext(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes: make test")
	}
	t.Parallel()
	v := visit(t, nil)
	if status, out := v.post(act{"do": "story-next"}); status != 200 || out.OK {
		t.Errorf("Next without a story: %d %+v", status, out)
	}
	v.must(act{"do": "story", "story": "ghost"})
	for step := 1; step < 4; step++ {
		v.until("the story waits, and time with it", func() bool {
			return v.story.Step == step && v.story.State == "waiting" && v.clock.Pace == 0
		})
		v.must(act{"do": "story-next"})
	}
	v.until("the story ends, and time goes on", func() bool { return v.story.State == "done" && v.clock.Pace == 60 })
	v.must(act{"do": "story-stop"})
	v.until("no story is told", func() bool { return v.story.State == "idle" && v.story.ID == "" })
}

// TestAStoryThatFailsSaysSo: a visitor who kills the bot in a story sees why it ends.
func TestAStoryThatFailsSaysSo(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes: make test")
	}
	t.Parallel()
	v := visit(t, nil)
	v.must(act{"do": "story", "story": "ghost"})
	v.until("the story waits", func() bool { return v.story.Step == 1 && v.story.State == "waiting" })
	v.must(act{"do": "fault", "fault": "kill"})
	v.must(act{"do": "story-next"})
	v.until("the story fails", func() bool { return v.story.State == "failed" })
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.story.Step != 2 || v.story.Error == "" {
		t.Errorf("it failed as %+v", v.story)
	}
}
