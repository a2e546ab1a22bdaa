package slack

// The people and places of Demo.
const (
	DemoTeam      = "T0SIM"
	DemoOtherTeam = "T0OTHER"
	DemoBot       = "U0BOT"
	DemoOperator  = "U0OPERATOR"  // Olga
	DemoOperator2 = "U0OPERATOR2" // Otto
	DemoApprover  = "U0APPROVER"  // Ana
	DemoGuest     = "U0GUEST"     // Gus, a single-channel guest
	DemoStranger  = "U0STRANGER"  // Sam, of another workspace
	DemoLeaver    = "U0LEAVER"    // Lea, deactivated
	DemoOps       = "C0OPS"
	DemoAudit     = "C0AUDIT"
	DemoShared    = "C0SHARED" // shared with another workspace
	DemoRandom    = "C0RANDOM" // the bot is not a member
	DemoOnCall    = "S0ONCALL"
	DemoBotToken  = "xoxb-sim-0-bot" //nolint:gosec // a simulator's token, refused by Slack
	DemoAppToken  = "xapp-sim-0-app" //nolint:gosec // a simulator's token, refused by Slack
)

// demoManifest grants what a careful app asks for and no more.
const demoManifest = `
display_information:
  name: Simulated app
features:
  bot_user: {display_name: bot}
  slash_commands:
    - {command: /ecs, description: Simulated command, should_escape: false}
oauth_config:
  scopes:
    bot: [commands, "chat:write", "users:read", "usergroups:read", "channels:read", "groups:read", "im:write"]
settings:
  interactivity: {is_enabled: true}
  socket_mode_enabled: true
`

// Demo is a small workspace: two operators, an approver, a guest, a stranger
// and somebody who left; #ops, #ecs-audit, a shared channel, and #random, where
// the bot is not a member. Set Manifest to an app's own to hold it to its scopes.
func Demo() Config {
	everybody := []string{DemoOperator, DemoOperator2, DemoApprover}
	return Config{
		TeamID: DemoTeam, TeamName: "Sim", TeamDomain: "sim",
		AppID: "A0SIM", BotUserID: DemoBot, BotID: "B0SIM", BotName: "ecs-bot",
		BotToken: DemoBotToken, AppToken: DemoAppToken,
		Manifest: []byte(demoManifest),
		Users: []User{
			{ID: DemoOperator, Name: "olga", RealName: "Olga Operator", Locale: "en-GB", TZ: "Europe/Helsinki"},
			{ID: DemoOperator2, Name: "otto", RealName: "Otto Operator", Locale: "de-DE", TZ: "Europe/Berlin"},
			{ID: DemoApprover, Name: "ana", RealName: "Ana Approver", Locale: "es-ES", TZ: "Europe/Madrid"},
			{ID: DemoGuest, Name: "gus", RealName: "Gus Guest", IsRestricted: true, IsUltraRestricted: true, TZ: "UTC"},
			{ID: DemoStranger, Name: "sam", RealName: "Sam Stranger", TeamID: DemoOtherTeam, IsStranger: true, TZ: "America/New_York"},
			{ID: DemoLeaver, Name: "lea", RealName: "Lea Leaver", Deleted: true, TZ: "UTC"},
		},
		Channels: []Channel{
			{ID: DemoOps, Name: "ops", Members: append([]string{DemoBot, DemoGuest, DemoLeaver}, everybody...)},
			{ID: DemoAudit, Name: "ecs-audit", Members: append([]string{DemoBot}, everybody...)},
			{ID: DemoShared, Name: "shared", IsExtShared: true, SharedTeams: []string{DemoOtherTeam},
				Members: append([]string{DemoBot, DemoStranger}, everybody...)},
			{ID: DemoRandom, Name: "random", Members: append([]string{DemoGuest}, everybody...)},
		},
		Usergroups: []Usergroup{{ID: DemoOnCall, Handle: "oncall", Name: "On call", Users: []string{DemoOperator2}}},
	}
}
