package bot_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	simaws "ecsbot/sim/aws"
	"ecsbot/sim/clock"
	"ecsbot/store"
	"ecsbot/workflow"
)

// schedulesInTest is for every run of the suite; ECSBOT_TROUBLES asks for a campaign.
const schedulesInTest, schedulesInShort = 24, 4

// Whatever happens, everything ends: operations of every kind, while calls are denied,
// throttled, lost and late for hours, machines vanish and the process dies, come to an end
// within a bound once all is well again; and no promise is broken on the way.
// ECSBOT_TROUBLE=SEED repeats one schedule.
func TestTrouble(t *testing.T) {
	useDirect(t)
	if n, err := strconv.ParseUint(os.Getenv("ECSBOT_TROUBLE"), 10, 64); err == nil {
		newTroubles(t, n)
		return
	}
	schedules, first := schedulesInTest, uint64(1) // the suite is the same each time
	if testing.Short() {
		schedules = schedulesInShort
	}
	if n, err := strconv.Atoi(os.Getenv("ECSBOT_TROUBLES")); err == nil {
		schedules, first = n, uint64(time.Now().UnixNano())/1000
	}
	if n, err := strconv.ParseUint(os.Getenv("ECSBOT_SEED"), 10, 64); err == nil {
		first = n
	}
	t.Logf("%d schedules from seed %d on", schedules, first)
	for seed := first; seed < first+uint64(schedules); seed++ {
		newTroubles(t, seed)
		if t.Failed() {
			return
		}
	}
}

// troubles is one schedule.
type troubles struct {
	t         *testing.T
	seed      uint64
	dice      *rand.Rand
	dir       string
	poll      time.Duration
	queued    bool
	cloud     *simaws.Cloud
	air       *air
	authority *fickle
	process   *process
	wakeAt    time.Time // when the process that died comes back
	wishes    []wish
	going     []spell
	lasting   []spell // for ever

	clicks, ends, calls, told map[string]int
	most                      int
	mostOf                    []workflow.Event
}

func newTroubles(t *testing.T, seed uint64) {
	t.Helper()
	dir := t.TempDir()
	began := time.Now()
	synctest.Test(t, func(t *testing.T) {
		s := &troubles{t: t, seed: seed, dice: rand.New(rand.NewPCG(seed, 2)), dir: dir, authority: &fickle{},
			clicks: map[string]int{}, ends: map[string]int{}, calls: map[string]int{}, told: map[string]int{}}
		s.build()
		defer s.end(false)
		s.suffer()
		s.heal()
		s.settle()
		s.judge()
		s.afterwards()
		if t.Failed() {
			t.Errorf("ECSBOT_TROUBLE=%d repeats it", seed)
		}
		if t.Failed() || testing.Verbose() {
			t.Logf("seed %d: suffered %v; clicks %v; ends %v; calls %v; at most %d records in three hours; %s virtual",
				seed, s.told, s.clicks, s.ends, s.calls, s.most, time.Since(epoch).Round(time.Minute))
		}
	})
	if testing.Verbose() {
		t.Logf("seed %d took %s", seed, time.Since(began).Round(time.Millisecond))
	}
}

// epoch is when a bubble's time begins.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (s *troubles) build() {
	s.t.Helper()
	var err error
	if s.cloud, err = simaws.New(simaws.Config{Clock: clock.New(time.Now(), 1), Seed: s.seed}); err != nil {
		s.t.Fatal(err)
	}
	if err := drawEstate(s.dice).build(s.cloud); err != nil {
		s.t.Fatal(err)
	}
	s.wishes = drawWishes(s.dice)
	s.poll = []time.Duration{10 * time.Second, time.Minute, time.Minute}[s.dice.IntN(3)]
	s.air = &air{direct: direct{s.cloud}, before: s.watch}
	s.start()
}

// watch judges an order at the moment at which it is given.
func (s *troubles) watch(action string, body []byte) {
	state := s.cloud.State()
	switch kind, about := orderNow(action, body); kind {
	case "deregister":
		for _, i := range state.Instances {
			host, _ := state.Host(i.EC2ID)
			if i.ARN == about && i.Alive > 0 && host.State == "running" {
				s.t.Errorf("%s is to be deregistered without force while ECS shows %d tasks", i.EC2ID, i.Alive)
			}
		}
	case "terminate":
		if i, ok := state.Instance(about); ok && i.Status != "INACTIVE" {
			s.t.Errorf("%s is to be terminated while it is %s", about, i.Status)
		}
	}
}

func (s *troubles) all() []workflow.Operation {
	s.t.Helper()
	ops, err := s.process.db.Operations(s.t.Context(), workflow.Filter{Limit: 1000})
	if err != nil {
		s.t.Fatal(err)
	}
	return ops
}

