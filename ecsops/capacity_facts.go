package ecsops

// Resources are an instance's registered or remaining ones. Ports are those taken: a port
// that is not named is free (ContainerInstance.remainingResources).
type Resources struct {
	CPU    int   `json:"cpu"`
	Memory int   `json:"memory"`
	GPUs   int   `json:"gpus,omitempty"`
	TCP    []int `json:"tcp,omitempty"`
	UDP    []int `json:"udp,omitempty"`
}

// Attribute is one that a task definition requires of its instance; Value "" asks for the
// name alone.
type Attribute struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
}

func (a Attribute) String() string {
	if a.Value == "" {
		return a.Name
	}
	return a.Name + "=" + a.Value
}

func (a Attribute) in(have attributes) bool {
	v, ok := have.get(a.Name)
	return ok && (a.Value == "" || v == a.Value)
}

// ProviderShare is one entry of a service's capacity-provider strategy.
type ProviderShare struct {
	Provider string `json:"provider"`
	Base     int    `json:"base,omitempty"`
	Weight   int    `json:"weight,omitempty"`
}

// Interfaces are an instance's network interfaces: Most by its type, Used now. Most 0 is unknown.
type Interfaces struct {
	Most int `json:"most"`
	Used int `json:"used"`
}

// Provider is a capacity provider with its Auto Scaling group; Group.Name "" = none was read.
type Provider struct {
	CapacityProvider
	Group Group `json:"group"`

	members map[EC2ID]string // lifecycle states, while reading
}

// Stopping is what tasks elsewhere in the cluster that are stopping will give back: they
// hold it until they are STOPPED (aws/containers-roadmap#325).
type Stopping struct {
	Freed map[InstanceARN]Freed `json:"freed,omitempty"`
	More  bool                  `json:"more,omitempty"` // too many tasks ended lately to look at each
}

// Freed is what tasks on one instance will give back.
type Freed struct {
	Any    bool  `json:"any,omitempty"` // some task there is stopping
	All    bool  `json:"all,omitempty"` // how much is not said: it may be everything
	CPU    int   `json:"cpu,omitempty"`
	Memory int   `json:"memory,omitempty"`
	GPUs   int   `json:"gpus,omitempty"`
	ENIs   int   `json:"enis,omitempty"`
	TCP    []int `json:"tcp,omitempty"`
	UDP    []int `json:"udp,omitempty"`
}

// addTo is the room once the tasks have ended, never more than full.
func (f Freed) addTo(room, full space) space {
	if f.All {
		return full
	}
	room.memory, room.cpu, room.gpu = room.memory+f.Memory, room.cpu+f.CPU, room.gpu+f.GPUs
	room.eni += f.ENIs
	room.tcp, room.udp = less(room.tcp, f.TCP), less(room.udp, f.UDP)
	return room
}

func less(all, gone []int) []int {
	var out []int
	for _, p := range all {
		if !overlap([]int{p}, gone) {
			out = append(out, p)
		}
	}
	return out
}
