package aws

import (
	"fmt"
	"maps"
	"slices"
)

// Misindexed names a task that the index of tasks knows where a walk over all tasks does not, or the other way round.
func (c *Cloud) Misindexed() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cl := range c.live.cells {
		for arn := range cl.instances {
			if got, want := cl.tasksOn(arn), cl.tasksWhere(func(t *task) bool { return t.instance == arn }); !slices.Equal(got, want) {
				return fmt.Sprintf("%d tasks on %s, indexed are %d", len(want), arn, len(got))
			}
		}
		for arn := range cl.services {
			if got, want := cl.tasksOf(arn), cl.tasksWhere(func(t *task) bool { return t.service == arn }); !slices.Equal(got, want) {
				return fmt.Sprintf("%d tasks of %s, indexed are %d", len(want), arn, len(got))
			}
		}
	}
	return ""
}

// Operations are the actions that the estate serves, by service: all, or those that change nothing.
func Operations(reads bool) map[string][]string {
	out := map[string][]string{}
	for service, actions := range operations {
		for _, name := range slices.Sorted(maps.Keys(actions)) {
			if !reads || !actions[name].mutating {
				out[service] = append(out[service], name)
			}
		}
	}
	return out
}
