package handlers

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// limitArg is how many instances may be unavailable at once: a number, or a percentage.
type limitArg workflow.Limit

// Decode implements kong.MapperValue.
func (l *limitArg) Decode(ctx *kong.DecodeContext) error {
	var s string
	if err := ctx.Scan.PopValueInto("limit", &s); err != nil {
		return err
	}
	number, percent := strings.CutSuffix(strings.TrimSpace(s), "%")
	n, err := strconv.Atoi(strings.TrimSpace(number))
	switch {
	case err != nil || n < 1 || percent && n > 100 || n > workflow.MaxBulk && !percent:
		return &Mistake{What: mistakeLimit, Word: s}
	case percent:
		l.Percent = n
	default:
		l.Count = n
	}
	return nil
}

// words are what stands without an option.
func (d deregisterGrammar) words() []string {
	var out []string
	for _, w := range append([]string{d.Target, d.In}, d.More...) {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}

func isTarget(word string) bool {
	_, err := ecsops.ParseRef(word)
	return err == nil
}

// bulk: a filter, a limit, or a second word that names an instance. Everything else is read as
// it always was.
func (d deregisterGrammar) bulk() bool {
	return strings.TrimSpace(d.Filter) != "" || d.Limit != limitArg{} || len(d.words()) > 1 && isTarget(d.words()[1])
}

// bulkArgs reads several targets, of which the last word may be their cluster.
func (d deregisterGrammar) bulkArgs() (DeregisterArgs, error) {
	words := d.words()
	cluster := ""
	if n := len(words); n > 0 && !isTarget(words[n-1]) {
		cluster, words = words[n-1], words[:n-1]
	}
	cluster, err := oneCluster(cluster, d.Cluster)
	if err != nil {
		return DeregisterArgs{}, err
	}
	for _, w := range words {
		if !isTarget(w) {
			return DeregisterArgs{}, &Mistake{What: mistakeTarget, Word: w}
		}
	}
	switch {
	case d.Filter != "" && len(words) > 0:
		return DeregisterArgs{}, &Mistake{What: mistakeBoth, Word: words[0]}
	case d.Filter == "" && len(words) == 0:
		return DeregisterArgs{}, &Mistake{What: mistakeMissing, Word: "TARGET"}
	case d.Force:
		return DeregisterArgs{}, &Mistake{What: mistakeNotInBulk, Word: "--force"}
	case cmp.Or(ecsops.Purpose(d.Intent), ecsops.Retire) != ecsops.Retire:
		return DeregisterArgs{}, &Mistake{What: mistakeNotInBulk, Word: "--intent=" + string(d.Intent)}
	}
	args, err := d.common(cluster)
	args.Target, args.Targets, args.Filter, args.Limit = "", words, strings.TrimSpace(d.Filter), workflow.Limit(d.Limit)
	return args, err
}
