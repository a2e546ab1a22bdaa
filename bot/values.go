package bot

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ecsbot/ecsops"
)

// The decoders below are envconfig's: its own map and slice decoders split at ":" and ",", which ARNs contain.

// Everything is what must be written to mean all clusters or all channels.
const Everything = "*"

var (
	personID   = regexp.MustCompile(`^[UWS][A-Z0-9]{2,}$`)
	userID     = regexp.MustCompile(`^[UW][A-Z0-9]{2,}$`)
	channelID  = regexp.MustCompile(`^[CGD][A-Z0-9]{2,}$`)
	accountID  = regexp.MustCompile(`^[0-9]{12}$`)
	regionName = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}$`)
	// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html
	clusterName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
	clusterARN  = regexp.MustCompile(`^arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:cluster/[A-Za-z0-9_-]{1,255}$`)
	roleARN     = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}):role/[\w+=,.@/-]{1,576}$`)
)

// list splits a list at commas and white space, and drops repetitions.
func list(value string) []string {
	var out []string
	for _, w := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r' }) {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// each decodes every word and joins what is wrong with them.
func each(value string, take func(word string) error) error {
	var errs []error
	for _, w := range list(value) {
		errs = append(errs, take(w))
	}
	return errors.Join(errs...)
}

// People are Slack user and user-group ids.
type People []string

// Decode takes ids; names and "*" are refused, as only ids are unique and nobody means everybody.
func (p *People) Decode(value string) error {
	return each(value, func(w string) error {
		switch {
		case w == Everything:
			return errors.New(`"*" is not accepted for people: name users or a user group`)
		case !personID.MatchString(w):
			return fmt.Errorf("%q is no Slack user id (U…, W…) or user-group id (S…): copy it from the profile's menu, \"Copy member ID\"", w)
		}
		*p = append(*p, w)
		return nil
	})
}

// Channels are channel ids, or "*" alone.
type Channels []string

// Decode takes ids or "*".
func (c *Channels) Decode(value string) error {
	err := each(value, func(w string) error {
		if w != Everything && !channelID.MatchString(w) {
			return fmt.Errorf("%q is no channel id (C…, G… or D…): find it at the end of the channel's \"About\" tab", w)
		}
		*c = append(*c, w)
		return nil
	})
	return errors.Join(err, alone(*c))
}

func alone(list []string) error {
	if len(list) > 1 && slices.Contains(list, Everything) {
		return errors.New(`"*" means all and must stand alone`)
	}
	return nil
}

// ClusterRef names a cluster. Account and Region are "" for a bare name: this account and AWS_REGION.
type ClusterRef struct{ Account, Region, Name string }

// String is account/region/name, or the bare name.
func (c ClusterRef) String() string {
	if c.Account == "" {
		return c.Name
	}
	return c.Account + "/" + c.Region + "/" + c.Name
}

// Clusters is the allow-list of clusters. The zero value allows none.
type Clusters struct {
	All  bool
	Refs []ClusterRef
}

// Decode takes ARNs, account/region/name, bare names, or "*".
func (c *Clusters) Decode(value string) error {
	all := list(value)
	err := each(value, func(w string) error {
		if w == Everything {
			c.All = true
			return nil
		}
		ref, err := parseCluster(w)
		if err == nil {
			c.Refs = append(c.Refs, ref)
		}
		return err
	})
	return errors.Join(err, alone(all))
}

func parseCluster(w string) (ClusterRef, error) {
	if strings.HasPrefix(w, "arn:") {
		if !clusterARN.MatchString(w) {
			return ClusterRef{}, fmt.Errorf("%q is no cluster ARN (arn:aws:ecs:REGION:ACCOUNT:cluster/NAME)", w)
		}
		arn := ecsops.ClusterARN(w)
		return ClusterRef{Account: arn.Account(), Region: arn.Region(), Name: arn.Name()}, nil
	}
	parts := strings.Split(w, "/")
	switch {
	case len(parts) == 1 && clusterName.MatchString(w):
		return ClusterRef{Name: w}, nil
	case len(parts) == 3 && accountID.MatchString(parts[0]) && regionName.MatchString(parts[1]) && clusterName.MatchString(parts[2]):
		return ClusterRef{Account: parts[0], Region: parts[1], Name: parts[2]}, nil
	}
	return ClusterRef{}, fmt.Errorf("%q is no cluster: write an ARN, account/region/name (123456789012/eu-central-1/prod) or a bare name", w)
}

// Empty reports whether no cluster is allowed.
func (c Clusters) Empty() bool { return !c.All && len(c.Refs) == 0 }

// Roles are IAM role ARNs, at most one for an account.
type Roles []string

// Decode takes role ARNs.
func (r *Roles) Decode(value string) error {
	seen := map[string]string{}
	return each(value, func(w string) error {
		m := roleARN.FindStringSubmatch(w)
		if m == nil {
			return fmt.Errorf("%q is no role ARN (arn:aws:iam::ACCOUNT:role/NAME)", w)
		}
		if other, ok := seen[m[1]]; ok {
			return fmt.Errorf("account %s has two roles, %s and %s: name one", m[1], other, w)
		}
		seen[m[1]] = w
		*r = append(*r, w)
		return nil
	})
}

// Regions are AWS Region names.
type Regions []string

// Decode takes Region names.
func (r *Regions) Decode(value string) error {
	return each(value, func(w string) error {
		if !regionName.MatchString(w) {
			return fmt.Errorf("%q is no AWS Region such as eu-central-1", w)
		}
		*r = append(*r, w)
		return nil
	})
}

// Users maps operating-system users to Slack user ids.
type Users map[string]string

// Decode takes NAME=ID pairs.
func (u *Users) Decode(value string) error {
	m := Users{}
	err := each(value, func(w string) error {
		name, id, ok := strings.Cut(w, "=")
		switch {
		case !ok || name == "":
			return fmt.Errorf("%q is not NAME=ID, such as alice=U0123ABCD", w)
		case !userID.MatchString(id):
			return fmt.Errorf("%q is no Slack user id (U… or W…) for %s", id, name)
		case m[name] != "" && m[name] != id:
			return fmt.Errorf("%s is mapped to both %s and %s", name, m[name], id)
		}
		m[name] = id
		return nil
	})
	*u = m
	return err
}

// APIURL is the base of Slack's Web API, with its trailing slash.
type APIURL string

// Decode takes an https URL, or an http one on this machine: a token must not cross a network in the clear.
func (a *APIURL) Decode(value string) error {
	u, err := url.Parse(strings.TrimSpace(value))
	switch {
	case err != nil || u.Host == "":
		return errors.New("is no URL such as https://slack.com/api/")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("must be a plain URL, without user, query or fragment")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return fmt.Errorf("would send the tokens unencrypted to %s: use https", u.Host)
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("has the scheme %q: use https", u.Scheme)
	}
	*a = APIURL(strings.TrimSuffix(u.String(), "/") + "/")
	return nil
}

// Slacks reports whether the URL is Slack's own.
func (a APIURL) Slacks() bool {
	u, err := url.Parse(string(a))
	if err != nil {
		return false
	}
	h := u.Hostname()
	return h == "slack.com" || strings.HasSuffix(h, ".slack.com") || h == "slack-gov.com" || strings.HasSuffix(h, ".slack-gov.com")
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// HostPort is an address to listen on.
type HostPort string

// Decode takes host:port or :port; port 0 lets the system choose.
func (h *HostPort) Decode(value string) error {
	host, port, err := net.SplitHostPort(strings.TrimSpace(value))
	if err != nil {
		return fmt.Errorf("%q is no address such as 127.0.0.1:8080", value)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q is no port from 0 to 65535", port)
	}
	*h = HostPort(net.JoinHostPort(host, port))
	return nil
}

// External is what may be done with ECS Anywhere hosts.
type External ecsops.ExternalMode

// Decode implements envconfig.Decoder.
func (e *External) Decode(value string) error {
	mode, err := ecsops.ParseExternal(value)
	*e = External(mode)
	return err
}

// HostLook is whether machines are looked into.
type HostLook ecsops.HostLookMode

// Decode implements envconfig.Decoder.
func (h *HostLook) Decode(value string) error {
	mode, err := ecsops.ParseHostLook(value)
	*h = HostLook(mode)
	return err
}

// Document is the name of a Systems Manager document of the account's own.
type Document string

// Decode implements envconfig.Decoder.
func (d *Document) Decode(value string) error {
	name, err := ecsops.ParseHostLookDocument(value)
	*d = Document(name)
	return err
}