func (s *troubles) followed() []workflow.FollowUp {
	s.t.Helper()
	var out []workflow.FollowUp
	err := s.process.db.View(s.t.Context(), func(v *store.View) error {
		ids, err := v.FollowUpIDs(s.t.Context())
		for _, id := range ids {
			f, err := v.FollowUp(s.t.Context(), id)
			if err != nil {
				return err
			}
			out = append(out, f)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// suffer lets hours of trouble pass, minute by minute.
func (s *troubles) suffer() {
	end, forEver := time.Now().Add(time.Duration(60+s.dice.IntN(360))*time.Minute), -1
	if s.dice.IntN(3) == 0 {
		forEver = s.dice.IntN(4)
	}
	for n := 0; time.Now().Before(end); n++ {
		if n == forEver {
			s.last()
		}
		for _, sp := range s.lasting {
			sp.turn(n)
		}
		s.lives()
		s.spells(n)
		s.others()
		if s.process != nil {
			if len(s.wishes) > 0 && s.dice.IntN(4) == 0 {
				w := s.wishes[0]
				s.wishes = s.wishes[1:]
				if !s.ask(w) {
					s.wishes = append(s.wishes, w)
				}
			}
			if s.dice.IntN(3) > 0 {
				s.click()
			}
		}
		time.Sleep(time.Minute)
	}
}

// lives lets the process die, at once or by its next order, and come back.
func (s *troubles) lives() {
	away := func() time.Time {
		all := []time.Duration{0, time.Minute, 20 * time.Minute, 90 * time.Minute, 3 * time.Hour}
		return time.Now().Add(all[s.dice.IntN(len(all))])
	}
	switch {
	case s.process == nil && !time.Now().Before(s.wakeAt):
		s.queued = s.dice.IntN(8) == 0
		s.start()
	case s.process == nil:
	case s.process.mortal.dead.Load():
		s.told["killed by an order"]++
		s.end(true)
		s.wakeAt = away()
	case s.queued, s.dice.IntN(90) == 0: // the queue is looked at ten times a second: its lives are short
		killed := s.dice.IntN(2) == 0
		s.told["ended"]++
		s.end(killed)
		s.wakeAt = away()
	case s.dice.IntN(40) == 0:
		m := s.process.mortal
		die := func() { m.dead.Store(true) }
		s.air.strike.Store(&die)
	}
}

// heal ends all troubles. Nobody asks for anything or answers any more.
func (s *troubles) heal() {
	for _, sp := range s.going {
		sp.over()
	}
	s.going, s.air.fate = nil, nil
	s.authority.down.Store(false)
	s.cloud.Heal()
	_ = s.cloud.Suspend(groupName, "Terminate", false)
	for _, i := range s.cloud.State().Instances {
		if !i.Connected {
			_ = s.cloud.ConnectAgent(i.EC2ID) // what does not run stays away
		}
	}
	for _, sp := range s.lasting {
		sp.turn(0)
	}
	s.end(true)
	s.queued = false
	s.start()
}

// last begins a trouble that never ends: AWS says no to an order, for one reason now and for
// another a minute later, and reads fail between. That must end, too: with a question that nobody
// answers, or with what could not be done.
func (s *troubles) last() {
	endings := []string{"TerminateInstances", "TerminateInstanceInAutoScalingGroup"}
	for _, action := range [][]string{endings, {"DeregisterContainerInstance"}, {"StopTask"}, endings}[s.dice.IntN(4)] {
		s.told["for ever: "+action]++
		s.lasting = append(s.lasting, spell{turn: func(n int) {
			s.air.mark(action, []string{"UnauthorizedOperation", "OperationNotPermitted"}[n%2]) // whatever its rehearsal said
			s.cloud.ThrottleRate("DescribeInstances", 0.6)
			s.cloud.ThrottleRate("DescribeContainerInstances", 0.6)
		}})
	}
}

// Everything ends within the product's own waits, once all is well: the longest deadline,
// which the last click may have prolonged; the questions at its end, and after drift; the
// wait before a refused order is given again; the patience with a refused termination; the
// group's hooks; what lingers; the verification. A batch may have each wave go through that.
const (
	longestDeadline = time.Hour
	waits           = longestDeadline + 15*time.Minute + 15*time.Minute + 10*time.Minute + 20*time.Minute + time.Hour + 2*20*time.Minute + 10*time.Minute
	batchWaits      = herd * waits
)

func (s *troubles) settle() {
	healed := time.Now()
	for n := 0; ; n++ {
		for _, sp := range s.lasting {
			sp.turn(n)
		}
		open, single := 0, ""
		for _, op := range s.all() {
			if op.State.Terminal() {
				continue
			}
			open++
			if op.Batch == "" && !op.IsBatch() {
				single = s.describe(op)
			}
		}
		past := time.Since(healed)
		switch {
		case open == 0:
			return
		case single != "" && past > waits:
			s.t.Errorf("hangs %s after all is well: %s", past, single)
			return
		case past > batchWaits:
			return // judged by its state
		}
		time.Sleep(time.Minute)
	}
}

// afterwards: what follow-ups look after ends, or waits for what is documented: orphans wait
// for their machine's end or a person's word.
func (s *troubles) afterwards() {
	if s.t.Failed() {
		return
	}
	s.lasting, s.air.fate = nil, nil
	s.cloud.Heal()
	s.end(false)
	time.Sleep(26 * time.Hour)
	s.start()
	time.Sleep(20 * time.Minute)
	for _, f := range s.followed() {
		for _, w := range f.Watches {
			host, _ := s.cloud.State().Host(string(f.Target.EC2))
			if w.Ended != "" {
				s.told["follow-up "+string(w.Concern)+" "+w.Ended]++
			} else if w.Concern != workflow.Orphans || host.State == "terminated" || host.State == "" {
				s.t.Errorf("the follow-up of %s still looks after %s of %s, which is %q: due %s, now %s", f.Op, w.Concern, f.Target.EC2, host.State, w.Due, time.Now())
			}
		}
	}
}

func orderNow(action string, body []byte) (kind, about string) {
	k, about, err := orderOf(action, body)
	if strings.HasPrefix(action, "TerminateInstances") {
		return "terminate", formValue(body, "InstanceId.1")
	}
	if err != nil {
		return "", ""
	}
	return fmt.Sprint(k), about
}
