package aws

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// world is all the data of the estate. Records refer to one another by ARN or id, and slices and maps inside a record
// are replaced, never edited in place, so that a shallow copy of each record is a consistent stale view.
type world struct {
	at       time.Time
	accounts map[string]bool
	roles    map[string]bool // ARN
	cells    map[cellKey]*cell
}

type cellKey struct{ account, region string }

// cell is what one account owns in one Region.
type cell struct {
	key          cellKey
	clusters     map[string]*cluster // by name
	instances    map[string]*instance
	tasks        map[string]*task
	services     map[string]*service
	definitions  map[string]*definition
	daemons      map[string]*daemon // by ARN
	latest       map[string]int     // revision by family
	providers    map[string]*provider
	machines     map[string]*machine
	forgotten    []string // ids of machines that EC2 tells nothing of any more
	enis         map[string]*eni
	groups       map[string]*group
	activities   map[string]*activity
	targetGroups map[string]*targetGroup
	balancers    map[string]*balancer // by ARN
	targets      map[targetKey]*target
	spots        map[string]*spotRequest // by EC2 id
	nodes        map[string]*node        // managed nodes by id
	documents    map[string]*document    // of Systems Manager, by name
	commands     map[string]*command     // by command and node id

	on, of taskIndex // tasks by instance and by service ARN; made when first asked for
}

// taskIndex finds tasks without a walk over all of them.
type taskIndex map[string]map[string]*task

type cluster struct {
	arn, name string
	status    string
	providers []string
	tags      []Tag
}

// instance is a container instance.
type instance struct {
	arn, id, cluster string // cluster is its ARN
	ec2ID            string
	status, reason   string
	connected        bool
	version          int
	provider         string
	attributes       map[string]string
	tags             []Tag
	cpu, memory      int
	gpus             int
	az               string
	registeredAt     time.Time
	inactiveAt       time.Time
	disconnectedAt   time.Time
	external         bool
	idleSince        time.Time // of a Managed Instance without tasks
	drainSince       time.Time // of a Managed Instance that drains
	repair           bool      // ECS replaces it, as a critical daemon stopped
}

type task struct {
	arn, id, cluster string
	instance         string // ARN, empty on Fargate
	host             string // EC2 id
	definition       string // ARN
	service          string // ARN, empty when standalone
	daemon           string // ARN, of a managed daemon's task
	deployment       string
	group, startedBy string
	launch, provider string
	az               string
	desired, last    string
	createdAt        time.Time
	startedAt        time.Time
	stoppingAt       time.Time
	stoppedAt        time.Time
	reason, code     string
	cpu, memory      int
	gpus             int
	ports            []portUse
	eni, ip          string
	protectedUntil   time.Time
	exec             bool
	version          int
	exitCode         *int
	orphan           bool      // ECS gave it up while its container runs on
	killedAt         time.Time // its container ended after that
	removed          bool      // and is not there any more
	step             int       // the current transition; timers of earlier ones are void
	tags             []Tag
}

// portUse is a port that a task holds on its host.
type portUse struct {
	container, host int
	udp             bool
}

type service struct {
	arn, name, cluster string
	spec               ServiceSpec
	definition         string
	status             string
	deployment         string
	createdAt          time.Time
	events             []event // newest first, at most 100
	steady             bool
	nextComplaint      time.Time
	complaints         int
	extraDeployment    bool
}

type event struct {
	id   string
	at   time.Time
	text string
}

type definition struct {
	arn  string
	spec TaskDefinitionSpec
	at   time.Time
}

type provider struct {
	arn      string
	spec     ProviderSpec
	lowSince time.Time // its reservation is below the target
}

// machine is an EC2 instance.
type machine struct {
	id, kind, az   string
	state          string
	launchedAt     time.Time
	endedAt        time.Time // terminated at
	privateIP      string
	publicIP       string
	eni            string
	tags           []Tag
	spot, managed  bool
	selfDrains     bool // on a Spot interruption notice
	protected      bool
	volumes        []VolumeSpec // beside the root volume, or in its place
	group          string
	lifecycle      string // Auto Scaling lifecycle state
	scaleIn        bool
	stateReason    [2]string
	terminatingFor string // activity id
	hooks          []hookWait
}

type eni struct {
	id, ip, az, machine, description string
	attachedAt                       time.Time
}

type group struct {
	arn       string
	spec      GroupSpec
	desired   int
	created   time.Time
	suspended []string // processes
	balancing bool     // a rebalancing of its zones is under way
}

type activity struct {
	id, group, description, cause, status string
	start, end                            time.Time
	progress                              int
}

type targetGroup struct {
	arn     string
	spec    TargetGroupSpec
	lb      string // load balancer ARN
	classic bool   // it is a Classic load balancer: its targets are EC2 instances
}

type balancer struct {
	arn, name string
	created   time.Time
}

type targetKey struct {
	group string
	id    string
	port  int
}

type target struct {
	key   targetKey
	task  string
	az    string
	state string
}

