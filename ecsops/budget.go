package ecsops

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"
)

// use is what a call is for; it decides how much of AWS's bucket may be spent.
type use int

const (
	usePreview use = iota // a person waits: up to half of a bucket
	usePoll               // a timer asks: a tenth
	useOrder              // mutating: a tenth, at most one a second
)

func (u use) String() string { return [...]string{"preview", "poll", "order"}[u] }

type useKey struct{}

func withUse(ctx context.Context, u use) context.Context { return context.WithValue(ctx, useKey{}, u) }

func useOf(ctx context.Context) use {
	u, _ := ctx.Value(useKey{}).(use)
	return u
}

// bucket is a documented token bucket: burst and refill a second.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
// https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
// Auto Scaling, Elastic Load Balancing and Systems Manager publish no figures, nor does ECS for its daemons; theirs are
// cautious guesses.
type bucket struct {
	name   string
	burst  int
	refill float64
}

var (
	clusterResourceRead   = bucket{"ecs_cluster_resource_read", 100, 20}
	clusterResourceModify = bucket{"ecs_cluster_resource_modify", 100, 40}
	serviceRead           = bucket{"ecs_service_read", 100, 20}
	taskDefinitionRead    = bucket{"ecs_task_definition_read", 50, 20}
	clusterRead           = bucket{"ecs_cluster_read", 50, 20}
	capacityProviderRead  = bucket{"ecs_capacity_provider_read", 50, 20}
	taskProtection        = bucket{"ecs_task_protection", 200, 80}
	ec2Read               = bucket{"ec2_read", 100, 20}
	ec2Modify             = bucket{"ec2_modify", 50, 5}
	autoScaling           = bucket{"autoscaling", 40, 10}
	loadBalancing         = bucket{"elasticloadbalancing", 80, 20}
	systemsManager        = bucket{"ssm", 40, 10}
	daemonRead            = bucket{"ecs_daemon_read", 40, 10}
)

func bucketOf(service, operation string) (bucket, bool) {
	switch service {
	case "EC2":
		if operation == "TerminateInstances" {
			return ec2Modify, true
		}
		b := ec2Read
		b.name += "/" + operation // EC2 counts each API for itself
		return b, true
	case "Auto Scaling":
		return autoScaling, true
	case "Elastic Load Balancing v2", "Elastic Load Balancing": // whether the two APIs share one is not said
		return loadBalancing, true
	case "SSM":
		return systemsManager, true
	case "ECS":
		return ecsBucket(operation)
	}
	return bucket{}, false
}

func ecsBucket(operation string) (bucket, bool) {
	switch operation {
	case "ListContainerInstances", "DescribeContainerInstances", "ListTasks", "DescribeTasks":
		return clusterResourceRead, true
	case "UpdateContainerInstancesState", "DeregisterContainerInstance", "StopTask":
		return clusterResourceModify, true
	case "DescribeServices", "ListServices":
		return serviceRead, true
	case "DescribeTaskDefinition":
		return taskDefinitionRead, true
	case "DescribeClusters", "ListClusters":
		return clusterRead, true
	case "DescribeCapacityProviders":
		return capacityProviderRead, true
	case "GetTaskProtection":
		return taskProtection, true
	case "ListDaemons", "DescribeDaemon", "DescribeDaemonRevisions":
		return daemonRead, true
	}
	return bucket{}, false
}

// budget is our own share of one bucket for one use, in one account and Region.
type budget struct {
	clock   Clock
	limiter *rate.Limiter
	lane    lane
	per     float64 // tokens a second of all replicas together
	burst   float64
}

func newBudget(clock Clock, b bucket, u use) *budget {
	share := 0.5
	if u != usePreview {
		share = pollShare
	}
	per := b.refill * share
	if u == useOrder {
		per = min(per, 1)
	}
	out := &budget{clock: clock, lane: newLane(), per: per, burst: float64(b.burst) * share}
	out.limiter = rate.NewLimiter(rate.Limit(per), out.burstOf(1))
	return out
}

func (b *budget) burstOf(replicas int) int { return max(1, int(b.burst/float64(replicas))) }

