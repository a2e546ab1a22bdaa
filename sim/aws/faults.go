package aws

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
)

// errHung and errCut say how a call ends without an answer.
var (
	errHung = &apiError{code: "Hung"}
	errCut  = &apiError{code: "ConnectionReset"}
)

// faults is what is broken at present; guarded by Cloud.mu.
type faults struct {
	throttle    map[string]int     // by action: how many more are throttled
	rate        map[string]float64 // by action: the share that is throttled
	throttleAll bool
	disguise    bool
	spare       bool
	strand      bool
	keepDaemons bool
	confused    bool
	enforce     bool
	buckets     map[bucketKey]*bucket
	deny        map[string]bool
	delay       map[string]time.Duration
	latency     time.Duration
	hang        map[string]bool // Region
	before      map[string]int
	afterEffect map[string]int
	pageSize    int
	lag         time.Duration
	hidden      map[string]bool // EC2 ids
}

func put[V any](in map[string]V, k string, v V) map[string]V {
	if in == nil {
		in = map[string]V{}
	}
	in[k] = v
	return in
}

func (c *Cloud) meddle(do func(f *faults)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do(&c.faults)
}

// Throttle refuses the next n calls of the action ("DescribeTasks", or "*") with the service's throttling error.
func (c *Cloud) Throttle(action string, n int) {
	c.meddle(func(f *faults) { f.throttle = put(f.throttle, action, n) })
}

// ThrottleRate refuses that share (0 to 1) of the action's calls, by the seed's dice; 0 ends it.
func (c *Cloud) ThrottleRate(action string, share float64) {
	c.meddle(func(f *faults) { f.rate = put(f.rate, action, share) })
}

// ThrottleAll refuses every call until it is switched off.
func (c *Cloud) ThrottleAll(on bool) { c.meddle(func(f *faults) { f.throttleAll = on }) }

// DisguiseThrottling makes ECS say ClientException instead of ThrottlingException, as it sometimes does (aws/aws-sdk#488).
func (c *Cloud) DisguiseThrottling(on bool) { c.meddle(func(f *faults) { f.disguise = on }) }

// SpareProtected makes drains leave tasks with scale-in protection alone. AWS does not document whether they do; unless
// this is switched on, they do not.
func (c *Cloud) SpareProtected(on bool) { c.meddle(func(f *faults) { f.spare = on }) }

// StrandHooks leaves the hook of managed draining uncompleted once its instance is deregistered, for its 48 hours: what
// deregistering inside a termination did to groups whose hooks look for the registration (widdix/aws-cf-templates#276).
// What ECS does is not documented; unless this is switched on, it completes its hook.
func (c *Cloud) StrandHooks(on bool) { c.meddle(func(f *faults) { f.strand = on }) }

// ConfuseClassic makes Classic load balancers say Unknown of every instance, a state that they document for passing errors.
// https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_InstanceState.html
func (c *Cloud) ConfuseClassic(on bool) { c.meddle(func(f *faults) { f.confused = on }) }

// EnforceBuckets applies the documented token buckets for each account and Region, refilled in virtual time.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
func (c *Cloud) EnforceBuckets(on bool) {
	c.meddle(func(f *faults) { f.enforce, f.buckets = on, map[bucketKey]*bucket{} })
}

// Deny refuses the action ("*" for all) as IAM would; Allow ends it.
func (c *Cloud) Deny(action string) { c.meddle(func(f *faults) { f.deny = put(f.deny, action, true) }) }

// Allow ends a Deny.
func (c *Cloud) Allow(action string) { c.meddle(func(f *faults) { delete(f.deny, action) }) }

// DenyIn refuses the action of ECS in one cluster, as a policy does that is scoped to the others; AllowIn ends it.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security_iam_id-based-policy-examples.html
func (c *Cloud) DenyIn(action, cluster string) { c.Deny(action + " in " + cluster) }

// AllowIn ends a DenyIn.
func (c *Cloud) AllowIn(action, cluster string) { c.Allow(action + " in " + cluster) }

// deniedIn reads which cluster a call names, by name or ARN.
func (f *faults) deniedIn(r *request) bool {
	var in struct{ Cluster string }
	if len(f.deny) == 0 || r.proto != awsJSON || json.Unmarshal(r.body, &in) != nil {
		return false
	}
	return f.deny[r.call.Action+" in "+in.Cluster[strings.LastIndexByte(in.Cluster, '/')+1:]]
}

// Delay holds every call of the action for d of real time before it has effect.
func (c *Cloud) Delay(action string, d time.Duration) {
	c.meddle(func(f *faults) { f.delay = put(f.delay, action, d) })
}

