package ecsops_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Where the command docker is podman's, it knows nothing of the ECS agent's containers: to list
// none of them would say that all have ended.
func TestHostScriptKnowsPodman(t *testing.T) {
	content, err := os.ReadFile("../deploy/ssm/host-look.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		MainSteps []struct {
			Inputs struct {
				RunCommand []string `json:"runCommand"`
			} `json:"inputs"`
		} `json:"mainSteps"`
	}
	if err := json.Unmarshal(content, &doc); err != nil || len(doc.MainSteps) != 1 {
		t.Fatal(err, doc)
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]string{
		"podman version 5.4.0":                 "ecsbot-host-look 1 no-docker\n",
		"Docker version 27.5.1, build 9f9e405": "ecsbot-host-look 1 begin\necsbot-host-look 1 end 0\n",
	} {
		dir := t.TempDir()
		fake := "#!" + sh + "\n[ \"$1\" = --version ] && echo '" + version + "'\nexit 0\n"      // and lists nothing
		if err := os.WriteFile(filepath.Join(dir, "docker"), []byte(fake), 0o700); err != nil { //nolint:gosec // it is to be run
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), sh, "-c", strings.Join(doc.MainSteps[0].Inputs.RunCommand, "\n")) //nolint:gosec // our own document
		cmd.Env = []string{"PATH=" + dir}
		out, err := cmd.Output()
		if err != nil || string(out) != want {
			t.Errorf("%s: %q, %v", version, out, err)
		}
	}
}
