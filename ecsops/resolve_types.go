package ecsops

import "time"

// Ref is what a person typed or pasted, understood (ParseRef): one of EC2,
// Instance (full ARN) or InstanceID is set; the rest narrows the search.
type Ref struct {
	EC2        EC2ID
	Instance   InstanceARN
	InstanceID string // the id alone
	Cluster    string // name or ARN, "" = search the allowed clusters
	Account    string
	Region     string
}

// Listed is one container instance for lists and pickers.
type Listed struct {
	Target         Target    `json:"target"`
	Status         string    `json:"status"`
	AgentConnected bool      `json:"agent_connected"`
	AZ             string    `json:"az,omitempty"`
	Type           string    `json:"instance_type,omitempty"`
	Name           string    `json:"name,omitempty"` // Name tag; foreign text
	Running        int       `json:"running"`
	Pending        int       `json:"pending"`
	EC2State       string    `json:"ec2_state,omitempty"` // "" = unknown
	RegisteredAt   time.Time `json:"registered_at"`
}
