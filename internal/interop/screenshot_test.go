package interop

// What the page looks like: pictures of it, judged by what is in them.

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"testing"
)

// picture is what a tab shows.
func (p *tab) picture() image.Image {
	p.t.Helper()
	var shot struct{ Data []byte }
	if err := p.c.do(p.session, "Page.captureScreenshot", map[string]any{"format": "png", "optimizeForSpeed": true}, &shot); err != nil {
		p.t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(shot.Data))
	if err != nil {
		p.t.Fatal(err)
	}
	return img
}

// box is where something is on the page.
type box struct{ X, Y, Width, Height float64 }

func (b box) rectangle() image.Rectangle {
	return image.Rect(int(b.X), int(b.Y), int(b.X+b.Width), int(b.Y+b.Height))
}

// grey is how light a pixel is, from 0 to 255.
func grey(img image.Image, x, y int) int {
	r, g, b, _ := img.At(x, y).RGBA()
	return int((299*r + 587*g + 114*b) / 1000 >> 8)
}

// looked is what a part of a picture looks like: how light its ground is, and the share of pixels
// that stand out against that, in its left and right halves.
type looked struct {
	ground int
	ink    [2]float64
}

func look(img image.Image, in image.Rectangle) (l looked) {
	in = in.Intersect(img.Bounds())
	var count [256]int
	for y := in.Min.Y; y < in.Max.Y; y++ {
		for x := in.Min.X; x < in.Max.X; x++ {
			count[grey(img, x, y)]++
		}
	}
	for v, n := range count {
		if n > count[l.ground] {
			l.ground = v
		}
	}
	middle := (in.Min.X + in.Max.X) / 2
	for y := in.Min.Y; y < in.Max.Y; y++ {
		for x := in.Min.X; x < in.Max.X; x++ {
			if d := grey(img, x, y) - l.ground; d > 60 || d < -60 {
				l.ink[min(1, max(0, (x-middle+1)*2-1))]++
			}
		}
	}
	for i := range l.ink {
		l.ink[i] /= max(1, float64(in.Dx()*in.Dy()))
	}
	return l
}

// inks has the places that must have something in them, by what they are.
const inks = `Object.fromEntries([["the title", "h1"], ["the state", "#state"], ["the buttons", "header .acts"], ["a plot", "#plots svg"], ["the views", "nav"], ["a row", "#view tbody tr:not(.spacer)"]]
  .map(([what, where]) => [what, document.querySelector(where)?.getBoundingClientRect().toJSON()]).filter(([, b]) => b))`

// looksRight has each width and theme show the same things, on a ground as light or dark as it is
// to be, and nothing be blank.
func (p *tab) looksRight() {
	p.t.Helper()
	defer p.size(1280, 800)
	for _, view := range []string{"Calls", "Registrations"} {
		p.clickText(view)
		p.until(view+" has rows", rows)
		for _, screen := range []image.Point{{375, 667}, {1280, 800}, {3840, 2160}} {
			p.size(screen.X, screen.Y)
			seen := map[string][2]looked{}
			for i, theme := range []string{"light", "dark"} {
				p.eval(fmt.Sprintf(`document.documentElement.dataset.theme = %q; document.activeElement.blur(); scrollTo(0, 0)`, theme))
				p.judge(fmt.Sprintf("%s, %d pixels, %s", view, screen.X, theme), screen, i == 1, func(what string, l looked) {
					pair := seen[what]
					pair[i] = l
					seen[what] = pair
				})
			}
			for what, pair := range seen {
				for half := range 2 {
					if a, b := pair[0].ink[half], pair[1].ink[half]; max(a, b) > 0.01 && (a > 3*b || b > 3*a) {
						p.t.Errorf("%s, %d pixels: light and dark show %s differently: %+v", view, screen.X, what, pair)
					}
				}
			}
		}
	}
}

// judge looks at one picture.
func (p *tab) judge(name string, screen image.Point, dark bool, found func(what string, l looked)) {
	p.t.Helper()
	var places map[string]box
	p.evalInto(inks, &places)
	img := p.picture()
	if size := img.Bounds().Size(); size != screen {
		p.t.Errorf("%s: the picture has %v", name, size)
	}
	if l := look(img, img.Bounds()); dark != (l.ground < 80) || !dark && l.ground < 200 {
		p.t.Errorf("%s: the ground is %d of 255", name, l.ground)
	}
	if len(places) != 6 {
		p.t.Errorf("%s: only %v are there", name, places)
	}
	for what, b := range places {
		in := b.rectangle()
		if !in.Overlaps(img.Bounds()) { // further down on a small screen
			continue
		}
		l := look(img, in)
		if l.ink[0]+l.ink[1] < 0.001 {
			p.t.Errorf("%s: %s is blank", name, what)
		}
		found(what, l)
	}
}

// The judge can tell.
func TestLook(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 10, 10))
	for i := range img.Pix {
		img.Pix[i] = 250
	}
	if l := look(img, img.Bounds()); l.ground != 250 || l.ink != [2]float64{} {
		t.Errorf("blank: %+v", l)
	}
	for y := range 10 {
		img.Pix[10*y+7] = 10
	}
	if l := look(img, image.Rect(-5, 0, 50, 50)); l.ground != 250 || l.ink != [2]float64{0, 0.1} {
		t.Errorf("a line: %+v", l)
	}
}
