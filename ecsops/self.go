package ecsops

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// selfRead keeps where this process runs, once it is known.
type selfRead struct {
	mu    sync.Mutex
	known bool        // guarded by mu
	arn   InstanceARN // guarded by mu; "" = on no container instance
}

// selfInstance is the container instance that hosts this process. It is "" when ECS gave
// no metadata endpoint, or on Fargate; a failure is asked again next time.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html
func (f *Fleet) selfInstance(ctx context.Context) (InstanceARN, error) {
	if f.cfg.MetadataURI == "" {
		return "", nil
	}
	f.self.mu.Lock()
	arn, known := f.self.arn, f.self.known
	f.self.mu.Unlock()
	if known {
		return arn, nil
	}
	task, err := ownTask(ctx, f.cfg.MetadataURI)
	if err != nil {
		return "", called("ecs:TaskMetadata", err)
	}
	if task.LaunchType != "FARGATE" {
		// The endpoint does not name the container instance: ask ECS about our own task.
		s := f.reading(arnPart(task.TaskARN, 4), arnPart(task.TaskARN, 3))
		d, err := s.describeTasks(ctx, ClusterARN(task.Cluster), []string{task.TaskARN})
		if err != nil {
			return "", err
		}
		if len(d.tasks) != 1 {
			return "", called("ecs:DescribeTasks", reasonError(failureMissing))
		}
		arn = InstanceARN(aws.ToString(d.tasks[0].ContainerInstanceArn))
	}
	f.self.mu.Lock()
	f.self.arn, f.self.known = arn, true
	f.self.mu.Unlock()
	return arn, nil
}

type metadataTask struct{ Cluster, TaskARN, LaunchType string }

func ownTask(ctx context.Context, uri string) (metadataTask, error) {
	var task metadataTask
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri+"/task", nil)
	if err != nil {
		return task, fmt.Errorf("asking the task metadata endpoint: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return task, fmt.Errorf("asking the task metadata endpoint: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return task, reasonError("HTTP " + resp.Status)
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, resp.Body, 1<<20)).Decode(&task); err != nil {
		return task, fmt.Errorf("reading the task metadata: %w", err)
	}
	if arnPart(task.TaskARN, 2) != "ecs" {
		return task, reasonError("incomplete answer")
	}
	return task, nil
}
