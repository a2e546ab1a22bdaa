package page

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kballard/go-shellquote"

	"ecsbot/sim/stage"
)

func TestStoryFiles(t *testing.T) {
	stories, err := readStories()
	if err != nil {
		t.Fatal(err)
	}
	own := []string{"as", "in", "focus", "open", "fault", "fails"}
	for _, s := range stories {
		for n, st := range s.steps {
			if st.caption == "" || len(st.caption) > 400 || len(st.lines) == 0 {
				t.Errorf("%s, step %d: a caption of %d bytes, %d lines", s.id, n+1, len(st.caption), len(st.lines))
			}
			for _, line := range st.lines {
				words, err := shellquote.Split(line)
				if err != nil || !slices.Contains(own, words[0]) && !slices.Contains(stage.Names(), words[0]) {
					t.Errorf("%s: nobody plays %q (%v)", s.id, line, err)
				}
			}
		}
		if last := s.steps[len(s.steps)-1].lines; !strings.Contains(strings.Join(last, "\n"), "mutations ") {
			t.Errorf("%s ends without counting what was done in AWS", s.id)
		}
	}
}

func TestParseStory(t *testing.T) {
	s, err := parseStory("x", "title: T\nabout: A\npace: 30\n\n# One\n# goes on.\nas olga\nsee #ops 'a b'\n# Two.\nin ops\n")
	if err != nil {
		t.Fatal(err)
	}
	if s.pace != 30 || len(s.steps) != 2 || s.steps[0].caption != "One goes on." || len(s.steps[0].lines) != 2 || s.steps[1].caption != "Two." {
		t.Errorf("%+v", s)
	}
	for name, text := range map[string]string{
		"empty":          "",
		"no steps":       "title: T\nabout: A\n",
		"no title":       "about: A\n\n# One\nas olga\n",
		"odd setting":    "title: T\nabout: A\ncolour: red\n\n# One\nas olga\n",
		"odd pace":       "title: T\nabout: A\npace: fast\n\n# One\nas olga\n",
		"unclosed quote": "title: T\nabout: A\n\n# One\nsee #ops 'a\n",
	} {
		if s, err := parseStory("x", text); err == nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// TestASlowPageMissesOldLinesOnly: the feed forgets, and says so by the numbers.
func TestTheFeedKeepsTheNewestLines(t *testing.T) {
	f := newFeed()
	for range 3 {
		f.addLines(make([]Line, keptLines))
	}
	if len(f.lines) > keptLines*3/2 || f.seq != 3*keptLines {
		t.Fatalf("%d lines kept of %d", len(f.lines), f.seq)
	}
	if got := f.after(f.seq - 2); len(got) != 2 || got[0].Seq != f.seq-1 {
		t.Errorf("the last two are %+v", got)
	}
	if got := f.after(0); len(got) != len(f.lines) {
		t.Errorf("from the beginning there are %d of %d", len(got), len(f.lines))
	}
}

func TestAPageWithoutFilesIsRefused(t *testing.T) {
	if _, err := readAssets(fstest.MapFS{"app.js": {}}); err == nil || !strings.Contains(err.Error(), "make page") {
		t.Errorf("without index.html: %v", err)
	}
}
