package ecsops

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// MaxRefLength is the longest text, in bytes, that ParseRef reads.
const MaxRefLength = 2048

// RefError says why a text names no container instance.
type RefError struct {
	Text   string // as it was given, cut to 80 bytes; foreign: escape before showing
	Reason string // empty, too_long, not_an_instance, other_resource
}

func (e *RefError) Error() string {
	return fmt.Sprintf("reading %q as a container instance: %s", e.Text, e.Reason)
}

// Ids as AWS writes them: EC2 ids have 8 (before 2016) or 17 hex digits, managed nodes
// 17, container instances 32, or a UUID before the 2018 ARN format.
var (
	ec2IDForm      = regexp.MustCompile(`^(?:i-(?:[0-9a-f]{8}|[0-9a-f]{17})|mi-[0-9a-f]{17})$`)
	instanceIDForm = regexp.MustCompile(`^(?:[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$`)
	clusterForm    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
	regionForm     = regexp.MustCompile(`^[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}$`)
	accountForm    = regexp.MustCompile(`^[0-9]{12}$`)
	ec2InURL       = regexp.MustCompile(`\bm?i-[0-9a-f]{8,17}\b`)
)

// ParseRef reads what a person typed or pasted as a container instance: an EC2
// or managed-node id, a container-instance id or ARN (old or new format), an EC2
// instance ARN, cluster/id, or a console URL. It sees through smart quotes, long
// dashes, Slack's <…|…>, invisible characters and upper case. The error is a
// *RefError. It is pure.
func ParseRef(text string) (Ref, error) {
	if len(text) > MaxRefLength {
		return Ref{}, refError(text, "too_long")
	}
	word := cleanRef(text)
	if word == "" {
		return Ref{}, refError(text, "empty")
	}
	lower := strings.ToLower(word)
	switch {
	case strings.HasPrefix(lower, "https://"), strings.HasPrefix(lower, "http://"):
		return parseConsoleURL(text, word)
	case strings.HasPrefix(lower, "arn:"):
		return parseRefARN(text, word)
	}
	if cluster, id, ok := strings.Cut(word, "/"); ok && clusterForm.MatchString(cluster) {
		ref, err := parseID(text, id)
		ref.Cluster = cluster
		return keepRef(ref, err)
	}
	return parseID(text, word)
}

func keepRef(r Ref, err error) (Ref, error) {
	if err != nil {
		return Ref{}, err
	}
	return r, nil
}

func refError(text, reason string) error {
	const most = 80
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return &RefError{Text: text, Reason: reason}
}

// cleanRef undoes what keyboards, word processors and Slack do to an id.
func cleanRef(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Pd, r), r == '\u2212', r == '\u00ad':
			return '-'
		case unicode.Is(unicode.Cf, r), unicode.IsControl(r) && !unicode.IsSpace(r), r == unicode.ReplacementChar:
			return -1
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, text)
	for {
		next := strings.TrimFunc(text, func(r rune) bool {
			return r == ' ' || unicode.In(r, unicode.Pi, unicode.Pf) || strings.ContainsRune("\"'`*~,;()[]{}.\u201a\u201e", r)
		})
		if strings.HasPrefix(next, "<") && strings.HasSuffix(next, ">") && len(next) >= 2 {
			next, _, _ = strings.Cut(next[1:len(next)-1], "|")
		}
		if next == text {
			return text
		}
		text = next
	}
}

func parseID(text, word string) (Ref, error) {
	id := strings.ToLower(word)
	switch {
	case ec2IDForm.MatchString(id):
		return Ref{EC2: EC2ID(id)}, nil
	case instanceIDForm.MatchString(id):
		return Ref{InstanceID: id}, nil
	}
	return Ref{}, refError(text, "not_an_instance")
}

