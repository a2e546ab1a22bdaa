package aws

import (
	"slices"
	"strings"
	"time"
)

// Extremes are the worst that was so at any virtual instant since Observe was called: the estate is looked at after
// everything that happens in it, each event at its own moment, whoever asks meanwhile or not.
type Extremes struct {
	Instants int              `json:"instants"` // looks
	Services []ServiceExtreme `json:"services"` // replica services, by cluster and name
	Clusters []ClusterExtreme `json:"clusters"` // by name
}

// ServiceExtreme is the moment at which a service was furthest below, or least above, what its minimum asks for:
// minimumHealthyPercent of the desired count, rounded up, must be in the RUNNING state.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
type ServiceExtreme struct {
	Cluster string    `json:"cluster"`
	Name    string    `json:"name"`
	Running int       `json:"running"`
	Floor   int       `json:"floor"`
	At      time.Time `json:"at"`
}

// ClusterExtreme is the moment at which most registered container instances of a cluster took no tasks: DRAINING, or
// without a connected agent.
type ClusterExtreme struct {
	Name        string    `json:"name"`
	Unavailable int       `json:"unavailable"`
	Registered  int       `json:"registered"` // then
	At          time.Time `json:"at"`
	Zones       int       `json:"zones"` // most Availability Zones with a DRAINING instance at one moment
	// Share is the largest part, in percent rounded up, of the registered instances that was unavailable at one moment.
	Share int `json:"share"`
}

type extremes struct {
	instants int
	services map[string]*ServiceExtreme // by ARN
	clusters map[string]*ClusterExtreme // by ARN
}

// Observe begins to record extremes, or begins anew.
func (c *Cloud) Observe() {
	c.mu.Lock()
	defer c.unlock()
	c.settle()
	c.extremes = &extremes{services: map[string]*ServiceExtreme{}, clusters: map[string]*ClusterExtreme{}}
	c.extremes.look(c)
}

// Extremes returns what was recorded since Observe; nothing without it.
func (c *Cloud) Extremes() Extremes {
	c.mu.Lock()
	defer c.unlock()
	c.settle()
	var out Extremes
	if c.extremes == nil {
		return out
	}
	out.Instants = c.extremes.instants
	for _, s := range c.extremes.services {
		out.Services = append(out.Services, *s)
	}
	for _, x := range c.extremes.clusters {
		out.Clusters = append(out.Clusters, *x)
	}
	slices.SortFunc(out.Services, func(a, b ServiceExtreme) int { return strings.Compare(a.Cluster+"/"+a.Name, b.Cluster+"/"+b.Name) })
	slices.SortFunc(out.Clusters, func(a, b ClusterExtreme) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (e *extremes) look(c *Cloud) {
	e.instants++
	for _, cl := range c.live.cells {
		running := map[string]int{}
		for _, t := range cl.tasks {
			if t.service != "" && t.last == taskRunning {
				running[t.service]++
			}
		}
		for arn, s := range cl.services {
			if !s.spec.Daemon && !s.spec.Fargate && s.status == statusActive {
				e.service(c.now, arn, s, running[arn])
			}
		}
		e.instances(c.now, cl)
	}
}

func (e *extremes) service(now time.Time, arn string, s *service, running int) {
	floor := (s.spec.Desired*s.spec.MinPercent + 99) / 100
	was := e.services[arn]
	if was == nil || running-floor < was.Running-was.Floor {
		e.services[arn] = &ServiceExtreme{Cluster: lastPart(s.cluster), Name: s.name, Running: running, Floor: floor, At: now}
	}
}

func (e *extremes) instances(now time.Time, cl *cell) {
	type count struct {
		registered, away int
		zones            map[string]bool
	}
	counts := map[string]*count{}
	for _, i := range cl.instances {
		if i.status == statusInactive {
			continue
		}
		n := counts[i.cluster]
		if n == nil {
			n = &count{zones: map[string]bool{}}
			counts[i.cluster] = n
		}
		n.registered++
		if i.status != statusActive || !i.connected {
			n.away++
		}
		if i.status == statusDraining {
			n.zones[i.az] = true
		}
	}
	for arn, n := range counts {
		x := e.clusters[arn]
		if x == nil {
			x = &ClusterExtreme{Name: lastPart(arn), Unavailable: -1}
			e.clusters[arn] = x
		}
		if n.away > x.Unavailable {
			x.Unavailable, x.Registered, x.At = n.away, n.registered, now
		}
		x.Zones = max(x.Zones, len(n.zones))
		x.Share = max(x.Share, (100*n.away+n.registered-1)/n.registered)
	}
}
