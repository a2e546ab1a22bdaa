// Package bot puts the parts together: Config reads every setting from the environment, Run serves, and the functions that
// cmd/bot calls do the same work from a terminal.
package bot
