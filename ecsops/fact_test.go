package ecsops_test

import (
	"encoding/json"
	"testing"

	"ecsbot/ecsops"
)

// TestFactJSON: known stays known, also when it is empty; unknown keeps its reason.
func TestFactJSON(t *testing.T) {
	for _, f := range []ecsops.Fact[[]string]{
		ecsops.Known([]string(nil)), ecsops.Known([]string{}), ecsops.Known([]string{"a"}),
		ecsops.NotKnown[[]string](ecsops.Unknown{Fact: "peers", Call: "ecs:ListTasks", Reason: "timed out"}), {},
	} {
		b, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		var back ecsops.Fact[[]string]
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		was, wasKnown := f.Get()
		is, isKnown := back.Get()
		if len(was) != len(is) || wasKnown != isKnown || !wasKnown && f.Why() != back.Why() {
			t.Errorf("%s read back as %v %t, %+v", b, is, isKnown, back.Why())
		}
	}
	var f ecsops.Fact[int]
	if err := json.Unmarshal([]byte(`{"value":"x"}`), &f); err == nil {
		t.Error("a value of another type was read")
	}
	if err := json.Unmarshal([]byte(`{}`), &f); err != nil {
		t.Error(err)
	}
	if _, ok := f.Get(); ok {
		t.Error("nothing is known")
	}
}
