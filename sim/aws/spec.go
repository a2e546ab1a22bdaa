package aws

import "time"

// Tag is a resource tag.
type Tag struct{ Key, Value string }

// ClusterSpec describes a cluster to add.
type ClusterSpec struct {
	Name      string
	Providers []string // capacity providers associated with it
	Tags      []Tag
}

// InstanceSpec describes an EC2 instance that is, unless Unregistered, registered as a container instance as well.
type InstanceSpec struct {
	Cluster            string // name
	EC2ID              string // i- and 17 hex digits; mi- for an external instance; drawn when empty
	RegisterID         string // container-instance id, 32 hex digits; drawn when empty
	AZ                 string // default: the Region's first
	Type               string // default m6i.large
	CPU, Memory        int    // registered CPU units and MiB; default 2048 and 7764
	GPUs               int    // registered ones
	Attributes         map[string]string
	Tags               []Tag  // of the EC2 instance, also shown as the container instance's
	Group              string // Auto Scaling group that it belongs to
	Provider           string // capacity provider name
	Spot               bool
	SpotStops          bool // EC2 stops it when it interrupts it, instead of terminating it
	SpotDrains         bool // its agent has ECS_ENABLE_SPOT_INSTANCE_DRAINING
	Protected          bool // disableApiTermination
	Volumes            []VolumeSpec
	ScaleIn            bool   // protected from scale-in
	Lifecycle          string // in its group: Standby, Warmed:Stopped …; default InService
	Disconnected       bool   // its agent is not connected
	Managed            bool   // operated by ECS Managed Instances
	Terminated         bool   // EC2 says terminated, and has for TerminatedFor
	TerminatedFor, Age time.Duration
	Unregistered       bool // EC2 instance only
}

// VolumeSpec is an EBS volume attached to an EC2 instance beside its root volume, which /dev/xvda is; one of that device
// takes its place.
type VolumeSpec struct {
	Device string
	Keep   bool   // its attachment has DeleteOnTermination=false
	Owner  string // ARN of the resource of AWS that it is attached for
}

// PortSpec is one port mapping; HostPort 0 is dynamic in bridge mode.
type PortSpec struct {
	ContainerPort, HostPort int
	UDP                     bool
}

// ContainerSpec is the size of one container. Reservation is its soft memory limit: where there is one, it is what
// placement counts.
type ContainerSpec struct{ CPU, Memory, Reservation, GPUs int }

// PlacementSpec is one step of a service's placement strategy: spread over instanceId or attribute:…, binpack on cpu or
// memory, or random.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-placement-strategies.html
type PlacementSpec struct{ Type, Field string }

// TaskDefinitionSpec describes a task definition of one container named as its family.
type TaskDefinitionSpec struct {
	Family      string
	Revision    int // default: the next one
	Image       string
	CPU, Memory int             // of the task
	Containers  []ContainerSpec // when set, the task has no size of its own, and reserves what its containers do
	NetworkMode string          // bridge (default), host, awsvpc, none
	Ports       []PortSpec
	StopTimeout time.Duration // default 30 s, the agent's
	StopTakes   time.Duration // how long the container takes to obey SIGTERM; default 2 s
	Requires    []string      // required attribute names
	Constraints []string      // memberOf expressions
	HostVolume  string        // sourcePath of a host volume
	Tags        []Tag
}

// BalancerSpec ties a service's container port to a target group, or to a Classic load balancer.
type BalancerSpec struct {
	TargetGroup   string // ARN
	ContainerPort int
}

// ServiceSpec describes a service. Its first tasks run already: one for each entry of On.
type ServiceSpec struct {
	Cluster        string
	Name           string
	TaskDefinition string // ARN, family or family:revision
	Desired        int
	MinPercent     int // used as it stands: write 100 for the documented default of a replica service
	MaxPercent     int
	Daemon         bool
	Fargate        bool
	Strategy       []string // capacity providers; empty means launch type EC2
	Balancers      []BalancerSpec
	Constraints    []string // memberOf expressions
	Distinct       bool     // distinctInstance
	Placement      []PlacementSpec
	Zones          []string // of its subnets (awsvpc); empty means all
	ExecEnabled    bool
	Controller     string   // ECS (default), CODE_DEPLOY, EXTERNAL
	On             []string // EC2 instance ids of the tasks that run from the start
	History        int      // so many times it was reported as steady before, every six hours; the newest hundred are shown
	Tags           []Tag
}

// TaskSpec describes a standalone task that runs already (or starts, with Start).
type TaskSpec struct {
	Cluster        string
	TaskDefinition string
	On             string // EC2 instance id; empty for Fargate
	Group          string // default family:<family>
	StartedBy      string
	Start          bool          // begins in its first state instead of RUNNING
	RunsFor        time.Duration // ends by itself after that much virtual time; 0 never
	Fargate        bool
	Service        string // name of a service that it shall count as a task of, for mischief
	ID             string // 32 hex digits; drawn when empty
	Tags           []Tag
}

// TargetGroupSpec describes a target group; a load balancer of the same name is made when Balancer is set.
type TargetGroupSpec struct {
	Name               string
	Type               string // instance or ip; lambda and alb, in which ECS registers nothing
	Port               int
	DeregistrationWait time.Duration
	HealthyAfter       time.Duration // initial to healthy; default 20 s
	Balancer           string        // application load balancer's name
}

// GroupSpec describes an Auto Scaling group.
type GroupSpec struct {
	Name              string
	Min, Max, Desired int
	AZs               []string
	Cluster           string // new instances register here
	Provider          string
	InstanceType      string
	Host              HostSpec // what its instances register when it launches them
	ProtectNew        bool
	Hooks             []HookSpec
	Suspended         []string // processes
	WarmPool          bool     // shown as having one; its instances come by InstanceSpec.Lifecycle
	Tags              []Tag
}

// HostSpec is the size and the custom attributes of an instance; zero sizes are the defaults of InstanceSpec.
type HostSpec struct {
	CPU, Memory, GPUs int
	Attributes        map[string]string
}

// HookSpec is a lifecycle hook of an Auto Scaling group. Without a default result it is ABANDON, without a heartbeat an hour.
type HookSpec struct {
	Name, Transition, DefaultResult string
	Heartbeat                       time.Duration
}

// ProviderSpec describes a capacity provider.
type ProviderSpec struct {
	Name                  string
	Group                 string // Auto Scaling group name
	ManagedScaling        bool
	ManagedDraining       bool
	TerminationProtection bool
	// TargetCapacity is managed scaling's, 1 to 100. 0 is shown as 100, and the group never shrinks by itself.
	TargetCapacity   int
	ManagedInstances bool // type MANAGED_INSTANCES
	// ScaleInAfter is infrastructureOptimization.scaleInAfter of a provider of Managed Instances. 0 is shown as -1: idle
	// instances stay.
	ScaleInAfter time.Duration
	Cluster      string
	Tags         []Tag
}

// parts are the task's containers: one of the task's size where none are described.
func (d TaskDefinitionSpec) parts() []ContainerSpec {
	if len(d.Containers) > 0 {
		return d.Containers
	}
	return []ContainerSpec{{CPU: d.CPU, Memory: d.Memory}}
}

// reserves is what placement counts for a task: its own size, else the sum of its containers', of each the soft memory
// limit where it has one.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html
func (d TaskDefinitionSpec) reserves() (cpu, memory, gpus int) {
	for _, p := range d.parts() {
		cpu, gpus = cpu+p.CPU, gpus+p.GPUs
		if p.Reservation > 0 {
			memory += p.Reservation
		} else {
			memory += p.Memory
		}
	}
	return cpu, memory, gpus
}
