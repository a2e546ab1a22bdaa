package bot

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/slack-go/slack"
)

// answering is a Slack that gives one answer to each method; it knows nothing else.
func answering(t *testing.T, answers map[string]string) *slack.Client {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[strings.TrimPrefix(r.URL.Path, "/")]
		switch {
		case !ok:
			http.NotFound(w, r)
		case json.Valid([]byte(body)):
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(body))
		default:
			http.Error(w, body, http.StatusBadGateway)
		}
	}))
	t.Cleanup(srv.Close)
	return slack.New("xoxb-sim", slack.OptionAPIURL(srv.URL+"/"))
}

func TestGreeting(t *testing.T) {
	const auth = `{"ok":true,"team_id":"T0SIM","enterprise_id":"E0SIM","user_id":"U0BOT","bot_id":"B0SIM"}`
	for name, tt := range map[string]struct {
		answers map[string]string
		home    bool
		err     string // "" with home false: Slack is waited for
	}{
		"known":         {map[string]string{"auth.test": auth, "bots.info": `{"ok":true,"bot":{"id":"B0SIM","app_id":"A0SIM"}}`}, true, ""},
		"revoked":       {map[string]string{"auth.test": `{"ok":false,"error":"token_revoked"}`}, false, "copy its bot token"},
		"scope missing": {map[string]string{"auth.test": auth, "bots.info": `{"ok":false,"error":"missing_scope","needed":"users:read"}`}, false, "lacks the scope users:read"},
		"app token":     {map[string]string{"auth.test": `{"ok":false,"error":"not_allowed_token_type"}`}, false, "xoxb-"},
		"wrong URL":     {nil, false, "SLACK_API_URL"},
		"in trouble":    {map[string]string{"auth.test": `{"ok":false,"error":"internal_error"}`}, false, ""},
		"bad gateway":   {map[string]string{"auth.test": "bad gateway"}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			home, err := (&service{api: answering(t, tt.answers)}).greetOnce(t.Context())
			switch {
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("error %v does not say %q", err, tt.err)
			case tt.err == "" && err != nil:
				t.Errorf("a start was ended by what waiting mends: %v", err)
			case (home != nil) != tt.home:
				t.Errorf("home = %v", home)
			case home != nil && (home.App != "A0SIM" || home.Team != "T0SIM" || home.Enterprise != "E0SIM" || home.BotUser != "U0BOT"):
				t.Errorf("home = %+v", home)
			}
		})
	}
}
