package bot

import (
	"time"

	"github.com/rs/zerolog"
)

// Config is every setting that the bot reads from the environment; the AWS SDK reads its own variables (AWS_REGION,
// AWS_PROFILE, AWS_ENDPOINT_URL, AWS_CA_BUNDLE …) itself.
//
// Tags: envconfig names the variable; default stands in when it is unset or empty; need says for what it must be set; desc is
// its line in the configuration table. A Secret may also come from the file that NAME_FILE names.
type Config struct {
	SlackBotToken Secret   `envconfig:"SLACK_BOT_TOKEN" need:"serve" desc:"Bot token (xoxb-…) of the Slack app."`
	SlackAppToken Secret   `envconfig:"SLACK_APP_TOKEN" need:"serve" desc:"App-level token (xapp-…) with the scope connections:write."`
	SlackAPIURL   APIURL   `envconfig:"SLACK_API_URL" default:"https://slack.com/api/" desc:"Where Slack's Web API answers. https, or http on this machine (a simulator)."`
	AuditChannel  string   `envconfig:"AUDIT_CHANNEL" need:"serve" desc:"Id of the channel (C…) that gets the audit trail. The bot must be a member."`
	AuditKey      Secret   `envconfig:"AUDIT_KEY" desc:"Private key that signs the audit log's checkpoints. Made under STATE_DIR when unset; required with DATABASE_URL, as all replicas share it."`
	DatabaseURL   Secret   `envconfig:"DATABASE_URL" desc:"postgres://… for several replicas. Unset: a SQLite file under STATE_DIR, and one serving process."`
	StateDir      string   `envconfig:"STATE_DIR" desc:"Folder for the SQLite file and the audit key, on a local disk that outlives the process. Unset: systemd's STATE_DIRECTORY, else $XDG_STATE_HOME/ecsbot, else ~/.local/state/ecsbot; /var/lib/ecsbot in the image."`
	Operators     People   `envconfig:"OPERATORS" need:"serve" desc:"Slack users (U…, W…) and user groups (S…) who may take instances out of service."`
	Approvers     People   `envconfig:"APPROVERS" desc:"Slack users and user groups who may approve risky plans. Unset: every plan that needs a second person is refused."`
	Clusters      Clusters `envconfig:"CLUSTERS" need:"serve" desc:"Clusters that may be touched: ARNs, account/region/name, or a bare name in this account and AWS_REGION; * for all."`
	Channels      Channels `envconfig:"CHANNELS" need:"serve" desc:"Ids of the channels where the bot may be used (D… is a direct message); * for all."`
	Roles         Roles    `envconfig:"ROLES" desc:"One IAM role ARN for each further account, which the bot assumes there."`
	Regions       Regions  `envconfig:"REGIONS" desc:"Regions that may be touched. Unset: those of CLUSTERS."`
	External      External `envconfig:"EXTERNAL" default:"off" desc:"External instances (ECS Anywhere, mi-…): off refuses them with the way that they leave; drain drains and deregisters them; ssm also ends their registration in Systems Manager, where a command asks for that (--deregister-ssm). Both need deploy/iam/external.json."`
	HostLook      HostLook `envconfig:"HOST_LOOK" default:"off" desc:"Machines on which a force left tasks: off leaves them alone; ssm has them list their containers through Systems Manager, by one document of your own that only reads (deploy/ssm/host-look.json). Needs deploy/iam/host-look.json."`
	HostDocument  Document `envconfig:"HOST_LOOK_DOCUMENT" default:"ecsbot-host-look" desc:"Name of that document, in each account and Region."`
	RequireReason bool     `envconfig:"REQUIRE_REASON" default:"false" desc:"Whether nothing is proposed without a reason: who gives none (--reason) is asked in a window. It stands on the card and in the audit trail."`
	HTTPAddr      HostPort `envconfig:"HTTP_ADDR" default:"127.0.0.1:8080" desc:"Where /healthz, /readyz and /metrics are served."`

	LogLevel      zerolog.Level `envconfig:"LOG_LEVEL" default:"info" desc:"trace, debug, info, warn, error."`
	PollInterval  time.Duration `envconfig:"POLL_INTERVAL" default:"10s" min:"1s" max:"5m" desc:"How often a running drain is looked at."`
	ProposalTTL   time.Duration `envconfig:"PROPOSAL_TTL" default:"15m" min:"1m" max:"24h" desc:"How long a plan waits for its decision."`
	DrainDeadline time.Duration `envconfig:"DRAIN_DEADLINE" default:"30m" min:"1m" max:"24h" desc:"How long a drain may take before the bot asks what to do; a command may say otherwise."`
	PlanBlock     bool          `envconfig:"PLAN_BLOCK" default:"false" desc:"Draw progress with Slack's plan block, which old clients do not show."`
	TerminalUsers Users         `envconfig:"TERMINAL_USERS" desc:"Which Slack user an operating-system user of this machine is: alice=U0123,bob=U0456. Everyone else may only read."`

	ECSMetadataURI string `envconfig:"ECS_CONTAINER_METADATA_URI_V4" desc:"Set by ECS itself where the bot runs as a task: it refuses to deregister its own host."`

	// Warnings are oddities that stop nothing; Run logs them.
	Warnings []string `ignored:"true"`
}
