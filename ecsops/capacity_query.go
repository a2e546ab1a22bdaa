package ecsops

import (
	"regexp"
	"slices"
	"strings"
)

// expression is a memberOf constraint in the cluster query language, as far as it can be
// judged from an instance's attributes alone.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-query-language.html
// What the document leaves open (an absent attribute under a negation, order, patterns that
// match in part) and what depends on tasks is maybe.
type expression struct {
	text string
	eval func(Peer) certainty
}

func (e expression) on(o Peer) certainty { return e.eval(o) }

// ofPlace: it speaks of where an instance is, or of the one instance itself.
func (e expression) ofPlace() bool {
	for _, word := range []string{"ecs.availability-zone", "ecs.subnet-id", "ec2InstanceId"} {
		if strings.Contains(e.text, word) {
			return true
		}
	}
	return false
}

var (
	attributeName = regexp.MustCompile(`attribute:([\w./\\-]+)`)
	queryWord     = regexp.MustCompile(`^(?:&&|\|\||==|!=|=~|!~|>=|<=|>|<|!exists|!in\b|!|[(),\[\]]|[^\s(),\[\]=!~<>&|'"]+)`)
)

// attributesIn are the names of the attributes that an expression speaks of.
func attributesIn(text string) []string {
	var out []string
	for _, m := range attributeName.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return out
}

// parseExpression compiles an expression; what it cannot read is maybe everywhere.
func parseExpression(text string) expression {
	open := expression{text: text, eval: func(Peer) certainty { return maybe }}
	p := &queryReader{}
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		word := queryWord.FindString(rest)
		if word == "" {
			return open
		}
		p.words = append(p.words, word)
		rest = rest[len(word):]
	}
	eval := p.either()
	if p.failed || p.at != len(p.words) {
		return open
	}
	return expression{text: text, eval: eval}
}

// queryReader is a recursive descent over words.
type queryReader struct {
	words  []string
	at     int
	failed bool
}

func (p *queryReader) next() string {
	if p.at >= len(p.words) {
		p.failed = true
		return ""
	}
	p.at++
	return p.words[p.at-1]
}

func (p *queryReader) accept(words ...string) bool {
	if p.at < len(p.words) && slices.Contains(words, p.words[p.at]) {
		p.at++
		return true
	}
	return false
}

type judgement = func(Peer) certainty

func (p *queryReader) either() judgement {
	left := p.both()
	for p.accept("or", "||") {
		a, b := left, p.both()
		left = func(o Peer) certainty { return max(a(o), b(o)) }
	}
	return left
}

func (p *queryReader) both() judgement {
	left := p.one()
	for p.accept("and", "&&") {
		a, b := left, p.one()
		left = func(o Peer) certainty { return min(a(o), b(o)) }
	}
	return left
}

func (p *queryReader) one() judgement {
	switch {
	case p.failed:
		return nil
	case p.accept("not", "!"):
		inner := p.one()
		return func(o Peer) certainty { return yes - inner(o) }
	case p.accept("("):
		inner := p.either()
		if !p.accept(")") {
			p.failed = true
		}
		return inner
	}
	return p.compare()
}

// compare reads subject, operator and argument.
func (p *queryReader) compare() judgement {
	subject, op := p.next(), p.next()
	switch op {
	case "exists", "!exists", "not_exists":
		return existence(subject, op == "exists")
	case "in", "!in", "not_in":
		return membership(subject, p.list(), op == "in")
	}
	return relation(subject, op, p.next())
}

func (p *queryReader) list() []string {
	if !p.accept("[") {
		p.failed = true
		return nil
	}
	var out []string
	for !p.failed {
		out = append(out, p.next())
		if p.accept("]") {
			break
		}
		if !p.accept(",") {
			p.failed = true
		}
	}
	return out
}

// valueOf is what a subject is on an instance; known is false when that is not for us to say.
func valueOf(o Peer, subject string) (v string, present, known bool) {
	if name, ok := strings.CutPrefix(subject, "attribute:"); ok {
		v, present = o.Attributes[name]
		return v, present, true
	}
	switch subject {
	case "ec2InstanceId":
		return string(o.EC2), true, true
	case "agentConnected":
		return map[bool]string{true: "true", false: "false"}[o.AgentConnected], true, true
	}
	return "", false, false
}

func truth(b bool) certainty {
	if b {
		return yes
	}
	return no
}

func existence(subject string, want bool) judgement {
	return func(o Peer) certainty {
		_, present, known := valueOf(o, subject)
		if !known {
			return maybe
		}
		return truth(present == want)
	}
}

func membership(subject string, list []string, want bool) judgement {
	return func(o Peer) certainty {
		v, present, known := valueOf(o, subject)
		switch {
		case !known, !present && !want:
			return maybe
		case !present:
			return no
		}
		return truth(slices.Contains(list, v) == want)
	}
}

func relation(subject, op, arg string) judgement {
	return func(o Peer) certainty {
		v, present, known := valueOf(o, subject)
		negative := op == "!=" || op == "not_equals" || op == "!~" || op == "not_matches"
		switch {
		case !known, !present && negative:
			return maybe
		case !present:
			return no
		}
		switch op {
		case "==", "equals":
			return truth(v == arg)
		case "!=", "not_equals":
			return truth(v != arg)
		case "=~", "matches":
			return matches(v, arg)
		case "!~", "not_matches":
			return yes - matches(v, arg)
		}
		return maybe
	}
}

// matches: whether ECS anchors its patterns is not said, so a match in part is maybe.
func matches(v, pattern string) certainty {
	part, err := regexp.Compile(pattern)
	switch {
	case err != nil:
		return maybe
	case !part.MatchString(v):
		return no
	}
	if whole, err := regexp.Compile("^(?:" + pattern + ")$"); err == nil && whole.MatchString(v) {
		return yes
	}
	return maybe
}
