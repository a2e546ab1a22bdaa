package ecsops

import "time"

// Snapshot is what was read about a target at one moment. Every field but the
// first two is a Fact; Blank and FactNames (facts.go) enumerate them for the
// test that removes each in turn.
type Snapshot struct {
	Target Target    `json:"target"`
	ReadAt time.Time `json:"read_at"`

	External ExternalMode `json:"external,omitempty"` // what the configuration allowed of ECS Anywhere hosts

	Instance         Fact[Instance]                  `json:"instance"`
	Cluster          Fact[Cluster]                   `json:"cluster"`
	Peers            Fact[[]Peer]                    `json:"peers"`         // the cluster's other container instances
	Registrations    Fact[[]Registration]            `json:"registrations"` // others of the same EC2 id, this cluster
	Elsewhere        Fact[Elsewhere]                 `json:"elsewhere"`     // others of the same EC2 id, in the account's other clusters
	Tasks            Fact[[]Task]                    `json:"tasks"`         // all that are not STOPPED, and known ones that became so
	Protection       Fact[map[string]time.Time]      `json:"protection"`    // task ARN → protected until; absent = not protected
	Services         Fact[map[string]Service]        `json:"services"`      // by name; those with a task here
	TaskDefinitions  Fact[map[string]TaskDefinition] `json:"task_definitions"`
	TargetGroups     Fact[map[string]TargetGroup]    `json:"target_groups"` // by ARN; those of Services
	EC2              Fact[EC2]                       `json:"ec2"`
	Spot             Fact[SpotRequest]               `json:"spot"`      // of a Spot Instance
	Node             Fact[Node]                      `json:"node"`      // of an ECS Anywhere host, in Systems Manager
	Rehearsal        Fact[Rehearsal]                 `json:"rehearsal"` // of the termination, where the bot itself is to order it
	Storage          Fact[Storage]                   `json:"storage"`   // of a machine that is to end
	Group            Fact[Group]                     `json:"group"`     // Name "" = in no Auto Scaling group
	Hooks            Fact[[]Hook]                    `json:"hooks"`     // of the group, EC2_INSTANCE_TERMINATING
	CapacityProvider Fact[CapacityProvider]          `json:"capacity_provider"`
	Daemons          Fact[map[string]DaemonOf]       `json:"daemons"` // by ARN of their tasks here; of a Managed Instance
	Self             Fact[InstanceARN]               `json:"self"`    // the container instance this process runs on; "" = none

	// What the capacity simulation needs besides (capacity_facts.go).
	Others     Fact[[]Service]                `json:"others"`     // services without a task here that want more tasks, or fewer
	Hosts      Fact[map[string][]InstanceARN] `json:"hosts"`      // by service here with distinctInstance: where its tasks are
	Interfaces Fact[map[EC2ID]Interfaces]     `json:"interfaces"` // of the cluster's instances; empty when no service here uses awsvpc
	Stopping   Fact[Stopping]                 `json:"stopping"`
	Providers  Fact[map[string]Provider]      `json:"providers"`  // the cluster's capacity providers, by name
	Lifecycles Fact[map[EC2ID]string]         `json:"lifecycles"` // Auto Scaling states of the cluster's instances; absent = in no group
}

// Instance is the registration itself (DescribeContainerInstances).
type Instance struct {
	Status           string    `json:"status"` // ACTIVE, DRAINING, REGISTERING, DEREGISTERING, REGISTRATION_FAILED, INACTIVE
	StatusReason     string    `json:"status_reason,omitempty"`
	Missing          bool      `json:"missing,omitempty"` // failures[]: MISSING; Status is "" then
	AgentConnected   bool      `json:"agent_connected"`
	AgentVersion     string    `json:"agent_version,omitempty"`
	Version          int64     `json:"version"`
	EC2              EC2ID     `json:"ec2_id"`
	RegisteredAt     time.Time `json:"registered_at"`
	CapacityProvider string    `json:"capacity_provider,omitempty"`
	AZ               string    `json:"az,omitempty"`
	Type             string    `json:"instance_type,omitempty"`
	CPU              int       `json:"cpu"`    // registered CPU units
	Memory           int       `json:"memory"` // registered MiB
	External         bool      `json:"external,omitempty"`
	Bottlerocket     bool      `json:"bottlerocket,omitempty"`
	TrunkENI         bool      `json:"trunk_eni,omitempty"`
	Lacks            []string  `json:"lacks,omitempty"` // as a Peer's
}

func (i Instance) gone() bool { return i.Missing || i.Status == "INACTIVE" }

// Cluster is what DescribeClusters says.
type Cluster struct {
	ARN       ClusterARN `json:"arn"`
	Status    string     `json:"status"`
	Instances int        `json:"instances"` // registeredContainerInstancesCount
	Providers []string   `json:"providers,omitempty"`

	services int // activeServicesCount, while reading
}

