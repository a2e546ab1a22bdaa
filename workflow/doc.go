// Package workflow carries an operation from a proposal to one terminal state.
//
// The operation's row is the truth. Step is a reconciler: look, Decide (pure,
// every rule), commit the intent as an event, make one AWS call, commit the
// outcome. A crash between any two of these is closed by looking again, never by
// calling again. People's decisions go through the pure Apply.
package workflow
