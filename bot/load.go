package bot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/kelseyhightower/envconfig"
	"github.com/rs/zerolog"

	"ecsbot/words"
)

// Purpose is what a configuration is read for; it decides what must be set.
type Purpose string

// Purposes. A terminal works without Slack, so it needs no tokens.
const (
	Serving  Purpose = "serve"
	Terminal Purpose = "terminal"
)

// ConfigError is everything that is wrong with a configuration, one sentence each.
type ConfigError struct{ Problems []string }

func (e *ConfigError) Error() string {
	return fmt.Sprintf("%s with the configuration:\n  - %s", words.Count(len(e.Problems), "problem"), strings.Join(e.Problems, "\n  - "))
}

// Load reads the configuration for serving out of environ ("NAME=value", as os.Environ returns). It connects to nothing; the
// files that NAME_FILE variables name are all that it opens. Its error is a *ConfigError with all problems at once.
func Load(environ []string) (Config, error) { return LoadFor(Serving, environ) }

// LoadFor is Load for another purpose.
func LoadFor(p Purpose, environ []string) (Config, error) {
	l := &loader{purpose: p, env: environment(environ)}
	l.fields()
	l.together()
	l.typos()
	if len(l.problems) > 0 {
		return Config{}, &ConfigError{Problems: l.problems}
	}
	return l.cfg, nil
}

type loader struct {
	purpose  Purpose
	env      map[string]string
	cfg      Config
	problems []string
}

func (l *loader) problem(format string, args ...any) {
	l.problems = append(l.problems, fmt.Sprintf(format, args...))
}

func (l *loader) warn(format string, args ...any) {
	l.cfg.Warnings = append(l.cfg.Warnings, fmt.Sprintf(format, args...))
}

// environment keeps the variables that are set and not empty: an empty one counts as unset, as container tools pass them so.
func environment(environ []string) map[string]string {
	env := make(map[string]string, len(environ))
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok && strings.TrimSpace(value) != "" {
			env[name] = value
		}
	}
	return env
}

func (l *loader) fields() {
	v := reflect.ValueOf(&l.cfg).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := f.Tag.Get("envconfig")
		if name == "" {
			continue
		}
		value, ok := l.value(f, name)
		if ok {
			if err := decode(f, value, v.Field(i)); err != nil {
				l.problem("%s %s.", name, inWords(f, value, err))
			}
		}
		if f.Tag.Get("need") == string(l.purpose) && !ok {
			l.problem("%s is not set. %s", name, f.Tag.Get("desc"))
		}
	}
}

// value is the variable's text, or its default; for a Secret also the content of the file that NAME_FILE names.
func (l *loader) value(f reflect.StructField, name string) (string, bool) {
	value, set := l.env[name]
	file, fromFile := l.env[name+"_FILE"]
	if f.Type == reflect.TypeFor[Secret]() && fromFile {
		if set {
			l.problem("%s and %s_FILE are both set: keep one.", name, name)
			return "", true
		}
		content, err := os.ReadFile(file)
		text := strings.TrimSpace(string(content))
		switch {
		case err != nil:
			l.problem("%s_FILE cannot be read: %s.", name, err)
		case text == "":
			l.problem("%s_FILE names an empty file: %s.", name, file)
		}
		return text, true
	}
	if set {
		return strings.TrimSpace(value), true
	}
	def := f.Tag.Get("default")
	return def, def != ""
}

// decode lets envconfig set one field from value. envconfig reads only the process's own environment and stops at the first
// problem; so it is given one field at a time, and the value as the default of a variable that cannot exist ("=" is no part of a
// name). A secret is decoded directly: it must not become part of a type.
func decode(f reflect.StructField, value string, into reflect.Value) error {
	if s, ok := into.Addr().Interface().(*Secret); ok {
		return s.Decode(value)
	}
	if value == "" {
		return nil
	}
	f.Tag = reflect.StructTag(`envconfig:"=" default:` + strconv.Quote(value))
	one := reflect.New(reflect.StructOf([]reflect.StructField{f}))
	if err := envconfig.Process("", one.Interface()); err != nil {
		return err
	}
	into.Set(one.Elem().Field(0))
	return inRange(f, value, into)
}

