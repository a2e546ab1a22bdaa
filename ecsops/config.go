package ecsops

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
)

// Clock is the source of time for budgets, caches and stamps. A clock that can
// be moved by hand may also have Changed() <-chan struct{}, closed at each jump.
type Clock interface {
	Now() time.Time
	// Until is the real duration to wait for t; never negative.
	Until(t time.Time) time.Duration
}

type realClock struct{}

func (realClock) Now() time.Time                  { return time.Now() }
func (realClock) Until(t time.Time) time.Duration { return max(0, time.Until(t)) }

// Config says which part of AWS a Fleet may see. AWS's own variables (AWS_REGION,
// AWS_ENDPOINT_URL, AWS_CA_BUNDLE, credentials …) are read by the SDK.
type Config struct {
	Region   string   // of bare cluster names; "" = the SDK's own (AWS_REGION)
	Clusters []string // ARNs, account/region/name, bare names, or "*"
	Regions  []string // Regions that "*" searches; empty = Region
	Roles    []string // one role ARN for each further account

	ExternalID     string // sent with AssumeRole when set
	SourceIdentity bool   // send the session name as SourceIdentity too; the role's trust must allow sts:SetSourceIdentity

	External ExternalMode // of ECS Anywhere hosts; "" = refused

	HostLook         HostLookMode // into machines with orphans; "" = never
	HostLookDocument string       // "" = "ecsbot-host-look"

	AppID       string            // in CloudTrail's userAgent; "" = "ecsbot"
	TimeBox     time.Duration     // of Inspect, Preview, List; 0 = 8 s. What is not read by then is unknown
	MetadataURI string            // ECS_CONTAINER_METADATA_URI_V4; "" = not running on ECS
	Clock       Clock             // nil = the process's
	Observe     func(Call)        // after each AWS call; for metrics. Must not block
	Spent       func(Spent)       // before each HTTP attempt of a call that has a budget; for metrics. Must not block
	Transport   http.RoundTripper // of every AWS call; nil = the SDK's own
}

// Call is one finished AWS call.
type Call struct {
	Service, Operation string
	RequestID          string
	Attempts           int
	Took               time.Duration
	Err                error
}

// Spent is one token taken from our own share of one of AWS's buckets, or not had.
type Spent struct {
	Account, Region string
	Bucket, Use     string        // use: preview, poll or order
	Waited          time.Duration // of the fleet's clock
	Had             bool
}

// Fleet is ECS across the configured accounts and Regions. It is safe for concurrent use.
type Fleet struct {
	cfg   Config
	clock Clock
	base  aws.Config
	reads aws.HTTPClient    // of reading sessions
	roles map[string]string // account → role ARN
	specs []clusterSpec
	all   bool // "*"

	mu       sync.Mutex
	home     string               // guarded by mu: the account of the process's own credentials
	sessions map[string]*session  // guarded by mu
	orders   map[string]*session  // guarded by mu: mutating sessions, bounded
	budgets  map[string]*budget   // guarded by mu
	traffic  traffic              // guarded by mu
	listed   map[string]clusterAt // guarded by mu: ListClusters of an account and Region

	cache  caches
	rounds rounds
	self   selfRead
}

type clusterAt struct {
	at   time.Time
	arns []ClusterARN
}

// clusterSpec is one configured cluster; an empty account means the process's own.
type clusterSpec struct{ account, region, name string }

const (
	defaultTimeBox = 8 * time.Second
	defaultAppID   = "ecsbot"
)

