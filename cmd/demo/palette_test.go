package main

import (
	"image"
	"image/color"
	"slices"
	"testing"
)

// palette picks the colours of a picture: those that are used much as they are,
// and of the others the most used of each neighbourhood, until there are enough.
func palette(img *image.RGBA, most int) color.Palette {
	count := map[color.RGBA]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			count[img.RGBAAt(x, y)]++
		}
	}
	all := make([]color.RGBA, 0, len(count))
	for c := range count {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b color.RGBA) int {
		if d := count[b] - count[a]; d != 0 {
			return d
		}
		return int(rgb(a)) - int(rgb(b))
	})
	var out color.Palette
	taken := map[uint32]bool{}
	for bits := uint(3); len(out) < most; bits++ { // finer neighbourhoods, as long as there is room
		shift := 8 - bits
		for _, c := range all {
			key := (uint32(c.R)>>shift)<<16 | (uint32(c.G)>>shift)<<8 | uint32(c.B)>>shift | uint32(shift)<<24
			if len(out) == most {
				break
			}
			if !taken[key] && !slices.Contains(out, color.Color(c)) {
				taken[key] = true
				out = append(out, c)
			}
		}
		if bits == 8 {
			break
		}
	}
	return out
}

func rgb(c color.RGBA) uint32 { return uint32(c.R)<<16 | uint32(c.G)<<8 | uint32(c.B) }

func TestPicturesCanDiffer(t *testing.T) {
	a := image.NewRGBA(image.Rect(0, 0, 40, 40))
	for i := range a.Pix {
		a.Pix[i] = 255
		if i%4 < 3 {
			a.Pix[i] = uint8(200 + i%7)
		}
	}
	if d := differing(a, decode(t, small(t, a, cardColours))); d != 0 {
		t.Errorf("a picture differs from itself as it is kept by %g", d)
	}
	b := image.NewRGBA(a.Bounds())
	copy(b.Pix, a.Pix)
	for i := range 64 * 4 {
		if i%4 < 3 {
			b.Pix[i] = 0
		}
	}
	if d := differing(a, b); d != 64.0/1600 {
		t.Errorf("64 of 1600 pixels differ by a share of %g", d)
	}
	if d := differing(a, image.NewRGBA(image.Rect(0, 0, 40, 41))); d != 1 {
		t.Errorf("another size differs by %g", d)
	}
}