// parseRefARN reads container-instance/ID, container-instance/CLUSTER/ID and instance/i-….
// Upper case is mended everywhere but in the cluster's name, where it counts.
func parseRefARN(text, word string) (Ref, error) {
	part := strings.SplitN(word, ":", 6)
	if len(part) != 6 {
		return Ref{}, refError(text, "not_an_instance")
	}
	partition, service := strings.ToLower(part[1]), strings.ToLower(part[2])
	region, account := strings.ToLower(part[3]), part[4]
	if !regionForm.MatchString(region) || !accountForm.MatchString(account) || !strings.HasPrefix(partition, "aws") {
		return Ref{}, refError(text, "not_an_instance")
	}
	resource := strings.Split(part[5], "/")
	kind, id := strings.ToLower(resource[0]), strings.ToLower(resource[len(resource)-1])
	switch {
	case service == "ec2" && kind == "instance" && len(resource) == 2 && ec2IDForm.MatchString(id):
		return Ref{EC2: EC2ID(id), Account: account, Region: region}, nil
	case service != "ecs" || kind != "container-instance":
		return Ref{}, refError(text, "other_resource")
	case len(resource) < 2 || len(resource) > 3 || !instanceIDForm.MatchString(id):
		return Ref{}, refError(text, "not_an_instance")
	}
	ref := Ref{Account: account, Region: region}
	head := "arn:" + partition + ":ecs:" + region + ":" + account + ":container-instance/"
	if len(resource) == 3 {
		if !clusterForm.MatchString(resource[1]) {
			return Ref{}, refError(text, "not_an_instance")
		}
		ref.Cluster = resource[1]
		head += resource[1] + "/"
	}
	ref.Instance = InstanceARN(head + id)
	return ref, nil
}

// parseConsoleURL reads the ECS console's pages of a container instance (old and
// new) and the EC2 console's page of an instance. The host is never contacted.
func parseConsoleURL(text, word string) (Ref, error) {
	u, err := url.Parse(word)
	if err != nil || !consoleHost(u.Hostname()) {
		return Ref{}, refError(text, "not_an_instance")
	}
	ref := Ref{Region: consoleRegion(u), Account: consoleAccount(u.Hostname())}
	path := u.Path
	if strings.HasPrefix(u.Fragment, "/") {
		path, _, _ = strings.Cut(u.Fragment, "?")
	}
	part := strings.Split(path, "/")
	for i := 0; i+1 < len(part); i++ {
		switch part[i] {
		case "clusters":
			if clusterForm.MatchString(part[i+1]) {
				ref.Cluster = part[i+1]
			}
		case "container-instances", "containerInstances":
			if id := strings.ToLower(part[i+1]); instanceIDForm.MatchString(id) {
				ref.InstanceID = id
				return ref, nil
			}
		}
	}
	if id := ec2InURL.FindString(strings.ToLower(u.Path + " " + u.Fragment + " " + u.RawQuery)); ec2IDForm.MatchString(id) {
		ref.EC2 = EC2ID(id)
		return ref, nil
	}
	return Ref{}, refError(text, "other_resource")
}

func consoleHost(host string) bool {
	host = strings.ToLower(host)
	for _, suffix := range []string{"console.aws.amazon.com", "console.amazonaws.cn", "console.amazonaws-us-gov.com"} {
		if host == suffix || strings.HasSuffix(host, "."+suffix) {
			return true
		}
	}
	return false
}

func consoleRegion(u *url.URL) string {
	if r := strings.ToLower(u.Query().Get("region")); regionForm.MatchString(r) {
		return r
	}
	for _, label := range strings.Split(strings.ToLower(u.Hostname()), ".") {
		if regionForm.MatchString(label) {
			return label
		}
	}
	return ""
}

// consoleAccount reads the account of a multi-session console host (ACCOUNT-xxxx.REGION.console…).
func consoleAccount(host string) string {
	label, _, _ := strings.Cut(host, ".")
	account, _, _ := strings.Cut(label, "-")
	if accountForm.MatchString(account) {
		return account
	}
	return ""
}

// String is the shortest text that ParseRef reads back as the same Ref where the
// form allows it: an ARN, cluster/id, or the id.
func (r Ref) String() string {
	id := string(r.EC2)
	switch {
	case r.Instance != "":
		return string(r.Instance)
	case r.InstanceID != "":
		id = r.InstanceID
	}
	if r.Cluster != "" {
		return lastPart(r.Cluster) + "/" + id
	}
	return id
}