func newCell(k cellKey) *cell {
	return &cell{
		key: k, clusters: map[string]*cluster{}, instances: map[string]*instance{}, tasks: map[string]*task{},
		services: map[string]*service{}, definitions: map[string]*definition{}, daemons: map[string]*daemon{}, latest: map[string]int{},
		providers: map[string]*provider{}, machines: map[string]*machine{}, enis: map[string]*eni{},
		groups: map[string]*group{}, activities: map[string]*activity{}, targetGroups: map[string]*targetGroup{},
		balancers: map[string]*balancer{}, targets: map[targetKey]*target{}, spots: map[string]*spotRequest{}, nodes: map[string]*node{},
		documents: map[string]*document{}, commands: map[string]*command{},
	}
}

func copyRecords[K comparable, V any](in map[K]*V) map[K]*V {
	out := make(map[K]*V, len(in))
	for k, v := range in {
		c := *v
		out[k] = &c
	}
	return out
}

func (w *world) clone() *world {
	out := &world{at: w.at, accounts: maps.Clone(w.accounts), roles: maps.Clone(w.roles), cells: map[cellKey]*cell{}}
	for k, c := range w.cells {
		out.cells[k] = &cell{
			key: c.key, clusters: copyRecords(c.clusters), instances: copyRecords(c.instances), tasks: copyRecords(c.tasks),
			services: copyRecords(c.services), definitions: copyRecords(c.definitions), daemons: copyRecords(c.daemons), latest: maps.Clone(c.latest),
			providers: copyRecords(c.providers), machines: copyRecords(c.machines), enis: copyRecords(c.enis),
			groups: copyRecords(c.groups), activities: copyRecords(c.activities), targetGroups: copyRecords(c.targetGroups),
			balancers: copyRecords(c.balancers), targets: copyRecords(c.targets), spots: copyRecords(c.spots), nodes: copyRecords(c.nodes),
			documents: copyRecords(c.documents), commands: copyRecords(c.commands),
		}
	}
	return out
}

// cell returns what the account owns in the Region; an untouched Region is empty, not absent.
func (w *world) cell(k cellKey) *cell {
	if c := w.cells[k]; c != nil {
		return c
	}
	c := newCell(k)
	w.cells[k] = c
	return c
}

// sorted returns the records in the order of their keys, so that every walk is deterministic.
func sorted[V any](in map[string]*V) []*V {
	out := make([]*V, 0, len(in))
	for _, k := range slices.Sorted(maps.Keys(in)) {
		out = append(out, in[k])
	}
	return out
}

func (c *cell) tasksOn(instanceARN string) []*task {
	c.index()
	return sortedTasks(c.on[instanceARN])
}

func (c *cell) tasksOf(serviceARN string) []*task {
	c.index()
	return sortedTasks(c.of[serviceARN])
}

func (c *cell) tasksWhere(ok func(*task) bool) []*task {
	var out []*task
	for _, t := range c.tasks {
		if ok(t) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, byARN)
	return out
}

func byARN(a, b *task) int { return strings.Compare(a.arn, b.arn) }

func sortedTasks(in map[string]*task) []*task {
	out := slices.AppendSeq(make([]*task, 0, len(in)), maps.Values(in))
	slices.SortFunc(out, byARN)
	return out
}

// index fills the index of a cell that has none: a new one, or the copy that a stale view is.
func (c *cell) index() {
	if c.on != nil {
		return
	}
	c.on, c.of = taskIndex{}, taskIndex{}
	for _, t := range c.tasks {
		c.on.add(t.instance, t)
		c.of.add(t.service, t)
	}
}

func (x taskIndex) add(key string, t *task) {
	if x[key] == nil {
		x[key] = map[string]*task{}
	}
	x[key][t.arn] = t
}

func (x taskIndex) drop(key string, t *task) {
	if delete(x[key], t.arn); len(x[key]) == 0 {
		delete(x, key)
	}
}

// putTask adds a task.
func (c *cell) putTask(t *task) {
	c.index()
	c.tasks[t.arn] = t
	c.on.add(t.instance, t)
	c.of.add(t.service, t)
}

// dropTask forgets a task.
func (c *cell) dropTask(t *task) {
	c.index()
	delete(c.tasks, t.arn)
	c.on.drop(t.instance, t)
	c.of.drop(t.service, t)
}

// belong makes a task one of the service's.
func (c *cell) belong(t *task, s *service) {
	c.index()
	c.of.drop(t.service, t)
	t.service, t.deployment, t.group, t.startedBy = s.arn, s.deployment, "service:"+s.name, s.deployment
	c.of.add(t.service, t)
}

// instanceOf returns the registration of an EC2 instance that is not INACTIVE, the newest when there are several.
func (c *cell) instanceOf(ec2ID string) *instance {
	var best *instance
	for _, i := range c.instances {
		if i.ec2ID != ec2ID || i.status == statusInactive {
			continue
		}
		if best == nil || i.registeredAt.After(best.registeredAt) || i.registeredAt.Equal(best.registeredAt) && i.arn < best.arn {
			best = i
		}
	}
	return best
}

func (t *task) alive() bool { return t.last != taskStopped }

// pending reports a task that is on its way to RUNNING, as the pendingCount of services and instances has it.
func (t *task) pending() bool {
	return t.desired == taskRunning && t.last != taskRunning && t.alive()
}

// counted reports a task that runningTasksCount counts: its desired status is RUNNING, whatever the host does.
func (t *task) counted() bool { return t.desired == taskRunning && t.last == taskRunning }

func (t *task) isProtected(now time.Time) bool { return t.protectedUntil.After(now) }
