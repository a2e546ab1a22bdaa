package bot

import (
	"maps"
	"reflect"
	"slices"
)

// typos finds variables whose name is nearly one of ours that is unset: a misspelt DATABASE_URL would silently start on SQLite.
// Our names have no prefix, so the foreign neighbours of short names (REGION, RULES, STATIC_DIR) are common and innocent.
func (l *loader) typos() {
	for _, name := range slices.Sorted(maps.Keys(l.env)) {
		if known(name) {
			continue
		}
		for _, ours := range Names() {
			switch d := distance(name, ours); {
			case l.env[ours] != "" || d > 2 || d > 1 && len(ours) < 10:
			case len(ours) <= 8:
				l.warn("%s is set, which nothing reads; %s is not set", name, ours)
			default:
				l.problem("%s is set, which nothing reads. Did you mean %s?", name, ours)
			}
		}
	}
}

func known(name string) bool {
	for _, ours := range Names() {
		if name == ours || name == ours+"_FILE" {
			return true
		}
	}
	return false
}

// Names are the variables that Config reads, in the order of the table.
func Names() []string {
	var names []string
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("envconfig"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// distance counts the insertions, deletions, replacements and swaps of neighbours that turn a into b (optimal string alignment).
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, now := rows[0], rows[1], rows[2]
		now[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		rows = [3][]int{last, now, before}
	}
	return rows[1][len(b)]
}
