//go:build linux

package nn

import "testing"

// Nothing beside the planes and the kernel is read or written.
func TestDepthwiseGuarded(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		for _, end := range []bool{true, false} {
			for width := 1; width < 45; width++ {
				for _, l := range []*Conv2DLayer{
					Conv2D(1, 3).WithPadding(1), Conv2D(1, 3).WithPadding(1).WithStrides(2, 1), Conv2D(1, 2).WithPads(0, 1, 1, 0), Conv2D(1, 1),
					Conv2D(1, 5).WithPadding(2), Conv2D(1, 3).WithPadding(2).WithDilation(2), Conv2D(1, 2).WithPadding(3), Conv2D(1, 3).WithPads(3, 0, 0, 2),
				} {
					h := 3 + width%3
					if _, err := l.Build(Shape{1, h, width}, nil); err != nil {
						continue
					}
					g := &l.conv
					x, y := guarded(t, g.plane(), end), guarded(t, g.positions(), end)
					w, b := guarded(t, g.kernel(), end), guarded(t, 1, end)
					task := convTask{convolution: g, x: x, y: y, w: w, b: b, samples: 1, group: 1}
					task.correlatePlanes(0, 1)
					task.spreadPlanes(0, 1)
					task.planeGradients(0, 1)
				}
			}
		}
	})
}
