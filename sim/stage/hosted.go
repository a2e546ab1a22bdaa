package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	simaws "ecsbot/sim/aws"
)

// doHosted lets the process run as a task of the instance, from its next start: ECS tells it so through the task
// metadata endpoint, whose address is in the container's environment.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html
func (s *Stage) doHosted(ctx context.Context, args []string) (string, error) {
	arn, err := s.AWS.Region(simaws.DemoAccount, simaws.DemoRegion).RunTask(simaws.TaskSpec{On: args[0], Cluster: args[1], TaskDefinition: "worker"})
	if err != nil {
		return "", err
	}
	cluster := "arn:aws:ecs:" + simaws.DemoRegion + ":" + simaws.DemoAccount + ":cluster/" + args[1]
	answer, err := json.Marshal(map[string]string{"Cluster": cluster, "TaskARN": arn, "Family": "worker", "LaunchType": "EC2"})
	if err != nil {
		return "", err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listening for the task metadata endpoint: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v4/0/task", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // until Close
	s.mu.Lock()
	defer s.mu.Unlock()
	s.metadata = append(s.metadata, server)
	s.cfg.Env = append(s.cfg.Env, "ECS_CONTAINER_METADATA_URI_V4=http://"+listener.Addr().String()+"/v4/0")
	return arn, nil
}