// Peer is another container instance of the cluster.
type Peer struct {
	Instance         InstanceARN `json:"instance"`
	EC2              EC2ID       `json:"ec2_id"`
	Status           string      `json:"status"`
	AgentConnected   bool        `json:"agent_connected"`
	AZ               string      `json:"az,omitempty"`
	CapacityProvider string      `json:"capacity_provider,omitempty"`

	Free       Resources         `json:"free"`
	Registered Resources         `json:"registered"`
	Running    int               `json:"running,omitempty"` // runningTasksCount
	Pending    int               `json:"pending,omitempty"` // pendingTasksCount
	Subnet     string            `json:"subnet,omitempty"`
	Trunk      bool              `json:"trunk_eni,omitempty"`
	Lacks      []string          `json:"lacks,omitempty"`      // attributes that task definitions here require and it has not
	Attributes map[string]string `json:"attributes,omitempty"` // those that placement constraints here speak of
}

// Registration is another container-instance ARN of the same EC2 id.
type Registration struct {
	Cluster        ClusterARN  `json:"cluster,omitempty"`
	Instance       InstanceARN `json:"instance"`
	Status         string      `json:"status"`
	AgentConnected bool        `json:"agent_connected"`
	RegisteredAt   time.Time   `json:"registered_at"`
}

// TaskClass is how a task came to be here, which decides what each flow does to it.
type TaskClass string

// Task classes. A service task carries both markers (startedBy ecs-svc/…, group
// service:…); when they disagree it counts as standalone.
const (
	Replica    TaskClass = "replica"
	Daemon     TaskClass = "daemon"
	Standalone TaskClass = "standalone"
	// ManagedDaemon is a task of a managed daemon, which ECS runs on Managed Instances.
	ManagedDaemon TaskClass = "managed_daemon"
)

// Task is one task on the target (DescribeTasks).
type Task struct {
	ARN            string    `json:"arn"`
	Class          TaskClass `json:"class"`
	Service        string    `json:"service,omitempty"`
	Group          string    `json:"group,omitempty"`
	StartedBy      string    `json:"started_by,omitempty"`
	TaskDefinition string    `json:"task_definition"`
	LastStatus     string    `json:"last_status"`
	DesiredStatus  string    `json:"desired_status"`
	Health         string    `json:"health,omitempty"`
	StartedAt      time.Time `json:"started_at,omitzero"`
	StoppingAt     time.Time `json:"stopping_at,omitzero"` // it was told to stop
	StoppedReason  string    `json:"stopped_reason,omitempty"`
	ENIs           []ENI     `json:"enis,omitempty"`
	Exec           bool      `json:"exec,omitempty"` // enableExecuteCommand
	// Images are what its containers run, by their names.
	Images map[string]string `json:"images,omitempty"`
}

// Stopped reports whether the task's last status is STOPPED; nothing less is an end (aws/aws-cdk#13506).
func (t Task) Stopped() bool { return t.LastStatus == "STOPPED" }

// ofService: a service scheduled it, so it can be protected, and is replaced.
func (t Task) ofService() bool { return t.Class == Replica || t.Class == Daemon }

// Stopping reports whether the task was told to stop and has not ended.
func (t Task) Stopping() bool { return t.DesiredStatus == "STOPPED" && !t.Stopped() }

// ENI is a task's own network interface (awsvpc).
type ENI struct {
	ID        string `json:"id"`
	PrivateIP string `json:"private_ip,omitempty"`
	Subnet    string `json:"subnet,omitempty"`
}

// Service is a service that has a task on the target (DescribeServices).
type Service struct {
	Name           string          `json:"name"`
	ARN            string          `json:"arn"`
	Scheduling     string          `json:"scheduling"` // REPLICA or DAEMON
	Desired        int             `json:"desired"`
	Running        int             `json:"running"`
	Pending        int             `json:"pending"`
	MinPercent     int             `json:"min_percent"` // as ECS applies it: defaults filled in
	MaxPercent     int             `json:"max_percent"`
	TaskDefinition string          `json:"task_definition"`
	Deployments    int             `json:"deployments"`
	Rollout        string          `json:"rollout,omitempty"`
	TargetGroups   []string        `json:"target_groups,omitempty"`
	ClassicLBs     []string        `json:"classic_lbs,omitempty"`
	Placement      []string        `json:"placement,omitempty"`   // constraint type or expression
	LaunchType     string          `json:"launch_type,omitempty"` // EC2, EXTERNAL; "" with a strategy
	Strategy       []ProviderShare `json:"strategy,omitempty"`
	Subnets        []string        `json:"subnets,omitempty"`         // of an awsvpc service
	ManagedVolumes bool            `json:"managed_volumes,omitempty"` // EBS volumes that ECS attaches to each task
	// CapacityProviders are those of the service's strategy; empty = launch type or the cluster's default.
	CapacityProviders []string      `json:"capacity_providers,omitempty"`
	Events            []ServiceNote `json:"events,omitempty"` // newest first, at most 10
}

