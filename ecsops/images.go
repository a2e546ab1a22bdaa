package ecsops

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// toImages are what the containers run, by their names. A tag that moves, or none, says
// little: then the digest goes with it.
func toImages(cs []ecstypes.Container) map[string]string {
	out := map[string]string{}
	for _, c := range cs {
		image, digest := aws.ToString(c.Image), aws.ToString(c.ImageDigest)
		if image == "" {
			continue
		}
		if digest != "" && !strings.Contains(image, "@") && moves(image) {
			image += "@" + digest
		}
		out[aws.ToString(c.Name)] = image
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// moves reports an image without a tag, which means latest, or with that one.
func moves(image string) bool {
	_, tag, tagged := strings.Cut(lastPart(image), ":")
	return !tagged || tag == "latest"
}

// Image is what the task runs: the image of its main container, else that of the first by name.
func (t Task) Image(main string) string {
	if image := t.Images[main]; image != "" {
		return image
	}
	for _, name := range sortedKeys(t.Images) {
		return t.Images[name]
	}
	return ""
}
