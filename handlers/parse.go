package handlers

import (
	"cmp"
	"errors"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/kong"
	"github.com/kballard/go-shellquote"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// Limits on what a person may type.
const (
	maxText     = 3000 // runes; Slack itself cuts at about 4,000 [slash command text]
	maxReason   = 300  // runes
	minDeadline = time.Minute
	maxDeadline = 24 * time.Hour
)

// Subcommands of /ecs.
const (
	cmdHelp       = "help"
	cmdDeregister = "deregister"
	cmdGhosts     = "ghosts"
	cmdList       = "list"
	cmdPlan       = "plan" // deregister --dry-run
	cmdStatus     = "status"
	cmdStop       = "stop"
)

// Command is a parsed /ecs command. Only the fields of its Name are set.
type Command struct {
	Name       string
	Deregister DeregisterArgs // plan too
	Cluster    string         // list, ghosts
	Operation  string         // status, stop
}

// DeregisterArgs are the arguments of deregister, as typed.
type DeregisterArgs struct {
	Target    string
	Cluster   string
	Account   string
	Region    string
	Reason    string
	Deadline  time.Duration // 0 = the configured one
	DryRun    bool
	Force     bool
	Terminate Termination
	// DeregisterSSM ends an external host's registration in Systems Manager, too.
	DeregisterSSM bool
	Intent        ecsops.Purpose // "" = Retire

	// A batch: several targets, or a filter, or a limit. Target is "" then.
	Targets []string
	Filter  string // in the cluster query language
	Limit   workflow.Limit
}

// Bulk reports whether the command is about a batch of instances.
func (a DeregisterArgs) Bulk() bool { return len(a.Targets) > 0 || a.Filter != "" }

// Termination is the value of --terminate.
type Termination string

// Values of --terminate; without it, "". Whichever means: through the group when there is one
// (keeping its size), else the machine alone.
const (
	TerminateWhichever Termination = "yes"
	TerminateReplace   Termination = "replace"
	TerminateShrink    Termination = "shrink"
	TerminateEC2       Termination = "ec2"
)

// Mistake is a command that could not be understood, as facts; What says which
// kind, Word is the person's own text.
type Mistake struct {
	What mistake
	Word string
	Near []string
}

type mistake string

const (
	mistakeSubcommand mistake = "subcommand"
	mistakeOption     mistake = "option"
	mistakeExtra      mistake = "argument" // one too many
	mistakeMissing    mistake = "missing argument"
	mistakeValue      mistake = "value"
	mistakeNoValue    mistake = "option without value"
	mistakeSingle     mistake = "open single quote"
	mistakeDouble     mistake = "open double quote"
	mistakeBackslash  mistake = "backslash"
	mistakeTooLong    mistake = "too long"
	mistakeReason     mistake = "reason too long"
	mistakeDeadline   mistake = "deadline"
	mistakeLimit      mistake = "limit"
	mistakeTarget     mistake = "target"
	mistakeNotInBulk  mistake = "not in a batch" // an option that a batch does not take
	mistakeBoth       mistake = "targets and a filter"
)

func (m *Mistake) Error() string { return "not understood: " + string(m.What) }

// grammar is what kong reads; a fresh one for each command, as kong writes into it.
type grammar struct {
	Help struct {
		About []string `arg:"" optional:""`
	} `cmd:""`
	Deregister deregisterGrammar `cmd:""`
	Plan       deregisterGrammar `cmd:""`
	Ghosts     struct {
		In      string `arg:"" optional:"" name:"in"`
		Cluster string `name:"cluster"`
	} `cmd:""`
	List struct {
		In      string `arg:"" optional:"" name:"in"`
		Cluster string `name:"cluster"`
	} `cmd:""`
	Status struct {
		Operation string `arg:"" optional:""`
	} `cmd:""`
	Stop struct {
		Operation string `arg:"" optional:""`
	} `cmd:""`
}

// deregisterGrammar is that of deregister, and of plan, which is its dry run.
type deregisterGrammar struct {
	Target    string       `arg:"" optional:""`
	In        string       `arg:"" optional:"" name:"in"`
	More      []string     `arg:"" optional:"" name:"more"`
	Cluster   string       `name:"cluster"`
	Account   string       `name:"account"`
	Region    string       `name:"region"`
	Reason    string       `name:"reason"`
	Deadline  minutes      `name:"deadline"`
	DryRun    bool         `name:"dry-run"`
	Force     bool         `name:"force"`
	Terminate terminateArg `name:"terminate"`
	SSM       bool         `name:"deregister-ssm"`
	Intent    intentArg    `name:"intent"`
	Filter    string       `name:"filter"`
	Limit     limitArg     `name:"max-unavailable"`
}

// minutes is a duration; a bare number means minutes.
type minutes time.Duration

// Decode implements kong.MapperValue.
func (m *minutes) Decode(ctx *kong.DecodeContext) error {
	var s string
	if err := ctx.Scan.PopValueInto("duration", &s); err != nil {
		return err
	}
	d, err := time.ParseDuration(strings.ToLower(s))
	if n, aerr := strconv.Atoi(s); aerr == nil && n >= 0 && n < int(maxDeadline) {
		d, err = time.Duration(n)*time.Minute, nil
	}
	if err != nil || d < minDeadline || d > maxDeadline {
		return &Mistake{What: mistakeDeadline, Word: s}
	}
	*m = minutes(d)
	return nil
}

// intentArg is what a person wants the instance for.
type intentArg ecsops.Purpose

// Decode implements kong.MapperValue.
func (i *intentArg) Decode(ctx *kong.DecodeContext) error {
	var s string
	if err := ctx.Scan.PopValueInto("intent", &s); err != nil {
		return err
	}
	switch p := ecsops.Purpose(strings.ToLower(s)); p {
	case ecsops.Retire, ecsops.Reuse, ecsops.CleanGhost, ecsops.Move:
		*i = intentArg(p)
		return nil
	}
	return &Mistake{What: mistakeValue, Word: s, Near: []string{"--intent=retire", "--intent=reuse", "--intent=ghost"}}
}

// terminateArg is a flag with an optional value.
type terminateArg string

// IsBool lets the flag stand alone.
func (t *terminateArg) IsBool() bool { return true }

// Decode implements kong.MapperValue.
func (t *terminateArg) Decode(ctx *kong.DecodeContext) error {
	if ctx.Scan.Peek().Type != kong.FlagValueToken {
		*t = terminateArg(TerminateWhichever)
		return nil
	}
	var s string
	if err := ctx.Scan.PopValueInto("value", &s); err != nil {
		return err
	}
	switch v := Termination(strings.ToLower(s)); v {
	case TerminateReplace, TerminateShrink, TerminateEC2, TerminateWhichever:
		*t = terminateArg(v)
		return nil
	}
	return &Mistake{What: mistakeValue, Word: s, Near: []string{"--terminate=replace", "--terminate=shrink", "--terminate=ec2"}}
}

// Parse reads the text behind /ecs. It never panics, touches nothing outside,
// and its error is always a *Mistake. Empty text is help.
func Parse(text string) (Command, error) {
	if utf8.RuneCountInString(text) > maxText {
		return Command{}, &Mistake{What: mistakeTooLong}
	}
	args, err := shellquote.Split(normalise(text))
	if err != nil {
		return Command{}, quoteMistake(err)
	}
	args = slices.DeleteFunc(args, func(s string) bool { return strings.TrimFunc(s, invisible) == "" })
	if len(args) == 0 {
		return Command{Name: cmdHelp}, nil
	}
	args[0] = strings.ToLower(strings.TrimLeft(args[0], "-"))
	if args[0] == "h" || args[0] == "?" {
		args[0] = cmdHelp
	}
	if !slices.Contains(subcommands(), args[0]) {
		return Command{}, &Mistake{What: mistakeSubcommand, Word: args[0], Near: nearest(args[0], subcommands())}
	}
	rest := dashed(args[1:])
	if slices.Contains(rest, "--help") || args[0] == cmdHelp {
		return Command{Name: cmdHelp}, nil
	}
	return parseArgs(args[0], rest)
}

func subcommands() []string {
	return []string{cmdDeregister, cmdGhosts, cmdHelp, cmdList, cmdPlan, cmdStatus, cmdStop}
}

var (
	wrapped   = regexp.MustCompile(`<([^<>|\s]+)(?:\|[^<>]*)?>`)
	wordDash  = regexp.MustCompile(`(^|\s)[-‐‑‒–—―−]+([\p{L}])`)
	innerQuot = regexp.MustCompile(`(\p{L})[’‘](\p{L})`)
)

// normalise undoes what phones, word processors and Slack do to typed text.
func normalise(text string) string {
	text = strings.ToValidUTF8(text, "")
	text = wrapped.ReplaceAllString(text, "$1")
	text = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text)
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == '\u00ad' || unicode.Is(unicode.Cf, r) || unicode.IsControl(r):
			return -1
		}
		return r
	}, text)
	text = innerQuot.ReplaceAllString(text, "${1}\u02bc${2}") // an apostrophe is no quote
	text = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`, "‘", "'", "’", "'", "‚", "'").Replace(text)
	return wordDash.ReplaceAllString(text, "${1}--${2}")
}

func invisible(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }

// dashed gives every option its two dashes: a phone turns "--" into one long dash.
func dashed(args []string) []string {
	out := make([]string, 0, len(args))
	for _, a := range args {
		if name := strings.TrimLeft(a, "-"); name != a && name != "" && unicode.IsLetter([]rune(name)[0]) {
			a = "--" + name
		}
		out = append(out, a)
	}
	return joined(out)
}

// joined takes the word behind --terminate for its value where it can only be that: people write a space for "=".
func joined(args []string) []string {
	for i := 1; i < len(args); i++ {
		if v := Termination(strings.ToLower(args[i])); args[i-1] == "--terminate" && (v == TerminateReplace || v == TerminateShrink || v == TerminateEC2) {
			args[i-1] += "=" + args[i]
			args = slices.Delete(args, i, i+1)
		}
	}
	return args
}

func quoteMistake(err error) error {
	switch {
	case errors.Is(err, shellquote.UnterminatedSingleQuoteError):
		return &Mistake{What: mistakeSingle}
	case errors.Is(err, shellquote.UnterminatedDoubleQuoteError):
		return &Mistake{What: mistakeDouble}
	}
	return &Mistake{What: mistakeBackslash}
}

type exited int

// parseArgs lets kong read the words behind the subcommand.
func parseArgs(name string, rest []string) (cmd Command, err error) {
	if m := unknownOption(name, rest); m != nil {
		return Command{}, m
	}
	var g grammar
	defer func() {
		if v := recover(); v != nil {
			if _, ok := v.(exited); !ok {
				panic(v)
			}
			cmd, err = Command{Name: cmdHelp}, nil
		}
	}()
	k, err := kong.New(&g, kong.Name("/ecs"), kong.NoDefaultHelp(), kong.Writers(io.Discard, io.Discard),
		kong.Exit(func(code int) { panic(exited(code)) }))
	if err != nil {
		return Command{}, &Mistake{What: mistakeValue, Word: name} // the grammar is wrong: the tests would fail
	}
	if _, err := k.Parse(append([]string{name}, rest...)); err != nil {
		return Command{}, kongMistake(name, rest, err)
	}
	return g.command(name)
}

// optionsOf lists the options of a subcommand, from the grammar itself.
func optionsOf(name string) []string {
	var out []string
	f, ok := reflect.TypeFor[grammar]().FieldByName(strings.ToUpper(name[:1]) + name[1:])
	if !ok {
		return nil
	}
	for i := range f.Type.NumField() {
		tag := f.Type.Field(i).Tag
		_, isArg := tag.Lookup("arg")
		_, hidden := tag.Lookup("hidden")
		if !isArg && !hidden {
			out = append(out, "--"+tag.Get("name"))
		}
	}
	return out
}

func unknownOption(name string, rest []string) *Mistake {
	known := optionsOf(name)
	for _, a := range rest {
		if a == "--" || !strings.HasPrefix(a, "--") {
			continue
		}
		option, _, _ := strings.Cut(a, "=")
		if !slices.Contains(known, option) {
			return &Mistake{What: mistakeOption, Word: option, Near: nearest(option, known)}
		}
	}
	return nil
}

func kongMistake(name string, rest []string, err error) error {
	if m, ok := errors.AsType[*Mistake](err); ok {
		return m
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "unexpected argument"):
		return &Mistake{What: mistakeExtra, Word: surplus(name, rest)}
	case strings.Contains(text, "expected"), strings.Contains(text, "missing"):
		return &Mistake{What: mistakeNoValue, Word: lastOption(rest)}
	}
	return &Mistake{What: mistakeValue, Word: lastOption(rest)}
}

// surplus is the last word that is no option: the one too many.
func surplus(name string, rest []string) string {
	for _, a := range slices.Backward(rest) {
		if !strings.HasPrefix(a, "--") {
			return a
		}
	}
	return name
}

func lastOption(rest []string) string {
	for _, a := range slices.Backward(rest) {
		if strings.HasPrefix(a, "--") {
			option, _, _ := strings.Cut(a, "=")
			return option
		}
	}
	return ""
}

// command takes kong's reading over into ours.
func (g *grammar) command(name string) (Command, error) {
	c := Command{Name: name}
	var err error
	switch name {
	case cmdDeregister:
		c.Deregister, err = g.Deregister.args()
	case cmdPlan:
		c.Deregister, err = g.Plan.args()
		c.Deregister.DryRun = true
	case cmdList:
		c.Cluster, err = oneCluster(g.List.In, g.List.Cluster)
	case cmdGhosts:
		c.Cluster, err = oneCluster(g.Ghosts.In, g.Ghosts.Cluster)
	case cmdStatus:
		c.Operation = operationID(g.Status.Operation)
	case cmdStop:
		c.Operation = operationID(g.Stop.Operation)
		if c.Operation == "" {
			return Command{}, &Mistake{What: mistakeMissing, Word: "OPERATION"}
		}
	}
	if err != nil {
		return Command{}, err
	}
	return c, nil
}

func (d deregisterGrammar) args() (DeregisterArgs, error) {
	if d.bulk() {
		return d.bulkArgs()
	}
	if len(d.More) > 0 {
		return DeregisterArgs{}, &Mistake{What: mistakeExtra, Word: d.More[len(d.More)-1]}
	}
	cluster, err := oneCluster(d.In, d.Cluster)
	if err != nil {
		return DeregisterArgs{}, err
	}
	return d.common(cluster)
}

// common are the arguments but for which instances are meant.
func (d deregisterGrammar) common(cluster string) (DeregisterArgs, error) {
	if utf8.RuneCountInString(d.Reason) > maxReason {
		return DeregisterArgs{}, &Mistake{What: mistakeReason}
	}
	return DeregisterArgs{
		Target: strings.TrimSpace(d.Target), Cluster: cluster, Account: d.Account, Region: strings.ToLower(d.Region), Reason: strings.TrimSpace(d.Reason),
		Deadline: time.Duration(d.Deadline), DryRun: d.DryRun, Force: d.Force, Terminate: Termination(d.Terminate), DeregisterSSM: d.SSM, Intent: ecsops.Purpose(d.Intent),
	}, nil
}

func oneCluster(positional, option string) (string, error) {
	if positional != "" && option != "" && positional != option {
		return "", &Mistake{What: mistakeExtra, Word: positional}
	}
	return clusterWord(cmp.Or(option, positional)), nil
}

// clusterWord undoes what people put around a name that they paste; no name of a cluster has any of it.
func clusterWord(s string) string { return strings.Trim(s, " `*\"'.,;()[]<>") }

// operationID undoes what people put around an id that they paste.
func operationID(s string) string {
	return strings.ToLower(strings.Trim(s, " #`*_\"'.,:;()[]<>"))
}
