package handlers

import (
	"cmp"
	"slices"
	"strings"
)

const (
	nearestMost  = 3
	nearestRunes = 64 // of a word that is compared; nobody's name is longer by typing error
)

// nearest returns the names that a mistyped word may mean, best first.
func nearest(word string, names []string) []string {
	type scored struct {
		name string
		d    int
	}
	w := clipRunes(strings.ToLower(word), nearestRunes)
	var near []scored
	for _, n := range names {
		d := distance(w, clipRunes(strings.ToLower(n), nearestRunes))
		if strings.HasPrefix(strings.ToLower(n), w) && w != "" {
			d = 0
		}
		if d <= max(2, len([]rune(w))/3) {
			near = append(near, scored{n, d})
		}
	}
	slices.SortFunc(near, func(a, b scored) int { return cmp.Or(cmp.Compare(a.d, b.d), cmp.Compare(a.name, b.name)) })
	var out []string
	for _, s := range near[:min(len(near), nearestMost)] {
		out = append(out, s.name)
	}
	return out
}

// distance is Levenshtein's, in runes.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			cost := diagonal
			if x[i] != y[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(y)]
}

func clipRunes(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most])
}
