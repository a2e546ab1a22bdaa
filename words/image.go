package words

import (
	"strings"

	"ecsbot/ecsops"
)

// imageMost is how long an image may be on a card.
const imageMost = 60

// Image is an image without its registry and path: repository and tag, of a digest the
// beginning. The stored plan has all of it.
func Image(image string) string {
	image, digest, _ := strings.Cut(image, "@")
	short := image[strings.LastIndexByte(image, '/')+1:]
	if _, hash, ok := strings.Cut(digest, ":"); ok {
		short += "@" + hash[:min(len(hash), 8)]
	}
	return ForeignN(short, imageMost)
}

// TaskFacts is what a task runs, where its name does not say it, and when it was started; "" for neither.
func TaskFacts(t ecsops.TaskRef) string {
	var parts []string
	if image := Image(t.Image); image != "" && image != t.Name {
		parts = append(parts, "image "+Quote(image))
	}
	if !t.StartedAt.IsZero() {
		parts = append(parts, "started "+Time(t.StartedAt))
	}
	return strings.Join(parts, ", ")
}