// split leaves this process one of so many equal parts.
func (b *budget) split(replicas int) {
	now := b.clock.Now()
	b.limiter.SetLimitAt(now, rate.Limit(b.per/float64(replicas)))
	b.limiter.SetBurstAt(now, b.burstOf(replicas))
}

// never is what a clock that stands still answers: waiting for it would never end, so
// the budget does not hold then.
const never = time.Duration(math.MaxInt64)

// wait takes one token, or returns ctx's error or a *BusyError without taking one. It
// waits on the injected clock, so a paced clock refills as fast as it runs.
func (b *budget) wait(ctx context.Context) error {
	now := b.clock.Now()
	r := b.limiter.ReserveN(now, 1)
	at := now.Add(r.DelayFrom(now))
	if until := patienceOf(ctx); !until.IsZero() && at.After(now) && at.After(until) && b.clock.Until(at) < never {
		r.CancelAt(now)
		return &BusyError{Until: at}
	}
	if left := b.clock.Until(at); left < never {
		waiting(ctx, left)
	}
	for b.clock.Now().Before(at) && b.clock.Until(at) < never {
		if err := b.nap(ctx, at); err != nil {
			r.CancelAt(b.clock.Now())
			return err
		}
	}
	return ctx.Err()
}

func (b *budget) nap(ctx context.Context, at time.Time) error {
	var changed <-chan struct{}
	if c, ok := b.clock.(interface{ Changed() <-chan struct{} }); ok {
		changed = c.Changed()
	}
	timer := time.NewTimer(b.clock.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-changed:
	case <-timer.C:
	}
	return nil
}

// budget returns the budget of a call, shared by everything in this process that
// uses the same account, Region, bucket and use.
func (f *Fleet) budget(account, region string, b bucket, u use) *budget {
	key := place(account, region) + "/" + b.name + "/" + u.String()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.budgets[key] == nil {
		f.budgets[key] = newBudget(f.clock, b, u)
		f.budgets[key].split(max(1, f.traffic.replicas))
	}
	return f.budgets[key]
}

// Share makes this process keep to one of so many equal parts of every budget: as many as
// there are replicas, and more while it is not known how many.
func (f *Fleet) Share(parts int) {
	parts = max(1, parts)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.traffic.replicas == parts {
		return
	}
	f.traffic.replicas = parts
	for _, b := range f.budgets {
		b.split(parts)
	}
}

// Parts is into how many the budgets are divided.
func (f *Fleet) Parts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(1, f.traffic.replicas)
}

// place is an account and Region: what AWS counts calls by.
func place(account, region string) string { return account + "/" + region }

func placed(at string) (account, region string) {
	account, region, _ = strings.Cut(at, "/")
	return account, region
}

// spend is the middleware that takes a token before each HTTP attempt, retries included.
func (f *Fleet) spend(account, region string) func(*middleware.Stack) error {
	return func(s *middleware.Stack) error {
		return s.Finalize.Insert(middleware.FinalizeMiddlewareFunc("Budget", func(ctx context.Context,
			in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			if b, ok := bucketOf(serviceOf(ctx), operationOf(ctx)); ok {
				leave, err := f.take(ctx, account, region, b)
				if err != nil {
					return middleware.FinalizeOutput{}, middleware.Metadata{}, &notSentError{cause: err}
				}
				defer leave()
			}
			return next.HandleFinalize(ctx, in)
		}), "Retry", middleware.After)
	}
}

// take waits for a token and keeps account of it.
func (f *Fleet) take(ctx context.Context, account, region string, b bucket) (leave func(), err error) {
	u, began := useOf(ctx), f.clock.Now()
	leave, err = f.budget(account, region, b, u).enter(ctx)
	if err == nil && u == usePoll {
		f.meter(place(account, region)).token(b)
	}
	if f.cfg.Spent != nil {
		f.cfg.Spent(Spent{Account: account, Region: region, Bucket: b.name, Use: u.String(),
			Waited: f.clock.Now().Sub(began), Had: err == nil})
	}
	return leave, err
}

// notSentError: the attempt never left the process.
type notSentError struct{ cause error }

func (e *notSentError) Error() string {
	return "waiting for this process's own budget: " + e.cause.Error()
}
func (e *notSentError) Unwrap() error { return e.cause }
