package aws

import (
	"fmt"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var instanceIDForm = regexp.MustCompile(`^i-([0-9a-f]{8}|[0-9a-f]{17})$`)

func stateCode(state string) int {
	return map[string]int{ec2Pending: 0, ec2Running: 16, ec2ShuttingDown: 32, ec2Terminated: 48, ec2Stopping: 64, ec2Stopped: 80}[state]
}

func showState(state string) m { return m{"code": stateCode(state), "name": state} }

// filter is Filter.N.Name with its values.
type filter struct {
	name   string
	values []string
}

// takes reports whether a value is one of the filter's, which may have the wildcards * and ?.
func (f filter) takes(v string) bool {
	return slices.ContainsFunc(f.values, func(pattern string) bool {
		if pattern == v || !strings.ContainsAny(pattern, `*?[\`) {
			return pattern == v
		}
		ok, err := path.Match(pattern, v)
		return err == nil && ok
	})
}

func (r *request) filters(prefix, values string) []filter {
	var out []filter
	for i := 1; ; i++ {
		at := prefix + "." + strconv.Itoa(i)
		if !r.form.Has(at + ".Name") {
			return out
		}
		out = append(out, filter{r.form.Get(at + ".Name"), r.members(at + "." + values)})
	}
}

// machinesByID resolves the ids of a call, refusing those that are malformed or gone.
func (r *request) machinesByID(ids []string) ([]*machine, *apiError) {
	var out []*machine
	for _, id := range ids {
		if !instanceIDForm.MatchString(id) {
			return nil, fault("InvalidInstanceID.Malformed", "Invalid id: %q", id)
		}
		mc := r.cell.machines[id]
		if mc == nil || r.c.faults.hidden[id] {
			return nil, fault("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", id)
		}
		out = append(out, mc)
	}
	return out, nil
}

// chosenMachines are those of InstanceId.N and Filter.N, one page of them.
func (r *request) chosenMachines(keep func(*machine) bool) ([]*machine, string, *apiError) {
	ids := r.members("InstanceId")
	all := sorted(r.cell.machines)
	if len(ids) > 0 {
		var e *apiError
		if all, e = r.machinesByID(ids); e != nil {
			return nil, "", e
		}
		if r.form.Has("MaxResults") {
			return nil, "", fault("InvalidParameterCombination", "The parameter instancesSet cannot be used with the parameter maxResults")
		}
	}
	var out []*machine
	filters := r.filters("Filter", "Value")
	for _, mc := range all {
		if strings.HasPrefix(mc.id, "mi-") || r.c.faults.hidden[mc.id] || (mc.managed && r.form.Get("IncludeManagedResources") != "true" && len(ids) == 0) {
			continue
		}
		ok, e := mc.matches(filters)
		if e != nil {
			return nil, "", e
		}
		if ok && keep(mc) {
			out = append(out, mc)
		}
	}
	asked, err := strconv.Atoi(r.form.Get("MaxResults"))
	if r.form.Has("MaxResults") && (err != nil || asked < 5 || asked > 1000) {
		return nil, "", fault("InvalidParameterValue", "Value ( %s ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.", r.form.Get("MaxResults"))
	}
	out, next, e := page(r, out, r.form.Get("NextToken"), asked, 1000)
	return out, next, e
}

func (mc *machine) matches(filters []filter) (bool, *apiError) {
	for _, f := range filters {
		var have []string
		switch tag, isTag := strings.CutPrefix(f.name, "tag:"); {
		case isTag:
			for _, t := range mc.tags {
				if t.Key == tag {
					have = append(have, t.Value)
				}
			}
		case f.name == "tag-key":
			for _, t := range mc.tags {
				have = append(have, t.Key)
			}
		case f.name == "instance-id":
			have = []string{mc.id}
		case f.name == "instance-state-name":
			have = []string{mc.state}
		case f.name == "instance-state-code":
			have = []string{strconv.Itoa(stateCode(mc.state))}
		case f.name == "availability-zone":
			have = []string{mc.az}
		case f.name == "instance-type":
			have = []string{mc.kind}
		case f.name == "private-ip-address":
			have = []string{mc.privateIP}
		case f.name == "instance-lifecycle":
			if mc.spot {
				have = []string{"spot"}
			}
		default:
			return false, fault("InvalidParameterValue", "The filter '%s' is invalid", f.name)
		}
		if !slices.ContainsFunc(have, f.takes) {
			return false, nil
		}
	}
	return true, nil
}

// dryRun answers a call that is only to tell whether its caller may make it: always by an error.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
func (r *request) dryRun() *apiError {
	if r.isDryRun() {
		return &apiError{http.StatusPreconditionFailed, "DryRunOperation", "Request would have succeeded, but DryRun flag is set."}
	}
	return nil
}

func (r *request) isDryRun() bool { return r.proto == ec2Query && r.form.Get("DryRun") == "true" }

func describeInstances(r *request) (m, *apiError) {
	if e := r.dryRun(); e != nil {
		return nil, e
	}
	machines, next, e := r.chosenMachines(func(*machine) bool { return true })
	if e != nil {
		return nil, e
	}
	out := l{}
	for _, mc := range machines {
		out = append(out, m{
			"reservationId": "r-0" + mc.id[3:], "ownerId": r.cell.key.account, "groupSet": l{}, "instancesSet": l{r.showMachine(mc)},
		})
	}
	return m{"reservationSet": out, "nextToken": text(next)}, nil
}

func (r *request) showMachine(mc *machine) m {
	out := m{
		"instanceId": mc.id, "imageId": "ami-0a1b2c3d4e5f60001", "instanceState": showState(mc.state), "instanceType": mc.kind, "launchTime": mc.launchedAt,
		"placement": m{"availabilityZone": mc.az, "tenancy": "default"}, "tagSet": tagList(mc.tags), "architecture": "x86_64",
		"hypervisor": "xen", "virtualizationType": "hvm", "rootDeviceName": rootDevice, "rootDeviceType": "ebs", "ebsOptimized": true,
		"privateDnsName": "", "dnsName": "", "reason": "", "amiLaunchIndex": 0, "monitoring": m{"state": "disabled"},
		"blockDeviceMapping": l{}, "networkInterfaceSet": l{}, "groupSet": l{},
	}
	if mc.spot {
		out["instanceLifecycle"], out["spotInstanceRequestId"] = "spot", r.cell.spots[mc.id].id
	}
	if mc.managed {
		out["operator"] = m{"managed": true, "principal": "ecs.amazonaws.com"}
	}
	if mc.stateReason[0] != "" {
		out["stateReason"] = m{"code": mc.stateReason[0], "message": mc.stateReason[1]}
		out["reason"] = "User initiated"
		if !mc.endedAt.IsZero() {
			out["reason"] = "User initiated (" + mc.endedAt.UTC().Format("2006-01-02 15:04:05 GMT") + ")"
		}
	}
	if mc.state == ec2Terminated {
		return out
	}
	out["privateIpAddress"], out["subnetId"], out["vpcId"] = mc.privateIP, subnetOf(mc.az), "vpc-0a1b2c3d4e5f60001"
	out["ipAddress"] = text(mc.publicIP)
	out["privateDnsName"] = "ip-" + strings.ReplaceAll(mc.privateIP, ".", "-") + "." + r.cell.key.region + ".compute.internal"
	out["blockDeviceMapping"] = mc.showVolumes()
	interfaces := l{m{"networkInterfaceId": mc.eni, "status": "in-use", "subnetId": subnetOf(mc.az), "privateIpAddress": mc.privateIP,
		"attachment": m{"attachmentId": "eni-attach-" + mc.eni[4:], "deviceIndex": 0, "status": "attached", "deleteOnTermination": true}}}
	for i, e := range r.enisAt(mc.id) {
		interfaces = append(interfaces, m{"networkInterfaceId": e.id, "status": "in-use", "subnetId": subnetOf(e.az), "privateIpAddress": e.ip,
			"attachment": m{"attachmentId": "eni-attach-" + e.id[4:], "deviceIndex": i + 1, "status": "attached", "deleteOnTermination": true}})
	}
	out["networkInterfaceSet"] = interfaces
	return out
}

const rootDevice = "/dev/xvda"

// showVolumes are the attachments of an instance, its root volume first; those of instance store are in no answer.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsInstanceBlockDevice.html
func (mc *machine) showVolumes() l {
	show := func(v VolumeSpec, id string) m {
		ebs := m{"volumeId": id, "status": "attached", "attachTime": mc.launchedAt, "deleteOnTermination": !v.Keep}
		if v.Owner != "" {
			ebs["associatedResource"] = v.Owner
		}
		return m{"deviceName": v.Device, "ebs": ebs}
	}
	root := VolumeSpec{Device: rootDevice}
	out := l{nil}
	for n, v := range mc.volumes {
		if v.Device == rootDevice {
			root = v
			continue
		}
		out = append(out, show(v, fmt.Sprintf("vol-%x%s", (n+1)%16, mc.id[3:])))
	}
	out[0] = show(root, "vol-"+mc.id[2:])
	return out
}

func (r *request) enisAt(machineID string) []*eni {
	var out []*eni
	for _, e := range r.cell.enis {
		if e.machine == machineID {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b *eni) int { return strings.Compare(a.id, b.id) })
	return out
}

func describeInstanceStatus(r *request) (m, *apiError) {
	all := r.form.Get("IncludeAllInstances") == "true"
	machines, next, e := r.chosenMachines(func(mc *machine) bool { return all || mc.state == ec2Running })
	if e != nil {
		return nil, e
	}
	out := l{}
	for _, mc := range machines {
		status := "ok"
		if mc.state != ec2Running {
			status = "not-applicable"
		}
		out = append(out, m{"instanceId": mc.id, "availabilityZone": mc.az, "instanceState": showState(mc.state),
			"instanceStatus": m{"status": status, "details": l{m{"name": "reachability", "status": "passed"}}},
			"systemStatus":   m{"status": status, "details": l{m{"name": "reachability", "status": "passed"}}}})
	}
	return m{"instanceStatusSet": out, "nextToken": text(next)}, nil
}

func describeInstanceAttribute(r *request) (m, *apiError) {
	machines, e := r.machinesByID([]string{r.form.Get("InstanceId")})
	if e != nil {
		return nil, e
	}
	mc := machines[0]
	out := m{"instanceId": mc.id}
	switch a := r.form.Get("Attribute"); a {
	case "disableApiTermination":
		out[a] = m{"value": mc.protected}
	case "instanceType":
		out[a] = m{"value": mc.kind}
	case "instanceInitiatedShutdownBehavior":
		out[a] = m{"value": "stop"}
	case "disableApiStop":
		out[a] = m{"value": false}
	default:
		return nil, fault("InvalidParameterValue", "Value (%s) for parameter attribute is invalid. Unknown attribute.", a)
	}
	return out, nil
}

func describeNetworkInterfaces(r *request) (m, *apiError) {
	all := sorted(r.cell.enis)
	if ids := r.members("NetworkInterfaceId"); len(ids) > 0 {
		all = nil
		for _, id := range ids {
			e := r.cell.enis[id]
			if e == nil {
				return nil, fault("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '%s' does not exist", id)
			}
			all = append(all, e)
		}
	}
	for _, f := range r.filters("Filter", "Value") {
		read := map[string]func(*eni) string{
			"network-interface-id":         func(e *eni) string { return e.id },
			"attachment.instance-id":       func(e *eni) string { return e.machine },
			"addresses.private-ip-address": func(e *eni) string { return e.ip },
			"private-ip-address":           func(e *eni) string { return e.ip },
			"availability-zone":            func(e *eni) string { return e.az },
		}[f.name]
		if read == nil {
			return nil, fault("InvalidParameterValue", "The filter '%s' is invalid", f.name)
		}
		all = slices.DeleteFunc(slices.Clone(all), func(e *eni) bool { return !slices.Contains(f.values, read(e)) })
	}
	asked, err := strconv.Atoi(r.form.Get("MaxResults"))
	if r.form.Has("MaxResults") && (err != nil || asked < 5) {
		return nil, fault("InvalidParameterValue", "Value for parameter maxResults is invalid.")
	}
	return shown(r, all, r.form.Get("NextToken"), asked, 1000, "networkInterfaceSet", "nextToken", func(e *eni) m {
		return m{
			"networkInterfaceId": e.id, "subnetId": subnetOf(e.az), "vpcId": "vpc-0a1b2c3d4e5f60001", "availabilityZone": e.az, "description": e.description,
			"ownerId": r.cell.key.account, "requesterId": "578734482556", "requesterManaged": true, "status": "in-use", "privateIpAddress": e.ip,
			"interfaceType": "interface", "sourceDestCheck": true, "groupSet": l{}, "tagSet": l{},
			"attachment": m{"attachmentId": "eni-attach-" + e.id[4:], "instanceId": text(e.machine), "deviceIndex": 1, "status": "attached", "attachTime": e.attachedAt},
		}
	})
}

func terminateInstances(r *request) (m, *apiError) {
	ids := r.members("InstanceId")
	if len(ids) == 0 {
		return nil, fault("MissingParameter", "The request must contain the parameter InstanceId")
	}
	machines, e := r.machinesByID(ids)
	if e != nil {
		return nil, e
	}
	// Which of the two a dry run tells of a protected instance is not documented: the one that keeps it.
	for _, mc := range machines {
		if mc.protected && mc.state != ec2Terminated {
			return nil, fault("OperationNotPermitted", "The instance '%s' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.", mc.id)
		}
	}
	if e := r.dryRun(); e != nil {
		return nil, e
	}
	out := l{}
	for _, mc := range machines {
		before := mc.state
		r.c.terminateMachine(r.cell, mc, "Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown")
		r.effect = r.effect || before != mc.state
		out = append(out, m{"instanceId": mc.id, "previousState": showState(before), "currentState": showState(mc.state)})
	}
	return m{"instancesSet": out}, nil
}

// hasStore are the families with instance store, by their names: storage optimized ones, and those with a d behind the generation.
// https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
var hasStore = regexp.MustCompile(`^(i|im|is|d|h)\d|^[a-z]+\d[a-z]*d`)

// describeInstanceTypes knows the sizes that enisOf knows.
func describeInstanceTypes(r *request) (m, *apiError) {
	out := l{}
	for _, kind := range r.members("InstanceType") {
		family, size, ok := strings.Cut(kind, ".")
		if !ok || family == "" || size == "" {
			return nil, fault("InvalidInstanceType", "The following supplied instance types do not exist: [%s]", kind)
		}
		out = append(out, m{"instanceType": kind, "currentGeneration": true, "bareMetal": size == "metal", "instanceStorageSupported": hasStore.MatchString(family),
			"networkInfo": m{"maximumNetworkInterfaces": enisOf(&machine{kind: kind})}})
	}
	if len(out) == 0 {
		return nil, fault("InvalidParameterCombination", "the simulated estate lists no instance types: name some")
	}
	return m{"instanceTypeSet": out}, nil
}
