package workflow

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"ecsbot/ecsops"
)

// Limit is how many instances of a cluster may be unavailable at once: a number, or a share
// of those that are registered. The zero Limit is one at a time.
type Limit struct {
	Count   int `json:"count,omitempty"`
	Percent int `json:"percent,omitempty"`
}

// Of is the number that the limit allows in a cluster of that size: a share is rounded
// down, and is never less than one.
func (l Limit) Of(registered int) int {
	if l.Percent > 0 {
		return max(1, registered*l.Percent/100)
	}
	return max(1, l.Count)
}

func (l Limit) String() string {
	if l.Percent > 0 {
		return strconv.Itoa(l.Percent) + " %"
	}
	return strconv.Itoa(max(1, l.Count))
}

// planWaves puts the rows in the order in which they leave and numbers their waves: one
// Availability Zone after the other, in each at most that many at a time.
func planWaves(rows []Row, most int) {
	slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(a.Leave.AZ, b.Leave.AZ) })
	wave, size := 1, 0
	for i := range rows {
		if i > 0 && (size == most || rows[i].Leave.AZ != rows[i-1].Leave.AZ) {
			wave, size = wave+1, 0
		}
		rows[i].Leave.Wave = wave
		size++
	}
}

// waves counts the waves of a batch.
func waves(rows []Row) int {
	n := 0
	for _, r := range rows {
		if r.Leave != nil {
			n = max(n, r.Leave.Wave)
		}
	}
	return n
}

// nextWave says which rows may be looked at now, to begin: those of the first wave that has
// not ended, if every wave before it has. A row that is to be read again later is passed over.
func nextWave(rows []Row, now time.Time) (wave int, begin []int) {
	for _, r := range rows {
		if !r.Settled() && (wave == 0 || r.Leave.Wave < wave) {
			wave = r.Leave.Wave
		}
	}
	for i, r := range rows {
		if r.Leave.Wave == wave && r.State == RowWaiting && !now.Before(r.RetryAt) {
			begin = append(begin, i)
		}
	}
	return wave, begin
}

// admit keeps as many of the rows as may become unavailable beside what is so already: other
// instances of the cluster (away), whoever made them so, and the batch's own that are under
// way. A row that is away itself costs nothing.
func admit(rows []Row, begin []int, most int, away []ecsops.InstanceARN) []int {
	taken := map[ecsops.InstanceARN]bool{}
	for _, arn := range away {
		taken[arn] = true
	}
	for _, r := range rows {
		if r.State == RowRunning {
			taken[r.Target.Instance] = true
		}
	}
	n := len(taken)
	var out []int
	for _, i := range begin {
		arn := rows[i].Target.Instance
		switch {
		case taken[arn]:
			out = append(out, i)
		case n < most:
			taken[arn] = true
			n++
			out = append(out, i)
		}
	}
	return out
}

// surprised are the rows that ended otherwise than planned and that nobody was asked about:
// whatever was begun and not finished and proven, or could not begin as it was shown. What
// was gone already when its turn came is none: nothing is lost by it.
func surprised(rows []Row) []int {
	var out []int
	for i, r := range rows {
		if r.Leave.Told || !r.Settled() {
			continue
		}
		switch {
		case r.State == RowDone && r.Cause != "surprise":
		case r.State == RowSkipped && slices.Contains(expectedEnds, r.Cause):
		default:
			out = append(out, i)
		}
	}
	return out
}

// expectedEnds are causes of rows left alone that surprise nobody.
var expectedEnds = []string{"gone_already", "batch_stopped", "batch_silence"}
