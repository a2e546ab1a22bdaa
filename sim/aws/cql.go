package aws

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The cluster query language: expressions of a subject, an operator and an argument, joined by and, or, not.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-query-language.html

// subject is what an expression is evaluated on.
type subject struct {
	instance *instance
	running  int      // runningTasksCount
	groups   []string // groups of the tasks on it
}

type matcher func(subject) bool

type queryParser struct {
	tokens []queryToken
	at     int
}

type queryToken struct {
	text   string
	quoted bool
}

// parseQuery compiles an expression.
func parseQuery(text string) (matcher, error) {
	tokens, err := lexQuery(text)
	if err != nil {
		return nil, err
	}
	p := &queryParser{tokens: tokens}
	m, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.at != len(p.tokens) {
		return nil, fmt.Errorf("unexpected %q", p.tokens[p.at].text)
	}
	return m, nil
}

func lexQuery(text string) ([]queryToken, error) {
	var out []queryToken
	for i := 0; i < len(text); {
		switch ch := text[i]; {
		case ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r':
			i++
		case ch == '\'' || ch == '"':
			end := strings.IndexByte(text[i+1:], ch)
			if end < 0 {
				return nil, fmt.Errorf("unterminated quote at %d", i)
			}
			out = append(out, queryToken{text[i+1 : i+1+end], true})
			i += end + 2
		case strings.IndexByte("()[],", ch) >= 0:
			out = append(out, queryToken{text: string(ch)})
			i++
		default:
			n := operatorAt(text[i:])
			if n == 0 {
				n = bareAt(text[i:])
			}
			out = append(out, queryToken{text: text[i : i+n]})
			i += n
		}
	}
	return out, nil
}

func operatorAt(s string) int {
	for _, op := range []string{"!exists", "!in", "==", "!=", "=~", "!~", ">=", "<=", "&&", "||", ">", "<", "!", "="} {
		if strings.HasPrefix(s, op) {
			return len(op)
		}
	}
	return 0
}

func bareAt(s string) int {
	n := 0
	for n < len(s) && strings.IndexByte(" \t\r\n()[],'\"", s[n]) < 0 && (n == 0 || operatorAt(s[n:]) == 0) {
		n++
	}
	return max(n, 1)
}

func (p *queryParser) peek() string {
	if p.at >= len(p.tokens) || p.tokens[p.at].quoted {
		return ""
	}
	return p.tokens[p.at].text
}

func (p *queryParser) take(words ...string) bool {
	if slices.Contains(words, p.peek()) && p.peek() != "" {
		p.at++
		return true
	}
	return false
}

func (p *queryParser) value() (string, error) {
	if p.at >= len(p.tokens) {
		return "", fmt.Errorf("an argument is missing at the end")
	}
	t := p.tokens[p.at]
	if !t.quoted && (slices.Contains([]string{"(", ")", "[", "]", ","}, t.text) || operatorAt(t.text) > 0) {
		return "", fmt.Errorf("unexpected %q", t.text)
	}
	p.at++
	return t.text, nil
}

func (p *queryParser) or() (matcher, error) {
	left, err := p.and()
	if err != nil {
		return nil, err
	}
	for p.take("or", "||") {
		a := left
		b, err := p.and()
		if err != nil {
			return nil, err
		}
		left = func(s subject) bool { return a(s) || b(s) }
	}
	return left, nil
}

func (p *queryParser) and() (matcher, error) {
	left, err := p.unary()
	if err != nil {
		return nil, err
	}
	for p.take("and", "&&") {
		a := left
		b, err := p.unary()
		if err != nil {
			return nil, err
		}
		left = func(s subject) bool { return a(s) && b(s) }
	}
	return left, nil
}

func (p *queryParser) unary() (matcher, error) {
	if p.take("not", "!") {
		m, err := p.unary()
		if err != nil {
			return nil, err
		}
		return func(s subject) bool { return !m(s) }, nil
	}
	if !p.take("(") {
		return p.comparison()
	}
	m, err := p.or()
	if err != nil {
		return nil, err
	}
	if !p.take(")") {
		return nil, fmt.Errorf("a closing parenthesis is missing")
	}
	return m, nil
}

