package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	jsonv2 "github.com/chromedp/cdproto/cdp/jsonv2"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// seen is one node of the accessibility tree: what a screen reader would find.
// Everything in these tests is found by role and name, so that a page which
// cannot be used without a pointer or without eyes cannot pass them.
type seen struct {
	p    *tab
	id   cdp.BackendNodeID // 0 = the whole page
	role string
	name string
	prop map[string]string
}

// whole is the page itself.
func (p *tab) whole() seen { return seen{p: p, role: "page"} }

func text(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	var out any
	if err := jsonv2.Unmarshal(v.Value, &out); err != nil || out == nil {
		return ""
	}
	return fmt.Sprint(out)
}

// all are the nodes within s that have the role and a name that matches, in the
// order of the page. An error means that s itself is gone.
func (s seen) all(role, name string) ([]seen, error) {
	re := regexp.MustCompile("(?s)" + name)
	params := accessibility.QueryAXTreeParams{BackendNodeID: s.id, Role: role}
	if s.id == 0 {
		doc, err := ask(s.p, dom.GetDocument, dom.GetDocumentParams{})
		if err != nil {
			return nil, err
		}
		params.BackendNodeID = doc.Root.BackendNodeID
	}
	got, err := ask(s.p, accessibility.QueryAXTree, params)
	if err != nil {
		return nil, err
	}
	var out []seen
	for _, n := range got.Nodes {
		if n.Ignored || !re.MatchString(text(n.Name)) || n.BackendDOMNodeID == 0 {
			continue
		}
		prop := map[string]string{"value": text(n.Value), "description": text(n.Description)}
		for _, pr := range n.Properties {
			prop[string(pr.Name)] = text(pr.Value)
		}
		out = append(out, seen{p: s.p, id: n.BackendDOMNodeID, role: text(n.Role), name: text(n.Name), prop: prop})
	}
	return out, nil
}

// find waits for exactly one.
func (s seen) find(role, name string) seen {
	s.p.t.Helper()
	return s.choose(role, name, func(all []seen) (seen, bool) {
		if len(all) != 1 {
			return seen{}, false
		}
		return all[0], true
	})
}

// last waits for at least one and takes the last.
func (s seen) last(role, name string) seen {
	s.p.t.Helper()
	return s.choose(role, name, func(all []seen) (seen, bool) {
		if len(all) == 0 {
			return seen{}, false
		}
		return all[len(all)-1], true
	})
}

func (s seen) choose(role, name string, take func([]seen) (seen, bool)) seen {
	s.p.t.Helper()
	var all []seen
	var out seen
	var err error
	ok := waitFor(patience, func() bool {
		if all, err = s.all(role, name); err != nil {
			return false
		}
		var ok bool
		out, ok = take(all)
		return ok
	})
	if ok {
		return out
	}
	names := make([]string, 0, len(all))
	for _, n := range all {
		names = append(names, fmt.Sprintf("%.60q", n.name))
	}
	others := ""
	if len(all) == 0 {
		others = s.inventory(role)
	}
	s.p.t.Fatalf("within the %s %.60q: %d of role %s with a name like %q %v (error: %v)%s", s.role, s.name, len(all), role, name, names, err, others)
	return seen{}
}

// inventory says what else there is, so that a failure can be understood.
func (s seen) inventory(role string) string {
	same, err := s.all(role, "")
	if err != nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nof role %s there are:", role)
	for _, n := range same {
		fmt.Fprintf(&b, " %.80q", n.name)
	}
	fmt.Fprintf(&b, "\nit reads: %.1500s", s.text())
	return b.String()
}

// has answers at once whether there is one now.
func (s seen) has(role, name string) bool {
	all, err := s.all(role, name)
	return err == nil && len(all) > 0
}

// gone waits until there is none.
func (s seen) gone(role, name string) {
	s.p.t.Helper()
	s.p.until(fmt.Sprintf("the %s %q to go", role, name), func() bool {
		all, err := s.all(role, name)
		return err == nil && len(all) == 0
	})
}

// on calls a JavaScript function with the node as its this.
func on[T any](s seen, function string) (T, error) {
	var zero T
	obj, err := ask(s.p, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: s.id})
	if err != nil {
		return zero, err
	}
	ctx, cancel := s.p.within()
	defer cancel()
	return chromedp.Run(ctx, chromedp.CallFunctionOn[T](function, func(c *runtime.CallFunctionOnParams) {
		c.ObjectID = obj.Object.ObjectID
		c.ExecutionContextID = 0
	}))
}

// text is what is to be read there; nothing when the node is gone.
func (s seen) text() string {
	if s.id == 0 {
		return eval[string](s.p, `document.body.innerText`)
	}
	out, err := on[string](s, `function() { return this.innerText ?? this.textContent ?? "" }`)
	if err != nil {
		return ""
	}
	return out
}

// reads waits until the text there matches.
func (s seen) reads(pattern string) {
	s.p.t.Helper()
	re := regexp.MustCompile("(?s)" + pattern)
	if !waitFor(patience, func() bool { return re.MatchString(s.text()) }) {
		s.p.t.Fatalf("the %s %.60q does not read %q but:\n%s", s.role, s.name, pattern, s.text())
	}
}

// press clicks with the pointer, where a person would: the middle of what is to
// be seen of it, which nothing else may cover.
func (s seen) press() {
	s.p.t.Helper()
	var why error
	if waitFor(patience, func() bool { why = s.tryPress(); return why == nil }) {
		return
	}
	s.p.t.Fatalf("pressing the %s %q: %v", s.role, s.name, why)
}

