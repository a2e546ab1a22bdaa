package words

import (
	"testing"
	"time"

	"ecsbot/ecsops"
)

func TestImage(t *testing.T) {
	for image, want := range map[string]string{
		"": "",
		"123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/web:42": "web:42",
		"nginx":                "nginx",
		"localhost:5000/nginx": "nginx",
		"ghcr.io/a/b/report@sha256:9f86d081884c7d65": "report@9f86d081",
		"web:latest@sha256:9f86d081884c7d65":         "web:latest@9f86d081",
		"web@sha256:9f":                              "web@9f",
		"web@nonsense":                               "web",
		"evil/`<!channel>`\n:1":                      "'<!channel>' :1",
	} {
		if got := Image(image); got != want {
			t.Errorf("%q: %q, want %q", image, got, want)
		}
	}
}

func TestTaskFacts(t *testing.T) {
	at := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		ref  ecsops.TaskRef
		want string
	}{
		{ecsops.TaskRef{}, ""},
		{ecsops.TaskRef{Name: "web:42", Image: "ecr/web:42", StartedAt: at}, "started 23 Nov 2026 03:00 UTC"}, // the name says it
		{ecsops.TaskRef{Name: "web:42", Image: "ecr/web:v7"}, "image “web:v7”"},
		{ecsops.TaskRef{Name: "web:42", Image: "ecr/web:v7", StartedAt: at}, "image “web:v7”, started 23 Nov 2026 03:00 UTC"},
	} {
		if got := TaskFacts(c.ref); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