// LatencyPerCall holds every call for d of real time before it has effect.
func (c *Cloud) LatencyPerCall(d time.Duration) { c.meddle(func(f *faults) { f.latency = d }) }

// Hang leaves every call to the Region without an answer, until the client gives up or Unhang.
func (c *Cloud) Hang(region string) { c.meddle(func(f *faults) { f.hang = put(f.hang, region, true) }) }

// Unhang ends a Hang for later calls; those that hang go on hanging until their clients give up.
func (c *Cloud) Unhang(region string) { c.meddle(func(f *faults) { delete(f.hang, region) }) }

// FailBefore resets the connection of the next n calls of the action before they have any effect.
func (c *Cloud) FailBefore(action string, n int) {
	c.meddle(func(f *faults) { f.before = put(f.before, action, n) })
}

// FailAfterEffect lets the next n calls of the action have their effect, and resets the connection instead of answering.
func (c *Cloud) FailAfterEffect(action string, n int) {
	c.meddle(func(f *faults) { f.afterEffect = put(f.afterEffect, action, n) })
}

// PageSize caps every page at n records, whatever was asked; 0 ends it.
func (c *Cloud) PageSize(n int) { c.meddle(func(f *faults) { f.pageSize = n }) }

// Lag makes reads answer from what was true d of virtual time ago; 0 ends it.
func (c *Cloud) Lag(d time.Duration) {
	c.meddle(func(f *faults) {
		f.lag = d
		if d == 0 {
			c.past = nil
			return
		}
		c.past = []*world{c.stamped()}
	})
}

// HideEC2 leaves the EC2 instance out of EC2's answers, as if there were none of that id, until it is switched off: EC2's
// reads lag behind, so that an instance can be unknown although it runs.
// https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
func (c *Cloud) HideEC2(ec2ID string, on bool) {
	c.meddle(func(f *faults) { f.hidden = put(f.hidden, ec2ID, on) })
}

// Heal ends every fault but what was done to instances.
func (c *Cloud) Heal() {
	c.meddle(func(f *faults) { *f = faults{buckets: map[bucketKey]*bucket{}}; c.past = nil })
}

func (c *Cloud) stamped() *world {
	w := c.live.clone()
	w.at = c.now
	return w
}

// remember keeps a view for the readers that lag, and the extremes.
func (c *Cloud) remember() {
	if c.extremes != nil && c.unseen {
		c.unseen = false
		c.extremes.look(c)
	}
	if c.faults.lag <= 0 || !c.moved {
		return
	}
	c.moved = false
	c.past = append(c.past, c.stamped())
	for len(c.past) > 1 && !c.past[1].at.After(c.now.Add(-c.faults.lag)) {
		c.past = c.past[1:]
	}
}

// view is what a reader sees: the live estate, or the newest view that is as old as the lag.
func (c *Cloud) view() *world {
	if c.faults.lag <= 0 || len(c.past) == 0 {
		return c.live
	}
	seen := c.past[0]
	for _, w := range c.past {
		if !w.at.After(c.now.Add(-c.faults.lag)) {
			seen = w
		}
	}
	return seen
}

// obstruct applies the faults that come before a call has effect.
func (c *Cloud) obstruct(ctx context.Context, r *request) *apiError {
	c.mu.Lock()
	f := &c.faults
	wait := f.latency + f.delay[r.named()] + f.delay["*"]
	hangs := f.hang[r.call.Region]
	c.mu.Unlock()
	if hangs {
		select {
		case <-ctx.Done():
		case <-c.base.Done():
		}
		return errHung
	}
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return errHung
		case <-c.base.Done():
			return errHung
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case f.deny[r.call.Action] || f.deny["*"] || f.deniedIn(r):
		return r.denied()
	case c.throttled(r):
		return r.throttledError()
	case countDown(f.before, r.named()) || countDown(f.before, "*"):
		return errCut
	}
	return nil
}

// named is the action as faults know it: what is done to a call shall not be done to its rehearsal instead, which is
// "DryRun:" and the action. A permission is the same for both.
func (r *request) named() string {
	if r.isDryRun() {
		return "DryRun:" + r.call.Action
	}
	return r.call.Action
}

func countDown(left map[string]int, action string) bool {
	if left[action] <= 0 {
		return false
	}
	left[action]--
	return true
}

// loses reports whether the answer of a call that had its effect gets lost.
func (c *Cloud) loses(r *request, refused *apiError) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return refused == nil && (countDown(c.faults.afterEffect, r.named()) || countDown(c.faults.afterEffect, "*"))
}

