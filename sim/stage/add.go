package stage

import (
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	simaws "ecsbot/sim/aws"
)

// doAdd adds to the estate: add service Name=shop Cluster=prod TaskDefinition=api Desired=2
// On=i-…,i-… The words are fields of sim/aws's …Spec of that kind: lists are separated by
// commas, maps are written key:value, tags key=value, and what has fields of its own is JSON;
// value*120 in a list stands for 120 of it. {1..12} in the words adds twelve, each with its number.
func (s *Stage) doAdd(_ context.Context, args []string) (string, error) {
	made := ""
	for _, words := range expand(args[1:]) {
		one, err := s.add(args[0], words)
		if err != nil {
			return "", err
		}
		made = one
	}
	return made, nil
}

func (s *Stage) add(kind string, words []string) (string, error) {
	r := s.AWS.Region(simaws.DemoAccount, simaws.DemoRegion)
	switch kind {
	case "host":
		return added(s, words, r.AddInstance)
	case "definition":
		return added(s, words, r.AddTaskDefinition)
	case "service":
		return added(s, words, r.AddService)
	case "task":
		return added(s, words, r.RunTask)
	case "targets":
		return added(s, words, r.AddTargetGroup)
	case "group":
		return added(s, words, r.AddGroup)
	case "daemon":
		return added(s, words, r.AddDaemon)
	case "provider":
		return added(s, words, r.AddProvider)
	case "cluster":
		return added(s, words, r.AddCluster)
	}
	return "", fmt.Errorf("%q cannot be added: host, definition, service, task, targets, group, provider, daemon, cluster", kind)
}

func added[T any](s *Stage, words []string, add func(T) (string, error)) (string, error) {
	var spec T
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		field := reflect.ValueOf(&spec).Elem().FieldByName(name)
		if !ok || !field.IsValid() {
			return "", fmt.Errorf("%T has no field %q", spec, w)
		}
		if err := s.fill(field, value); err != nil {
			return "", fmt.Errorf("%s: %w", w, err)
		}
	}
	return add(spec)
}

var series = regexp.MustCompile(`\{(\d+)\.\.(\d+)\}`)

// expand writes a series out: one line for each number.
func expand(words []string) [][]string {
	m := series.FindStringSubmatch(strings.Join(words, " "))
	if m == nil {
		return [][]string{words}
	}
	from, errFrom := strconv.Atoi(m[1])
	to, errTo := strconv.Atoi(m[2])
	if errFrom != nil || errTo != nil {
		return [][]string{words} // the field says what is wrong with it
	}
	var out [][]string
	for n := from; n <= to; n++ {
		one := slices.Clone(words)
		for i := range one {
			one[i] = strings.ReplaceAll(one[i], m[0], strconv.Itoa(n))
		}
		out = append(out, one)
	}
	return out
}

var errNotUnderstood = errors.New("this field cannot be written as a word")

// fill sets one field of a spec from a word.
func (s *Stage) fill(field reflect.Value, word string) error {
	switch at := field.Addr().Interface().(type) {
	case *time.Duration:
		d, err := time.ParseDuration(word)
		*at = d
		return err
	case *[]simaws.Tag:
		for _, kv := range strings.Split(word, ",") {
			k, v, _ := strings.Cut(kv, "=")
			*at = append(*at, simaws.Tag{Key: k, Value: v})
		}
		return nil
	case *map[string]string:
		*at = map[string]string{}
		for _, kv := range strings.Split(word, ",") {
			k, v, _ := strings.Cut(kv, ":")
			(*at)[k] = v
		}
		return nil
	case *[]simaws.BalancerSpec:
		return s.balance(at, word)
	case encoding.TextUnmarshaler:
		return at.UnmarshalText([]byte(word))
	}
	switch field.Kind() { //nolint:exhaustive // what specs are made of
	case reflect.String:
		field.SetString(word)
		return nil
	case reflect.Slice:
		if field.Type().Elem().Kind() == reflect.String {
			return fillList(field, word)
		}
	case reflect.Int, reflect.Bool, reflect.Struct:
	default:
		return errNotUnderstood
	}
	return json.Unmarshal([]byte(word), field.Addr().Interface())
}

// fillList takes words apart at commas; word*3 is three of it.
func fillList(field reflect.Value, word string) error {
	for _, part := range strings.Split(word, ",") {
		value, times, many := strings.Cut(part, "*")
		n := 1
		if many {
			var err error
			if n, err = strconv.Atoi(times); err != nil {
				return err
			}
		}
		for range n {
			field.Set(reflect.Append(field, reflect.ValueOf(value)))
		}
	}
	return nil
}

// balance ties a service to target groups by their names: web:8080.
func (s *Stage) balance(at *[]simaws.BalancerSpec, word string) error {
	for _, part := range strings.Split(word, ",") {
		name, port, _ := strings.Cut(part, ":")
		n, err := strconv.Atoi(port)
		if err != nil {
			return err
		}
		groups := s.AWS.State().TargetGroups
		i := slices.IndexFunc(groups, func(g simaws.TargetGroupState) bool { return g.Name == name })
		if i < 0 {
			return fmt.Errorf("there is no target group %q", name)
		}
		*at = append(*at, simaws.BalancerSpec{TargetGroup: groups[i].ARN, ContainerPort: n})
	}
	return nil
}
