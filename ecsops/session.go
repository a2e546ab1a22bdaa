package ecsops

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmw "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	classic "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"
)

// session is AWS as one (account, Region) under one set of credentials.
type session struct {
	account, region string
	name            string // role session name; "" = reads

	ecs *ecs.Client
	ec2 *ec2Calls
	asg *autoscaling.Client
	elb *elb.Client
	// classic is the former API of load balancers; version 2 knows nothing of theirs.
	classic *classic.Client
	sts     *sts.Client
	ssm     *ssmCalls

	mu       sync.Mutex
	verified bool                 // guarded by mu: GetCallerIdentity answered our account
	desks    map[ClusterARN]*desk // guarded by mu
}

const (
	readAttempts    = 5
	readMaxBackoff  = 2 * time.Second
	readSessionName = "ecsbot-read"
	maxOrders       = 64 // mutating sessions kept
)

// newReadRetryer is called by the SDK for each client; sharing one between clients
// or Regions would share its token bucket (hashicorp/aws-sdk-go-base#915).
func newReadRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = readAttempts
		o.MaxBackoff = readMaxBackoff // a person waits, within the time box
		o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
			if isThrottle(err) {
				return aws.TrueTernary
			}
			return aws.UnknownTernary
		}))
	})
}

// A read whose answer does not begin in time is asked again: one connection that lost its
// other end must not cost a fact. An order is never asked again, so it waits.
const (
	readAnswers   = 3 * time.Second
	readConnects  = 2 * time.Second
	readsKeptOpen = 64 // connections of each service: an inspection's calls are made at once
)

// forReads is a client of the SDK's own, with whatever CA bundle it was given; another one is left as it is.
func forReads(c aws.HTTPClient) aws.HTTPClient {
	own, ok := c.(*awshttp.BuildableClient)
	if !ok {
		return c
	}
	return own.WithDialerOptions(func(d *net.Dialer) { d.Timeout = readConnects }).
		WithTransportOptions(func(t *http.Transport) {
			t.ResponseHeaderTimeout, t.MaxIdleConnsPerHost, t.MaxIdleConns = readAnswers, readsKeptOpen, 4*readsKeptOpen
		})
}

func serviceOf(ctx context.Context) string   { return awsmw.GetServiceID(ctx) }
func operationOf(ctx context.Context) string { return awsmw.GetOperationName(ctx) }

// reading returns the session for reads of an account and Region.
func (f *Fleet) reading(account, region string) *session {
	key := account + "/" + region
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sessions[key] == nil {
		f.sessions[key] = f.newSession(account, region, "")
	}
	return f.sessions[key]
}

// ordering returns the session for one operation's mutating calls: no SDK retries,
// and CloudTrail shows the operation as the role session's name.
func (f *Fleet) ordering(account, region, name string) *session {
	name = sessionName(name)
	key := account + "/" + region + "/" + name
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.orders[key]; s != nil {
		return s
	}
	if len(f.orders) >= maxOrders {
		clear(f.orders) // each is made again in one AssumeRole
	}
	f.orders[key] = f.newSession(account, region, name)
	return f.orders[key]
}

var notInSessionName = regexp.MustCompile(`[^\w+=,.@-]+`)

// sessionName makes a RoleSessionName: 2 to 64 of the characters that STS allows.
func sessionName(operation string) string {
	name := notInSessionName.ReplaceAllString("ecsbot-"+operation, "-")
	return name[:min(len(name), 64)]
}

func (f *Fleet) newSession(account, region, name string) *session {
	cfg := f.base.Copy()
	cfg.Region = region
	if role := f.roles[account]; role != "" {
		cfg.Credentials = aws.NewCredentialsCache(f.assume(role, region, name))
	}
	if name != "" {
		cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	} else {
		cfg.HTTPClient = f.reads
	}
	cfg.APIOptions = append(cfg.APIOptions[:len(cfg.APIOptions):len(cfg.APIOptions)], f.spend(account, region), f.observe())
	return &session{account: account, region: region, name: name,
		ecs: ecs.NewFromConfig(cfg), ec2: newEC2(cfg), asg: autoscaling.NewFromConfig(cfg),
		elb: elb.NewFromConfig(cfg), classic: classic.NewFromConfig(cfg), sts: sts.NewFromConfig(cfg), ssm: newSSM(cfg)}
}

func (f *Fleet) assume(role, region, name string) *stscreds.AssumeRoleProvider {
	cfg := f.base.Copy()
	cfg.Region = region
	return stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = readSessionName
		if name != "" {
			o.RoleSessionName = name
		}
		if f.cfg.ExternalID != "" {
			o.ExternalID = aws.String(f.cfg.ExternalID)
		}
		if f.cfg.SourceIdentity {
			o.SourceIdentity = aws.String(o.RoleSessionName)
		}
	})
}

// observe reports each finished call to Config.Observe.
func (f *Fleet) observe() func(*middleware.Stack) error {
	return func(s *middleware.Stack) error {
		if f.cfg.Observe == nil {
			return nil
		}
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("Observe", func(ctx context.Context,
			in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			start := time.Now()
			out, md, err := next.HandleInitialize(ctx, in)
			id, _ := awsmw.GetRequestIDMetadata(md)
			tries, _ := retry.GetAttemptResults(md)
			f.cfg.Observe(Call{Service: serviceOf(ctx), Operation: operationOf(ctx), RequestID: id,
				Attempts: len(tries.Results), Took: time.Since(start), Err: err})
			return out, md, err
		}), middleware.After)
	}
}

// WrongAccountError says that the credentials belong to another account than the target's.
type WrongAccountError struct{ Want, Have string }

func (e *WrongAccountError) Error() string {
	return fmt.Sprintf("credentials are of account %s, the target is in %s: give a role for it in ROLES", e.Have, e.Want)
}

// verify asks STS once in the session's life whose credentials these are. EC2,
// Auto Scaling and load-balancer calls would otherwise answer for the wrong account.
func (s *session) verify(ctx context.Context) error {
	s.mu.Lock()
	done := s.verified
	s.mu.Unlock()
	if done {
		return nil
	}
	out, err := s.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return &callError{"sts:GetCallerIdentity", err}
	}
	if have := aws.ToString(out.Account); have != s.account {
		return &callError{"sts:GetCallerIdentity", &WrongAccountError{Want: s.account, Have: have}}
	}
	s.mu.Lock()
	s.verified = true
	s.mu.Unlock()
	return nil
}

// Account is the account of the process's own credentials, asked once.
func (f *Fleet) Account(ctx context.Context) (string, error) {
	f.mu.Lock()
	home := f.home
	f.mu.Unlock()
	if home != "" {
		return home, nil
	}
	cfg := f.base.Copy()
	if cfg.Region == "" && len(f.specs) > 0 {
		cfg.Region = f.specs[0].region
	}
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("asking whose credentials these are: %w", err)
	}
	home = aws.ToString(out.Account)
	if home == "" {
		return "", errors.New("asking whose credentials these are: no account in the answer")
	}
	f.mu.Lock()
	f.home = home
	f.mu.Unlock()
	return home, nil
}
