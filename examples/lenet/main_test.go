package main

import (
	"slices"
	"testing"

	"github.com/seed55f1b796/nn"
)

func TestShift(t *testing.T) {
	image := make([]float64, 28*28)
	for i := range image {
		image[i] = float64(1 + i)
	}
	for _, by := range [][2]int{{0, 0}, {1, 0}, {-1, 0}, {0, 1}, {0, -1}, {1, -1}, {-2, 3}, {28, 0}, {0, -28}} {
		got := slices.Clone(image)
		shift(got, by[0], by[1])
		for i := range 28 {
			for j := range 28 {
				want := 0.0
				if u, v := i-by[0], j-by[1]; u >= 0 && u < 28 && v >= 0 && v < 28 {
					want = image[28*u+v]
				}
				if got[28*i+j] != want {
					t.Fatalf("shifted by %v, pixel (%d, %d) is %v, want %v", by, i, j, got[28*i+j], want)
				}
			}
		}
	}
}

// LeNet-5 has 61,706 weights if each filter of its second convolution sees all
// channels.
func TestNetworks(t *testing.T) {
	for _, test := range []struct {
		net  *nn.Network
		want int
	}{{lenet(), 61706}, {recipe(), 109762}} {
		n := 0
		for _, q := range test.net.Params() {
			if !q.Stat {
				n += len(q.Value.Data)
			}
		}
		if out := test.net.Out(); n != test.want || out.Size() != 10 {
			t.Errorf("%d weights and output %v, want %d and (10)", n, out, test.want)
		}
	}
}
