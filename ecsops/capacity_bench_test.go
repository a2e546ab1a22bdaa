package ecsops_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"ecsbot/ecsops"
)

// thousand is a snapshot with 1,000 other instances, 200 services in the cluster of which
// 50 have a task on the target, and half of the others want one more: every kind of
// requirement comes up.
func thousand() ecsops.Snapshot {
	const instances, here, services = 1000, 50, 200
	s := calm()
	var peers []ecsops.Peer
	cards := map[ecsops.EC2ID]ecsops.Interfaces{}
	for n := range instances {
		p := roomy(fmt.Sprintf("%04d", n), "eu-west-1"+string("abc"[n%3]))
		p.Free.Memory, p.Free.CPU = 600+n*7%6400, 256+n*13%1800
		p.Attributes = map[string]string{"stack": string("ab"[n%2])}
		if n%5 == 0 {
			p.CapacityProvider = "cp"
		}
		peers = append(peers, p)
		cards[p.EC2] = ecsops.Interfaces{Most: 4, Used: 1 + n%4}
	}
	s.Peers, s.Interfaces = ecsops.Known(peers), ecsops.Known(cards)
	for n := range here {
		name := fmt.Sprintf("svc-%03d", n)
		serve(&s, name, 4, 100, 200, 1, func(v *ecsops.Service) {
			switch n % 5 {
			case 1:
				v.Placement = []string{"attribute:stack == a"}
			case 2:
				v.LaunchType, v.CapacityProviders, v.Strategy = "", []string{"cp"}, []ecsops.ProviderShare{{Provider: "cp", Weight: 1}}
			case 3:
				v.Subnets = []string{"subnet-a", "subnet-b"}
			}
		})
		define(&s, name, func(d *ecsops.TaskDefinition) {
			d.Memory, d.CPU = 128+n*40, 64+n*8
			if n%5 == 3 {
				d.NetworkMode = "awsvpc"
			}
			if n%5 == 4 {
				d.TCP = []int{8000 + n%3}
			}
		})
	}
	var others []ecsops.Service
	for n := here; n < services; n++ {
		if n%10 == 0 {
			others = append(others, ecsops.Service{Name: fmt.Sprintf("svc-%03d", n), Scheduling: "REPLICA", Desired: 4, Running: 3, Deployments: 1, LaunchType: "EC2", TaskDefinition: definitionARN("svc-000")})
		}
	}
	s.Others = ecsops.Known(others)
	return s
}

// BenchmarkRooms: the aim is 50 ms and 20 MB.
func BenchmarkRooms(b *testing.B) {
	s := thousand()
	b.ReportAllocs()
	for b.Loop() {
		if rooms := ecsops.Rooms(s, false); len(rooms) != 50 {
			b.Fatal(len(rooms))
		}
	}
}

// TestRoomsAtScale: at that size the simulation proves most, and takes no more memory than
// its aim; its time is the benchmark's to tell.
func TestRoomsAtScale(t *testing.T) {
	s := thousand()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	rooms := ecsops.Rooms(s, false)
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	fits := 0
	for _, r := range rooms {
		if r.Verdict == ecsops.RoomFits {
			fits++
		}
	}
	mb := float64(after.TotalAlloc-before.TotalAlloc) / (1 << 20)
	t.Logf("%d rooms, %d fit; %s, %.1f MB", len(rooms), fits, took, mb)
	if fits < 40 || mb > 20 {
		t.Errorf("%d of %d fit, %.1f MB", fits, len(rooms), mb)
	}
}
