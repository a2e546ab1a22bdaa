package ecsops

import (
	"sync"
	"time"
)

// caches save calls. Only what cannot change (a task definition's revision) or what a
// fresh read may skip (target-group settings) is served from them; hints merely say
// what to ask for early, and what they hint at is read and checked again.
type caches struct {
	definitions  cache[TaskDefinition]
	targetGroups cache[TargetGroup] // name, type and delay only
	hints        cache[hint]        // by cluster and EC2 id
	types        cache[typeFacts]   // by instance type
	spared       cache[int]         // by target: sparing looks since its tasks were listed
}

// hint is where something was when it was last seen.
type hint struct {
	instance InstanceARN
	services []string // names
	groups   []string // target-group ARNs
}

const (
	cacheSize      = 4096
	targetGroupAge = 5 * time.Minute
	hintAge        = time.Hour
	listedAge      = time.Minute
)

// cache is a bounded map with ages. The zero value is ready. When full it forgets all:
// what it holds is cheap to read again.
type cache[T any] struct {
	mu sync.Mutex
	m  map[string]aged[T] // guarded by mu
}

type aged[T any] struct {
	v  T
	at time.Time
}

// get returns what was put no longer than age before now; age 0 is for ever.
func (c *cache[T]) get(key string, now time.Time, age time.Duration) (T, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.m[key]
	if !ok || age > 0 && now.Sub(e.at) > age {
		var zero T
		return zero, false
	}
	return e.v, true
}

func (c *cache[T]) put(key string, v T, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || len(c.m) >= cacheSize {
		c.m = map[string]aged[T]{}
	}
	c.m[key] = aged[T]{v, now}
}