var roleForm = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}):role/\S+$`)

// New checks the configuration and loads the SDK's; it contacts nobody but, when the
// environment says so, the SDK's credential files. All problems are reported at once.
func New(ctx context.Context, cfg Config) (*Fleet, error) {
	if cfg.TimeBox <= 0 {
		cfg.TimeBox = defaultTimeBox
	}
	if cfg.AppID == "" {
		cfg.AppID = defaultAppID
	}
	f := &Fleet{cfg: cfg, clock: cfg.Clock, roles: map[string]string{}, sessions: map[string]*session{},
		orders: map[string]*session{}, budgets: map[string]*budget{}, listed: map[string]clusterAt{},
		traffic: traffic{meters: map[string]*meter{}, gates: map[string]*gate{}}}
	if f.clock == nil {
		f.clock = realClock{}
	}
	options := []func(*config.LoadOptions) error{
		// A plain *http.Client makes AWS_CA_BUNDLE fail; the SDK's own can carry it.
		config.WithHTTPClient(awshttp.NewBuildableClient()),
		config.WithAppID(cfg.AppID),
		config.WithRetryer(newReadRetryer),
	}
	if cfg.Region != "" {
		options = append(options, config.WithRegion(cfg.Region))
	}
	base, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("loading the AWS configuration: %w", err)
	}
	if cfg.Transport != nil {
		base.HTTPClient = &http.Client{Transport: cfg.Transport}
	}
	f.base, f.reads = base, forReads(base.HTTPClient)
	return f, errors.Join(f.readClusters(), f.readRoles())
}

func (f *Fleet) readClusters() error {
	var problems []error
	for _, text := range f.cfg.Clusters {
		spec, err := parseClusterSpec(strings.TrimSpace(text))
		switch {
		case strings.TrimSpace(text) == "*":
			f.all = true
			continue
		case err != nil:
			problems = append(problems, err)
			continue
		}
		if spec.region == "" {
			spec.region = f.base.Region
		}
		if spec.region == "" {
			problems = append(problems, fmt.Errorf("cluster %q needs a Region: set AWS_REGION or write account/region/name", text))
			continue
		}
		f.specs = append(f.specs, spec)
	}
	if f.all && len(f.Regions()) == 0 {
		problems = append(problems, errors.New("all clusters (*) need REGIONS or AWS_REGION"))
	}
	return errors.Join(problems...)
}

// parseClusterSpec reads an ARN, account/region/name or a bare name.
func parseClusterSpec(text string) (clusterSpec, error) {
	spec := clusterSpec{name: text}
	if strings.HasPrefix(text, "arn:") {
		arn := ClusterARN(text)
		spec = clusterSpec{account: arn.Account(), region: arn.Region(), name: arn.Name()}
		if arn != MakeClusterARN(spec.account, spec.region, spec.name) {
			return clusterSpec{}, fmt.Errorf("cluster %q is no cluster ARN", text)
		}
	} else if part := strings.Split(text, "/"); len(part) == 3 {
		spec = clusterSpec{account: part[0], region: part[1], name: part[2]}
	}
	if spec.account != "" && !accountForm.MatchString(spec.account) || spec.region != "" && !regionForm.MatchString(spec.region) ||
		!clusterForm.MatchString(spec.name) {
		return clusterSpec{}, fmt.Errorf("cluster %q is no ARN, account/region/name or name", text)
	}
	return spec, nil
}

func (f *Fleet) readRoles() error {
	var problems []error
	for _, arn := range f.cfg.Roles {
		m := roleForm.FindStringSubmatch(strings.TrimSpace(arn))
		switch {
		case m == nil:
			problems = append(problems, fmt.Errorf("role %q is no IAM role ARN", arn))
		case f.roles[m[1]] != "":
			problems = append(problems, fmt.Errorf("account %s has two roles: one for each account", m[1]))
		default:
			f.roles[m[1]] = strings.TrimSpace(arn)
		}
	}
	return errors.Join(problems...)
}

// Regions are those that "*" searches: the configured ones, or the process's own.
func (f *Fleet) Regions() []string {
	if len(f.cfg.Regions) > 0 {
		return f.cfg.Regions
	}
	if f.base.Region == "" {
		return nil
	}
	return []string{f.base.Region}
}

// accounts are the process's own (home) and those with a role, sorted.
func (f *Fleet) accounts(home string) []string {
	var out []string
	if home != "" { // it could be told
		out = append(out, home)
	}
	for a := range f.roles {
		if a != home {
			out = append(out, a)
		}
	}
	slices.Sort(out)
	return out
}
