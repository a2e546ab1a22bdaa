package ecsops

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// attributes are those of one instance, by name. An agent registers about sixty, and those
// of most instances are the same.
type attributes []Attribute

func (as attributes) get(name string) (string, bool) {
	i, ok := slices.BinarySearchFunc(as, name, func(a Attribute, name string) int { return cmp.Compare(a.Name, name) })
	if !ok {
		return "", false
	}
	return as[i].Value, true
}

func (as attributes) value(name string) string {
	v, _ := as.get(name)
	return v
}

// attributeKinds keeps each set of attributes once, however many instances have it.
type attributeKinds map[string]attributes

func (k attributeKinds) of(as []ecstypes.Attribute) attributes {
	var key strings.Builder
	for _, a := range as {
		key.WriteString(aws.ToString(a.Name) + "\x00" + aws.ToString(a.Value) + "\x00")
	}
	if kind, ok := k[key.String()]; ok {
		return kind
	}
	out := make(attributes, 0, len(as))
	for _, a := range as {
		out = append(out, Attribute{Name: aws.ToString(a.Name), Value: aws.ToString(a.Value)})
	}
	slices.SortFunc(out, func(a, b Attribute) int { return cmp.Compare(a.Name, b.Name) })
	k[key.String()] = out
	return out
}
