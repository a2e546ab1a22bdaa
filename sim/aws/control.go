package aws

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Break is the body of POST /sim/break: what to do, and to what.
//
//	what                                  needs
//	throttle, fail-before, fail-after     action, n (calls)
//	throttle-rate                         action, rate
//	throttle-all, buckets, disguise,      on
//	spare-protected
//	deny, allow                           action; extra (cluster name) for one cluster alone
//	delay                                 action, seconds (real)
//	latency                               seconds (real)
//	hang, unhang                          region
//	hide-ec2                              id (EC2), on
//	page-size                             n (records)
//	lag                                   seconds (virtual)
//	heal                                  -
//	disconnect, connect                   id (EC2)
//	stop-ec2, terminate-ec2               id (EC2)
//	interrupt-spot                        id (EC2)
//	attach-volume                         id (EC2), extra (device), on (it stays when the instance is terminated)
//	lose-node, silence-node               id (mi-…, or a managed EC2 one), on
//	manage                                id (EC2), extra ("", Windows, Bottlerocket)
//	end-orphans                           id (EC2), extra (family; "" = all), n (exit code), on (they are removed, too)
//	re-register                           id (EC2), extra (cluster name)
//	place-task                            id (EC2), extra (task definition)
//	end-task                              id (task ARN)
//	protect-task                          id (task ARN), seconds (virtual; 0 ends it)
//	draining                              id (target group or Classic load balancer, by name), seconds (virtual)
//	deployment                            id (service ARN), on
//	suspend                               id (Auto Scaling group), extra (process), on
//	add-hook                              id (group), extra (name, default result), seconds (heartbeat)
//	hook                                  id (EC2), extra (name, CONTINUE or ABANDON)
//	retire                                id (EC2), on (capacity shrinks)
//	standby                               id (EC2), on
//	scale-in-protection                   id (EC2), on
//	strand-hooks, confuse-classic,        on
//	keep-daemons
type Break struct {
	What    string  `json:"what"`
	Action  string  `json:"action,omitempty"`
	Region  string  `json:"region,omitempty"`
	ID      string  `json:"id,omitempty"` // EC2 instance, task or service
	Extra   string  `json:"extra,omitempty"`
	N       int     `json:"n,omitempty"`
	Rate    float64 `json:"rate,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	On      bool    `json:"on,omitempty"`
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Break does what b says; the methods of the same names document each.
func (c *Cloud) Break(b Break) (string, error) {
	switch b.What {
	case "throttle":
		c.Throttle(b.Action, b.N)
	case "throttle-rate":
		c.ThrottleRate(b.Action, b.Rate)
	case "throttle-all":
		c.ThrottleAll(b.On)
	case "spare-protected":
		c.SpareProtected(b.On)
	case "confuse-classic":
		c.ConfuseClassic(b.On)
	case "keep-daemons":
		c.KeepDaemons(b.On)
	case "strand-hooks":
		c.StrandHooks(b.On)
	case "disguise":
		c.DisguiseThrottling(b.On)
	case "buckets":
		c.EnforceBuckets(b.On)
	case "deny", "allow":
		action := b.Action
		if b.Extra != "" {
			action += " in " + b.Extra
		}
		if b.What == "deny" {
			c.Deny(action)
		} else {
			c.Allow(action)
		}
	case "delay":
		c.Delay(b.Action, seconds(b.Seconds))
	case "latency":
		c.LatencyPerCall(seconds(b.Seconds))
	case "hang":
		c.Hang(b.Region)
	case "unhang":
		c.Unhang(b.Region)
	case "hide-ec2":
		c.HideEC2(b.ID, b.On)
	case "fail-before":
		c.FailBefore(b.Action, b.N)
	case "fail-after":
		c.FailAfterEffect(b.Action, b.N)
	case "page-size":
		c.PageSize(b.N)
	case "lag":
		c.Lag(seconds(b.Seconds))
	case "heal":
		c.Heal()
	default:
		return c.breakThing(b)
	}
	return "", nil
}

func (c *Cloud) breakThing(b Break) (string, error) {
	switch b.What {
	case "disconnect":
		return "", c.DisconnectAgent(b.ID)
	case "connect":
		return "", c.ConnectAgent(b.ID)
	case "stop-ec2":
		return "", c.StopEC2(b.ID)
	case "terminate-ec2":
		return "", c.TerminateEC2(b.ID)
	case "attach-volume":
		return "", c.AttachVolume(b.ID, VolumeSpec{Device: b.Extra, Keep: b.On})
	case "interrupt-spot":
		return "", c.InterruptSpot(b.ID)
	case "re-register":
		return c.ReRegister(b.ID, b.Extra)
	case "place-task":
		return c.PlaceTask(b.ID, b.Extra, "sim")
	case "end-task":
		return "", c.EndTask(b.ID)
	case "protect-task":
		return "", c.ProtectTask(b.ID, seconds(b.Seconds))
	case "draining":
		return "", c.SetDraining(b.ID, seconds(b.Seconds))
	case "deployment":
		return "", c.SetDeployment(b.ID, b.On)
	}
	return c.breakHost(b)
}

// breakHost is what happens on a host, and to its Systems Manager agent.
func (c *Cloud) breakHost(b Break) (string, error) {
	switch b.What {
	case "lose-node":
		return "", c.LoseNode(b.ID, b.On)
	case "silence-node":
		return "", c.SilenceNode(b.ID, b.On)
	case "manage":
		return "", c.ManageEC2(b.ID, b.Extra)
	case "end-orphans":
		return "", c.EndOrphans(b.ID, b.Extra, b.N, b.On)
	}
	return c.breakGroup(b)
}

// breakGroup is what happens to an Auto Scaling group and its members.
func (c *Cloud) breakGroup(b Break) (string, error) {
	name, result, _ := strings.Cut(b.Extra, ",")
	switch b.What {
	case "suspend":
		return "", c.Suspend(b.ID, b.Extra, b.On)
	case "add-hook":
		return "", c.AddHook(b.ID, HookSpec{Name: name, Transition: hookTerminating, DefaultResult: result, Heartbeat: seconds(b.Seconds)})
	case "hook":
		return "", c.CompleteHook(b.ID, name, result)
	case "capacity":
		return "", c.SetDesired(b.ID, b.N)
	case "retire":
		return "", c.Retire(b.ID, b.On)
	case "standby":
		return "", c.Standby(b.ID, b.On)
	case "scale-in-protection":
		return "", c.ProtectFromScaleIn(b.ID, b.On)
	}
	return "", fmt.Errorf("breaking %q: %w", b.What, errNoSuch)
}

// control serves /sim/: GET state, log?since=SEQ; POST break, advance {"seconds":N}, pace {"pace":X}.
func (c *Cloud) control(w http.ResponseWriter, hr *http.Request) {
	switch hr.Method + " " + hr.URL.Path {
	case "GET /sim/state":
		c.tell(w, c.State())
	case "GET /sim/log":
		since, err := strconv.Atoi(hr.URL.Query().Get("since"))
		if err != nil || since < 0 {
			since = 0
		}
		calls := c.Log()
		c.tell(w, calls[min(since, len(calls)):])
	case "POST /sim/break":
		var b Break
		if !read(w, hr, &b) {
			return
		}
		made, err := c.Break(b)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		c.tell(w, m{"made": made})
	case "POST /sim/advance":
		var in struct {
			Seconds float64 `json:"seconds"`
		}
		if !read(w, hr, &in) {
			return
		}
		c.clock.Advance(seconds(in.Seconds))
		c.tell(w, m{"now": c.State().At})
	case "POST /sim/pace":
		var in struct {
			Pace float64 `json:"pace"`
		}
		if !read(w, hr, &in) {
			return
		}
		c.clock.SetPace(in.Pace)
		c.tell(w, m{"pace": c.clock.Pace()})
	default:
		http.NotFound(w, hr)
	}
}

func read(w http.ResponseWriter, hr *http.Request, in any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, hr.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		http.Error(w, "reading the body: "+err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

func (c *Cloud) tell(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "writing the answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}
