package slack

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// manifest is what the simulator reads of an app manifest.
type manifest struct {
	DisplayInformation struct {
		Name string `yaml:"name"`
	} `yaml:"display_information"`
	Features struct {
		SlashCommands []slashCommand `yaml:"slash_commands"`
	} `yaml:"features"`
	OAuthConfig struct {
		Scopes struct {
			Bot []string `yaml:"bot"`
		} `yaml:"scopes"`
	} `yaml:"oauth_config"`
	Settings struct {
		Interactivity struct {
			IsEnabled bool `yaml:"is_enabled"`
		} `yaml:"interactivity"`
		SocketModeEnabled bool `yaml:"socket_mode_enabled"`
	} `yaml:"settings"`
}

type slashCommand struct {
	Command      string `yaml:"command"`
	Description  string `yaml:"description"`
	UsageHint    string `yaml:"usage_hint"`
	ShouldEscape bool   `yaml:"should_escape"`
}

var errNoManifest = errors.New("slack simulator: no app manifest: scopes and commands come from it")

var errManifestKey = errors.New("not a key of a manifest")

// manifestKeys are the top-level keys of slackapi/manifest-schema; it refuses others.
func manifestKeys() []string {
	return []string{"$schema", "_metadata", "app_directory", "display_information", "features", "oauth_config", "settings", "functions",
		"workflows", "datastores", "outgoing_domains", "types", "external_auth_providers", "mcp_servers"}
}

func parseManifest(text []byte) (manifest, error) {
	var m manifest
	if len(text) == 0 {
		return m, errNoManifest
	}
	if err := yaml.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("reading the app manifest: %w", err)
	}
	var top map[string]yaml.Node
	if err := yaml.Unmarshal(text, &top); err != nil {
		return m, fmt.Errorf("reading the app manifest: %w", err)
	}
	for _, key := range sortedKeys(top) {
		if !slices.Contains(manifestKeys(), key) {
			return m, fmt.Errorf("reading the app manifest: %q: %w", key, errManifestKey)
		}
	}
	if n := len([]rune(m.DisplayInformation.Name)); n == 0 || n > 35 {
		return m, fmt.Errorf("reading the app manifest: display_information.name has %d characters, not 1 to 35", n)
	}
	for _, c := range m.Features.SlashCommands {
		if !strings.HasPrefix(c.Command, "/") || len(c.Command) > 32 || strings.ContainsAny(c.Command, " \t") {
			return m, fmt.Errorf("reading the app manifest: %q is not a slash command", c.Command)
		}
	}
	return m, nil
}

func (m manifest) has(scope string) bool {
	for _, s := range m.OAuthConfig.Scopes.Bot {
		if s == scope {
			return true
		}
	}
	return false
}

func (m manifest) command(name string) (slashCommand, bool) {
	for _, c := range m.Features.SlashCommands {
		if c.Command == name {
			return c, true
		}
	}
	return slashCommand{}, false
}

// missing returns the first of the scopes when none of them is granted, else "".
func (m manifest) missing(anyOf ...string) string {
	if len(anyOf) == 0 {
		return ""
	}
	for _, s := range anyOf {
		if m.has(s) {
			return ""
		}
	}
	return anyOf[0]
}