// pressable is the middle of the node, or why it cannot be hit.
const pressable = `function() {
	this.scrollIntoView({block: "center", inline: "nearest", behavior: "instant"});
	for (let e = this.parentElement; e; e = e.parentElement) // nobody can scroll what hides what flows over
		if (getComputedStyle(e).overflowY === "hidden") e.scrollTop = 0;
	const r = this.getBoundingClientRect();
	if (r.width < 1 || r.height < 1) return {why: "it has no size"};
	if (this.disabled || this.getAttribute("aria-disabled") === "true") return {why: "it is disabled"};
	const x = r.left + r.width / 2, y = r.top + r.height / 2;
	const top = document.elementFromPoint(x, y);
	if (!top) return {why: "it is outside of the window"};
	if (!this.contains(top) && !top.contains(this) && !(top.labels === undefined && top.closest("label") && top.closest("label").contains(this)))
		return {why: "covered by " + top.outerHTML.slice(0, 120)};
	return {x, y, why: ""};
}`

type spot struct {
	X, Y float64
	Why  string
}

func (s seen) tryPress() error {
	at, err := on[spot](s, pressable)
	if err != nil {
		return err
	}
	if at.Why != "" {
		return fmt.Errorf("it cannot be pressed: %s", at.Why)
	}
	ctx, cancel := s.p.within()
	defer cancel()
	return chromedp.Do(ctx, chromedp.MouseClickXY(at.X, at.Y))
}

// fill focuses a field as a click does, and types over what is in it.
func (s seen) fill(words string) {
	s.p.t.Helper()
	if _, err := ask(s.p, dom.Focus, dom.FocusParams{BackendNodeID: s.id}); err != nil {
		s.p.t.Fatalf("focusing the %s %q: %v", s.role, s.name, err)
	}
	s.p.keys("a", chromedp.ModifierCtrl)
	s.p.keys(words)
}

// pick chooses an option of a native select by its label.
func (s seen) pick(label string) {
	s.p.t.Helper()
	_, err := on[bool](s, fmt.Sprintf(`function() {
		const o = [...this.options].find(o => o.label.includes(%q));
		if (!o) throw new Error("no option like " + %[1]q + " among " + [...this.options].map(o => o.label).join(", "));
		const set = Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, "value").set;
		set.call(this, o.value);
		this.dispatchEvent(new Event("change", {bubbles: true}));
		return true;
	}`, label))
	if err != nil {
		s.p.t.Fatalf("choosing %q in the %s %q: %v", label, s.role, s.name, err)
	}
}

// keys types; the names of kb (kb.Enter, kb.Tab, …) are keys too. Each key goes
// down with its character in one event, as a keyboard does it: a page that
// handles the key then gets no character.
func (p *tab) keys(words string, with ...chromedp.Modifier) {
	p.t.Helper()
	for _, r := range words {
		var down, up *input.DispatchKeyEventParams
		for _, k := range kb.Encode(r) {
			chromedp.KeyModifiers(with...)(k)
			switch k.Type {
			case kb.KeyUp:
				up = k
			case kb.KeyChar:
				down.Text, down.UnmodifiedText = k.Text, k.UnmodifiedText
			default:
				down = k
				down.Type = kb.KeyDown
			}
		}
		if len(with) > 0 && with[0] != chromedp.ModifierShift {
			down.Text, down.UnmodifiedText = "", "" // a shortcut types nothing
		}
		for _, k := range []*input.DispatchKeyEventParams{down, up} {
			if _, err := ask(p, input.DispatchKeyEvent, *k); err != nil {
				p.t.Fatalf("typing %q: %v", r, err)
			}
		}
	}
}

// focused is the node that keys go to.
func (p *tab) focused() seen {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	obj, err := chromedp.Run(ctx, chromedp.Evaluate[*runtime.RemoteObject](`document.activeElement`))
	if err != nil {
		p.t.Fatalf("asking for the focus: %v", err)
	}
	got, err := ask(p, accessibility.GetPartialAXTree, accessibility.GetPartialAXTreeParams{ObjectID: obj.ObjectID, FetchRelatives: new(bool)})
	if err != nil || len(got.Nodes) == 0 {
		return seen{p: p}
	}
	n := got.Nodes[0]
	return seen{p: p, id: n.BackendDOMNodeID, role: text(n.Role), name: text(n.Name)}
}

// tabTo presses Tab until the focus is on a node of the role and the name. It is
// the only way in which the keyboard's tests get about.
func (p *tab) tabTo(role, name string) seen {
	p.t.Helper()
	re := regexp.MustCompile("(?s)" + name)
	var passed []string
	for range 150 {
		at := p.focused()
		if at.role == role && re.MatchString(at.name) {
			p.visibleFocus(at)
			return at
		}
		passed = append(passed, fmt.Sprintf("%s %.40q", at.role, at.name))
		p.keys(kb.Tab)
	}
	p.t.Fatalf("Tab never reaches the %s %q; it passes %s", role, name, strings.Join(slices.Compact(passed), ", "))
	return seen{}
}

// visibleFocus fails when nothing shows where the focus is.
func (p *tab) visibleFocus(at seen) {
	p.t.Helper()
	shown := `function() {
		for (let e = this, up = 0; e && up < 4; e = e.parentElement, up++) {
			const s = getComputedStyle(e);
			if ((s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0) || s.boxShadow !== "none") return true;
		}
		return false;
	}`
	ok := false
	if !waitFor(2*time.Second, func() bool { got, err := on[bool](at, shown); ok = err == nil && got; return ok }) {
		p.t.Errorf("the focus on the %s %q is not to be seen", at.role, at.name)
	}
}