func (r *request) denied() *apiError {
	text := "User: " + r.caller.arn + " is not authorized to perform: " + r.call.Service + ":" + r.call.Action +
		" because no identity-based policy allows the " + r.call.Service + ":" + r.call.Action + " action"
	switch r.proto {
	case awsJSON:
		return fault("AccessDeniedException", "%s", text)
	case ec2Query:
		return &apiError{http.StatusForbidden, "UnauthorizedOperation", "You are not authorized to perform this operation. " + text}
	}
	return &apiError{http.StatusForbidden, "AccessDenied", text}
}

func (r *request) throttledError() *apiError {
	switch r.proto {
	case awsJSON:
		if r.c.faults.disguise {
			return fault("ClientException", "Rate exceeded")
		}
		return fault("ThrottlingException", "Rate exceeded")
	case ec2Query:
		return &apiError{http.StatusServiceUnavailable, "RequestLimitExceeded", "Request limit exceeded."}
	}
	return fault("Throttling", "Rate exceeded")
}

// throttled decides whether this call is one too many.
func (c *Cloud) throttled(r *request) bool {
	f := &c.faults
	if f.throttleAll || countDown(f.throttle, r.named()) || countDown(f.throttle, "*") {
		return true
	}
	for _, share := range []float64{f.rate[r.named()], f.rate["*"]} {
		if share > 0 && c.rng.Float64() < share {
			return true
		}
	}
	if !f.enforce || r.call.Service == "sts" {
		return false
	}
	return !c.spend(r, bucketOf(r), 1) || r.call.Action == "TerminateInstances" && !c.spend(r, terminatedMachines, len(r.members("InstanceId")))
}

// spend takes tokens out of the bucket, if it holds as many.
func (c *Cloud) spend(r *request, of limit, tokens int) bool {
	key := bucketKey{r.call.Account, r.call.Region, of.name}
	b := c.faults.buckets[key]
	now := c.clock.Now()
	if b == nil {
		b = &bucket{left: of.burst, at: now}
		c.faults.buckets[key] = b
	}
	b.left = min(of.burst, b.left+now.Sub(b.at).Seconds()*of.refill)
	b.at = now
	if b.left < float64(tokens) {
		return false
	}
	b.left -= float64(tokens)
	return true
}

type bucketKey struct{ account, region, name string }

type bucket struct {
	left float64
	at   time.Time
}

// limit is a token bucket: its burst and its tokens per second.
type limit struct {
	name          string
	burst, refill float64
}

// terminatedMachines is counted in instances, beside the calls.
// https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
var terminatedMachines = limit{"TerminateInstances resources", 1000, 20}

// bucketOf returns the documented bucket of a call; of Auto Scaling and load balancing nothing but their being is published.
func bucketOf(r *request) limit {
	switch a := r.call.Action; r.call.Service {
	case "ecs":
		return ecsBucket(a)
	case "ec2":
		unfiltered := a == "DescribeInstances" && !r.form.Has("InstanceId.1") && !r.form.Has("Filter.1.Name") && !r.form.Has("MaxResults")
		switch {
		case unfiltered:
			return limit{"DescribeInstances unfiltered", 50, 10}
		case r.op.mutating:
			return limit{a, 50, 5}
		}
		return limit{a, 100, 20}
	case "autoscaling": // one undisclosed bucket for all actions
		return limit{"autoscaling", 100, 10}
	}
	return limit{r.call.Service, 100, 20}
}

func ecsBucket(action string) limit {
	switch action {
	case "UpdateContainerInstancesState", "DeregisterContainerInstance", "StopTask":
		return limit{"cluster resource modify", 100, 40}
	case "DescribeServices", "ListServices":
		return limit{"service read", 100, 20}
	case "DescribeTaskDefinition":
		return limit{"task definition read", 50, 20}
	case "DescribeClusters", "ListClusters":
		return limit{"cluster read", 50, 20}
	case "DescribeCapacityProviders":
		return limit{"capacity provider read", 50, 20}
	case "GetTaskProtection":
		return limit{"task protection", 200, 80}
	case "ListTagsForResource":
		return limit{"tag read", 50, 20}
	case "ListDaemons", "DescribeDaemon", "DescribeDaemonRevisions": // no figures are published
		return limit{"daemon read", 50, 20}
	}
	return limit{"cluster resource read", 100, 20}
}

var errNoSuch = errors.New("no such thing in the simulated estate")
