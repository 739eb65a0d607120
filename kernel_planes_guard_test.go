//go:build linux

package nn

import "testing"

// Nothing beside the planes is read or written.
func TestPlanesGuarded(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		for _, end := range []bool{true, false} {
			for n := 1; n < 40; n++ {
				for _, rows := range []int{1, 3} {
					s := n + n%3
					z, x := guarded(t, (rows-1)*s+n, end), guarded(t, (rows-1)*s+n, end)
					copyRows(z, s, x, s, rows, n)
					addRows(z, s, x, s, rows, n)
					fill(z, 1)
				}
				for _, odd := range []int{0, 1} {
					w, h := 2*n+odd, 2
					l := MaxPool2D(2)
					if _, err := l.Build(Shape{1, 2 * h, w}, nil); err != nil {
						t.Fatal(err)
					}
					x, y := guarded(t, 2*h*w, end), guarded(t, h*n, end)
					task := poolTask{pool: &l.pool, x: x, y: y}
					task.max(0, 1)
					task.arg = guarded(t, h*n, end)
					task.max(0, 1)
					task.maxBack(0, 1)
					task.mean(0, 1)
					task.meanBack(0, 1)
				}
				for _, l := range []*MaxPool2DLayer{
					MaxPool2D(3).WithStride(2).WithPadding(1), MaxPool2D(3).WithStride(2), MaxPool2D(3).WithStride(1), MaxPool2D(1).WithStride(2), MaxPool2D(2).WithStride(1),
				} {
					if _, err := l.Build(Shape{1, 4, n}, nil); err != nil {
						continue
					}
					_, out := l.pool.plane()
					task := poolTask{pool: &l.pool, x: guarded(t, 4*n, end), y: guarded(t, out, end)}
					task.mean(0, 1)
					task.max(0, 1)
					task.arg = guarded(t, out, end)
					task.max(0, 1)
				}
			}
		}
	})
}