func inRange(f reflect.StructField, value string, v reflect.Value) error {
	d, ok := v.Interface().(time.Duration)
	if !ok {
		return nil
	}
	field, _ := reflect.TypeFor[Config]().FieldByName(f.Name)
	least, most := mustDuration(field.Tag.Get("min")), mustDuration(field.Tag.Get("max"))
	if d < least || d > most {
		return fmt.Errorf("%s is outside %s to %s", value, least, most)
	}
	return nil
}

// mustDuration reads a tag of Config, which is written by us.
func mustDuration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		panic("Config has a duration without min and max: " + err.Error())
	}
	return d
}

// inWords says what is wrong with a value. envconfig's own text names Go types.
func inWords(f reflect.StructField, value string, err error) string {
	parse, ok := errors.AsType[*envconfig.ParseError](err)
	if !ok {
		return err.Error()
	}
	switch f.Type {
	case reflect.TypeFor[time.Duration]():
		return fmt.Sprintf("is %q, which is no duration such as 30s or 15m", value)
	case reflect.TypeFor[bool]():
		return fmt.Sprintf("is %q: write true or false", value)
	case reflect.TypeFor[zerolog.Level]():
		return fmt.Sprintf("is %q: write trace, debug, info, warn or error", value)
	}
	return strings.ReplaceAll(parse.Err.Error(), "\n", "; ")
}

// together checks what one variable alone cannot tell.
func (l *loader) together() {
	c := &l.cfg
	l.token("SLACK_BOT_TOKEN", c.SlackBotToken, "xoxb-", "xoxe.xoxb-")
	l.token("SLACK_APP_TOKEN", c.SlackAppToken, "xapp-")
	if c.AuditChannel != "" && !channelID.MatchString(c.AuditChannel) {
		l.problem("AUDIT_CHANNEL is %q, which is no channel id (C… or G…): find it at the end of the channel's \"About\" tab.", c.AuditChannel)
	}
	if u := c.DatabaseURL.Reveal(); u != "" {
		if !strings.HasPrefix(u, "postgres://") && !strings.HasPrefix(u, "postgresql://") {
			l.problem("DATABASE_URL must start with postgres://; leave it unset for SQLite under STATE_DIR.")
		}
		if l.purpose == Serving && !c.AuditKey.Set() {
			l.problem("AUDIT_KEY is not set, but DATABASE_URL is: all replicas must sign with one key. `bot audit key` makes one.")
		}
	}
	l.stateDir()
	if l.purpose != Serving {
		return
	}
	if len(c.Approvers) == 0 {
		l.warn("APPROVERS is empty: plans that need a second person are refused")
	}
	if c.Clusters.All && len(c.Regions) == 0 && l.env["AWS_REGION"] == "" && l.env["AWS_DEFAULT_REGION"] == "" {
		l.problem("CLUSTERS is * and neither REGIONS nor AWS_REGION says where to look.")
	}
	if c.SlackAPIURL != "" && !c.SlackAPIURL.Slacks() {
		l.warn("SLACK_API_URL is not Slack's own: the tokens are sent to %s", c.SlackAPIURL)
	}
}

func (l *loader) token(name string, token Secret, prefixes ...string) {
	if !token.Set() {
		return
	}
	for _, p := range prefixes {
		if strings.HasPrefix(token.Reveal(), p) {
			return
		}
	}
	l.problem("%s does not start with %s: another kind of token was put there.", name, prefixes[0])
}

// stateDir chooses the folder when STATE_DIR is unset, by systemd's and the XDG convention.
func (l *loader) stateDir() {
	c := &l.cfg
	switch {
	case c.StateDir != "":
	case l.env["STATE_DIRECTORY"] != "":
		c.StateDir = strings.Split(l.env["STATE_DIRECTORY"], ":")[0]
	case l.env["XDG_STATE_HOME"] != "":
		c.StateDir = filepath.Join(l.env["XDG_STATE_HOME"], "ecsbot")
	case l.env["HOME"] != "":
		c.StateDir = filepath.Join(l.env["HOME"], ".local", "state", "ecsbot")
	default:
		l.problem("STATE_DIR is not set, and there is no HOME to put it under.")
		return
	}
	abs, err := filepath.Abs(c.StateDir)
	if err != nil {
		l.problem("STATE_DIR %q cannot be used: %s.", c.StateDir, err)
		return
	}
	c.StateDir = abs
}
