package aws

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	roleARNForm     = regexp.MustCompile(`^arn:aws:iam::([0-9]{12}):role/([\w+=,.@/-]+)$`)
	sessionNameForm = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
)

func getCallerIdentity(r *request) (m, *apiError) {
	return m{"Account": r.caller.account, "Arn": r.caller.arn, "UserId": r.caller.userID}, nil
}

// assumeRole gives keys that expire in real time: that is the clock by which every AWS client refreshes them.
// They are keys of the role's account. Roles have to be added first: Cloud.AddRole.
func assumeRole(r *request) (m, *apiError) {
	roleARN, name, identity := r.form.Get("RoleArn"), r.form.Get("RoleSessionName"), r.form.Get("SourceIdentity")
	match := roleARNForm.FindStringSubmatch(roleARN)
	if match == nil || !sessionNameForm.MatchString(name) || (identity != "" && !sessionNameForm.MatchString(identity)) {
		return nil, fault("ValidationError", "RoleArn, RoleSessionName or SourceIdentity failed to satisfy constraint: %s", sessionNameForm)
	}
	if !r.w.roles[roleARN] {
		return nil, &apiError{http.StatusForbidden, "AccessDenied", "User: " + r.caller.arn + " is not authorized to perform: sts:AssumeRole on resource: " + roleARN}
	}
	seconds := 3600
	if v := r.form.Get("DurationSeconds"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 900 || n > 43200 {
			return nil, fault("ValidationError", "1 validation error detected: Value '%s' at 'durationSeconds' failed to satisfy constraint", v)
		}
		seconds = n
	}
	if identity == "" {
		identity = r.caller.sourceI
	}
	account, role := match[1], lastPart("/"+match[2])
	key := "ASIASIM" + strings.ToUpper(r.c.hex(13))
	roleID := "AROASIM" + account + "XX"
	s := session{
		account: account, roleARN: roleARN, name: name, sourceI: identity, expires: time.Now().Add(time.Duration(seconds) * time.Second),
		arn: "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + name, userID: roleID + ":" + name,
	}
	r.c.sessions[key] = s
	r.effect = true
	return m{
		"Credentials": m{"AccessKeyId": key, "SecretAccessKey": "sim-" + r.c.hex(36), "SessionToken": "sim-token-" + r.c.hex(64),
			"Expiration": s.expires},
		"AssumedRoleUser": m{"AssumedRoleId": s.userID, "Arn": s.arn}, "SourceIdentity": text(identity),
	}, nil
}