// ServiceNote is one service event.
type ServiceNote struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// TaskDefinition is the part of a revision the rules read.
type TaskDefinition struct {
	ARN          string        `json:"arn"`
	NetworkMode  string        `json:"network_mode"`
	StopTimeout  time.Duration `json:"stop_timeout"` // longest of its containers; 30 s when none is set
	HostPorts    []int         `json:"host_ports,omitempty"`
	CPU          int           `json:"cpu,omitempty"`    // units that a task reserves
	Memory       int           `json:"memory,omitempty"` // MiB that it reserves
	GPUs         int           `json:"gpus,omitempty"`
	TCP          []int         `json:"tcp,omitempty"` // HostPorts by protocol
	UDP          []int         `json:"udp,omitempty"`
	Requires     []Attribute   `json:"requires,omitempty"` // of the instance
	Odd          string        `json:"odd,omitempty"`      // a resource it asks for that placement is not modelled for
	HostVolumes  []string      `json:"host_volumes,omitempty"`
	MemberOf     []string      `json:"member_of,omitempty"`
	FamilyAndRev string        `json:"family_and_revision"`
	Main         string        `json:"main,omitempty"` // its first essential container
}

// TargetGroup is a load balancer's view: that of a target group, or of a Classic load balancer.
type TargetGroup struct {
	ARN          string        `json:"arn"`
	Name         string        `json:"name"`
	TargetType   string        `json:"target_type"` // instance, ip, lambda, alb; classic: a Classic load balancer
	Deregister   time.Duration `json:"deregistration_delay"`
	Healthy      int           `json:"healthy"`
	HealthyAfter int           `json:"healthy_after"` // without this instance's targets
	Here         []string      `json:"here,omitempty"`
}

// EC2 is the machine (DescribeInstances). State "not-found" is a successful read
// in the target's own account and Region that knows no such instance.
type EC2 struct {
	State             string            `json:"state"` // running, stopping, stopped, shutting-down, terminated, pending, not-found
	StateReason       string            `json:"state_reason,omitempty"`
	Type              string            `json:"instance_type,omitempty"`
	AZ                string            `json:"az,omitempty"`
	LaunchedAt        time.Time         `json:"launched_at,omitzero"`
	Spot              bool              `json:"spot,omitempty"`
	ManagedBy         string            `json:"managed_by,omitempty"` // operator principal (Managed Instances)
	Tags              map[string]string `json:"tags,omitempty"`
	InstanceStore     bool              `json:"instance_store,omitempty"`
	DisableTerminate  bool              `json:"disable_api_termination,omitempty"`
	PublicIP          string            `json:"public_ip,omitempty"`
	TerminationReadOK bool              `json:"termination_read_ok,omitempty"` // DisableTerminate was really read
	TerminationUnread Unknown           `json:"termination_unread,omitzero"`   // why it was not
	Interfaces        int               `json:"interfaces,omitempty"`          // attached network interfaces
	Volumes           []Volume          `json:"volumes,omitempty"`             // EBS volumes, by id
}

// Gone reports whether the machine is proven not to exist any more.
func (e EC2) Gone() bool { return e.State == "terminated" || e.State == "not-found" }

// Group is the Auto Scaling group of the machine.
type Group struct {
	Name          string   `json:"name"`
	Lifecycle     string   `json:"lifecycle,omitempty"` // InService, Terminating:Wait, Standby …
	Health        string   `json:"health,omitempty"`
	Protected     bool     `json:"protected_from_scale_in,omitempty"`
	Min           int      `json:"min"`
	Max           int      `json:"max"`
	Desired       int      `json:"desired"`
	Suspended     []string `json:"suspended_processes,omitempty"`
	ManagedTag    bool     `json:"amazon_ecs_managed,omitempty"`
	Stack         string   `json:"stack,omitempty"` // aws:cloudformation:stack-name
	WarmPool      bool     `json:"warm_pool,omitempty"`
	MultiAZ       bool     `json:"multi_az,omitempty"`
	CapacityRebal bool     `json:"capacity_rebalance,omitempty"`
	Zones         []string `json:"zones,omitempty"`
	Mixed         bool     `json:"mixed_instances,omitempty"` // it launches several instance types
}

// Hook is a termination lifecycle hook.
type Hook struct {
	Name      string        `json:"name"`
	Heartbeat time.Duration `json:"heartbeat"`
	Default   string        `json:"default_result"`
}

// CapacityProvider is the provider the registration names; Name "" = none.
type CapacityProvider struct {
	Name                  string `json:"name"`
	Type                  string `json:"type,omitempty"` // EC2_AUTOSCALING, MANAGED_INSTANCES …
	ManagedScaling        bool   `json:"managed_scaling,omitempty"`
	TerminationProtection bool   `json:"managed_termination_protection,omitempty"`
	ManagedDraining       bool   `json:"managed_draining,omitempty"`
	GroupName             string `json:"group_name,omitempty"` // of its Auto Scaling group
}
