package aws

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dockerHost is what the docker of a simulated host shows; nil stands for a host without one.
type dockerHost struct{ containers []container }

// runScript runs the lines of an aws:runShellScript step by a real sh. The only program on its PATH is a docker that knows
// the simulated containers.
func runScript(ctx context.Context, lines []string, host *dockerHost, limit time.Duration) (stdout, stderr string, code int) {
	dir, err := os.MkdirTemp("", "sim-host-")
	if err != nil {
		return "", err.Error(), 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system cleans up what stays
	if err := host.install(dir); err != nil {
		return "", err.Error(), 1
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		return "", err.Error(), 1
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, sh, "-c", strings.Join(lines, "\n"))
	var out, complaints bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, []string{"PATH=" + filepath.Join(dir, "bin")}, &out, &complaints
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return out.String(), complaints.String(), exit.ExitCode()
	}
	if err != nil {
		return out.String(), err.Error(), 1
	}
	return out.String(), complaints.String(), 0
}

// dockerScript is docker --version, docker ps --quiet and docker inspect --format, as far as documents ask for them. Templates are filled by
// sed: each container has a script that knows what it may be asked for.
// https://docs.docker.com/reference/cli/docker/container/ls/ and …/docker/inspect/
const dockerScript = `
complain() { echo "$1" >&2; exit "$2"; }
case "$1" in
--version) echo "Docker version 27.5.1, build 9f9e405" ;;
ps)
	shift; all=; quiet=; filter=
	while [ $# -gt 0 ]; do
		case "$1" in
		-a|--all) all=1 ;;
		-q|--quiet) quiet=1 ;;
		--no-trunc) ;;
		-f|--filter) shift; case "$1" in label=*) filter=${1#label=} ;; *) complain "invalid filter '$1'" 125 ;; esac ;;
		*) complain "unknown flag: $1" 125 ;;
		esac
		shift
	done
	[ -n "$quiet" ] || complain "this docker lists ids only" 125
	while read -r id state; do
		[ -n "$all" ] || [ "$state" = running ] || continue
		has=; [ -n "$filter" ] || has=1
		while read -r label; do case "$label" in "$filter"|"$filter="*) has=1 ;; esac; done < "$DIR/$id.labels"
		[ -z "$has" ] || echo "$id"
	done < "$DIR/containers"
	;;
inspect)
	shift; format=
	while [ $# -gt 0 ]; do
		case "$1" in
		-f|--format) shift; format=$1 ;;
		--type) shift; [ "$1" = container ] || complain "this docker inspects containers only" 125 ;;
		-*) complain "unknown flag: $1" 125 ;;
		*) break ;;
		esac
		shift
	done
	[ $# -gt 0 ] && [ -n "$format" ] || complain "docker inspect requires a format and at least 1 argument" 125
	for id in "$@"; do
		[ -f "$DIR/$id.sed" ] || complain "Error: No such container: $id" 1
		line=$(printf '%s\n' "$format" | "$SED" -f "$DIR/$id.sed")
		case "$line" in *'{{'*) complain "template parsing error: $line" 64 ;; esac
		printf '%s\n' "$line"
	done
	;;
*) complain "docker: '$1' is not a docker command." 1 ;;
esac
`

// install puts the docker and what it shows into dir.
func (h *dockerHost) install(dir string) error {
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil || h == nil {
		return err
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		return err
	}
	sed, err := exec.LookPath("sed")
	if err != nil {
		return err
	}
	script := "#!" + sh + "\nDIR=" + quoteShell(dir) + "; SED=" + quoteShell(sed) + "\n" + dockerScript
	if err := os.WriteFile(filepath.Join(bin, "docker"), []byte(script), 0o700); err != nil { //nolint:gosec // it is to be run
		return err
	}
	var list strings.Builder
	for _, c := range h.containers {
		fmt.Fprintln(&list, c.id, c.state)
		var labels strings.Builder
		for _, k := range slices.Sorted(maps.Keys(c.labels)) {
			fmt.Fprintln(&labels, k+"="+c.labels[k])
		}
		for name, text := range map[string]string{".labels": labels.String(), ".sed": c.template()} {
			if err := os.WriteFile(filepath.Join(dir, c.id+name), []byte(text), 0o600); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(dir, "containers"), []byte(list.String()), 0o600)
}

func quoteShell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// template is the sed script that fills docker's templates for one container.
func (c container) template() string {
	values := map[string]any{".Id": c.id, ".Name": c.name, ".State.Status": c.state, ".State.ExitCode": c.exitCode,
		".State.StartedAt": c.startedAt.UTC().Format(time.RFC3339Nano), ".State.FinishedAt": c.finishedAt.UTC().Format(time.RFC3339Nano)}
	for k, v := range c.labels {
		values[`(index .Config.Labels `+strconv.Quote(k)+`)`] = v
	}
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(values)) {
		text, err := json.Marshal(values[k])
		if err != nil {
			continue // made of strings and numbers
		}
		b.WriteString("s|{{json " + escapeSed(k, `.*[]^$\|`) + "}}|" + escapeSed(string(text), `\&|`) + "|g\n")
	}
	b.WriteString(`s|{{json (index \.Config\.Labels "[^"]*")}}|""|g` + "\n")
	return b.String()
}

func escapeSed(s, special string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(special, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
