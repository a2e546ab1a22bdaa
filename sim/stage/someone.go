package stage

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	simaws "ecsbot/sim/aws"
)

// queryVersions are the API versions of the services that take forms.
var queryVersions = map[string]string{"ec2": "2016-11-15", "autoscaling": "2011-01-01"}

// doSomeone is somebody else who calls AWS: ECS takes JSON, EC2 and Auto Scaling key=value.
func (s *Stage) doSomeone(ctx context.Context, args []string) (string, error) {
	service, action := args[0], args[1]
	body, kind, target := strings.Join(args[2:], " "), "application/x-amz-json-1.1", "AmazonEC2ContainerServiceV20141113."+action
	if service != "ecs" {
		form := url.Values{"Action": {action}, "Version": {queryVersions[service]}}
		for _, kv := range args[2:] {
			k, v, _ := strings.Cut(kv, "=")
			form.Set(k, v)
		}
		body, kind, target = form.Encode(), "application/x-www-form-urlencoded", ""
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.AWS.URL(), strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", kind)
	if target != "" {
		req.Header.Set("X-Amz-Target", target)
	}
	// The estate reads whose call it is; it has no secret to check a signature with.
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s/%s/%s/aws4_request, SignedHeaders=host, Signature=%064d",
		simaws.AccessKeyID(simaws.DemoAccount), time.Now().UTC().Format("20060102"), simaws.DemoRegion, service, 0))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("calling the estate: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return "", fmt.Errorf("reading the estate's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("AWS answers %s: %s", res.Status, answer)
	}
	return string(answer), nil
}