// reader returns the values of a subject on an instance: several for task:group, none for an absent attribute.
func reader(name string) (func(subject) []string, error) {
	if attribute, ok := strings.CutPrefix(name, "attribute:"); ok && attribute != "" {
		return func(s subject) []string {
			switch v, ok := s.instance.attributes[attribute]; {
			case ok:
				return []string{v}
			case attribute == "ecs.availability-zone":
				return []string{s.instance.az}
			}
			return nil
		}, nil
	}
	switch name {
	case "agentConnected":
		return func(s subject) []string { return []string{strconv.FormatBool(s.instance.connected)} }, nil
	case "agentVersion":
		return func(subject) []string { return []string{agentVersion} }, nil
	case "ec2InstanceId":
		return func(s subject) []string { return []string{s.instance.ec2ID} }, nil
	case "registeredAt":
		return func(s subject) []string { return []string{s.instance.registeredAt.UTC().Format(time.RFC3339)} }, nil
	case "runningTasksCount":
		return func(s subject) []string { return []string{strconv.Itoa(s.running)} }, nil
	case "task:group":
		return func(s subject) []string { return s.groups }, nil
	}
	return nil, fmt.Errorf("unknown subject %q", name)
}

func (p *queryParser) comparison() (matcher, error) {
	name, err := p.value()
	if err != nil {
		return nil, err
	}
	read, err := reader(name)
	if err != nil {
		return nil, err
	}
	op := p.peek()
	p.at++
	switch op {
	case "exists":
		return func(s subject) bool { return len(read(s)) > 0 }, nil
	case "!exists", "not_exists":
		return func(s subject) bool { return len(read(s)) == 0 }, nil
	case "in", "!in", "not_in":
		list, err := p.list()
		if err != nil {
			return nil, err
		}
		in := anyOf(read, func(v string) bool { return slices.Contains(list, v) })
		if op == "in" {
			return in, nil
		}
		return func(s subject) bool { return !in(s) }, nil
	}
	arg, err := p.value()
	if err != nil {
		return nil, err
	}
	return compare(read, op, arg)
}

func (p *queryParser) list() ([]string, error) {
	if !p.take("[") {
		return nil, fmt.Errorf("a list in brackets is missing")
	}
	var out []string
	for {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		if p.take("]") {
			return out, nil
		}
		if !p.take(",") {
			return nil, fmt.Errorf("the list is not closed")
		}
	}
}

func anyOf(read func(subject) []string, ok func(string) bool) matcher {
	return func(s subject) bool { return slices.ContainsFunc(read(s), ok) }
}

func compare(read func(subject) []string, op, arg string) (matcher, error) {
	switch op {
	case "==", "=", "equals":
		return anyOf(read, func(v string) bool { return v == arg }), nil
	case "!=", "not_equals":
		is := anyOf(read, func(v string) bool { return v == arg })
		return func(s subject) bool { return !is(s) }, nil
	case "=~", "matches", "!~", "not_matches":
		re, err := regexp.Compile("^(?:" + arg + ")$")
		if err != nil {
			return nil, fmt.Errorf("the pattern %q: %w", arg, err)
		}
		is := anyOf(read, re.MatchString)
		if op == "=~" || op == "matches" {
			return is, nil
		}
		return func(s subject) bool { return !is(s) }, nil
	case ">", ">=", "<", "<=", "greater_than", "greater_than_equal", "less_than", "less_than_equal":
		return anyOf(read, func(v string) bool { return ordered(order(v, arg), op) }), nil
	}
	return nil, fmt.Errorf("unknown operator %q", op)
}

func ordered(sign int, op string) bool {
	switch op {
	case ">", "greater_than":
		return sign > 0
	case ">=", "greater_than_equal":
		return sign >= 0
	case "<", "less_than":
		return sign < 0
	}
	return sign <= 0
}

// order compares numbers as numbers, dates as dates, and the rest as text.
func order(a, b string) int {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if errX == nil && errY == nil {
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	if t, err := time.Parse(time.RFC3339, a); err == nil {
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
			if u, err := time.Parse(layout, b); err == nil {
				return t.Compare(u)
			}
		}
	}
	return strings.Compare(a, b)
}
