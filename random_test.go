package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// The sources of math/rand/v2 and what is made of them are pinned: a Go
// release, or a change here, that alters a stream is found.
func TestRandomPinned(t *testing.T) {
	pcg, chacha := rand.NewPCG(1, 2), rand.NewChaCha8([32]byte([]byte("chacha8: 32-byte seed for a test")))
	rng := func() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
	r := rng()
	perm := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	shuffle(perm, rng())
	mask := make([]float64, 9)
	dropMask(mask, 0.5, 77)
	for _, test := range []struct{ what, got, want string }{
		{"PCG", fmt.Sprintf("%x %x", pcg.Uint64(), pcg.Uint64()), "c4f5a58656eef510 9dcec3ad077dec6c"},
		{"ChaCha8", fmt.Sprintf("%x %x", chacha.Uint64(), chacha.Uint64()), "924a8900ef80bff6 6b10a075e75e0a85"},
		{"uniform", fmt.Sprint(uniform(r), uniform(r)), "0.7693732693650721 0.6164362237391213"},
		{"normal", fmt.Sprint(normal(r), normal(r)), "0.20111822690236403 1.6468950929336574"},
		{"intN", fmt.Sprint(intN(r, 10), intN(r, 1000), intN(r, 1)), "4 449 0"},
		{"shuffle", fmt.Sprint(perm), "[2 4 3 9 0 1 8 6 5 7]"},
		{"mix", fmt.Sprintf("%x %x", mix(0, 0), mix(1, 2)), "e220a8397b1dcdaf f893a2eefb32555e"},
		{"dropMask", fmt.Sprint(mask), "[2 0 2 0 2 0 2 0 0]"},
	} {
		if test.got != test.want {
			t.Errorf("%s: %q, want %q", test.what, test.got, test.want)
		}
	}
}

func TestRandomDistributions(t *testing.T) {
	const n = 200000
	rng := testRand()
	var sum, squares, fourth float64
	counts := make([]int, 7)
	for range n {
		if u := uniform(rng); u < 0 || u >= 1 {
			t.Fatalf("uniform gives %v", u)
		}
		v := normal(rng)
		sum, squares, fourth = sum+v, squares+v*v, fourth+v*v*v*v
		counts[intN(rng, len(counts))]++
	}
	if math.Abs(sum/n) > 0.01 || math.Abs(squares/n-1) > 0.02 || math.Abs(fourth/n-3) > 0.1 {
		t.Errorf("normal has moments %v, %v, %v, want 0, 1, 3", sum/n, squares/n, fourth/n)
	}
	for k, c := range counts {
		if math.Abs(float64(c)-n/7.0) > 800 {
			t.Errorf("intN gives %d in %d of %d draws", k, c, n)
		}
	}
	if v := boxMuller(math.MaxUint64, 0); v != 0 {
		t.Errorf("boxMuller at its least radius gives %v, want 0", v)
	}
	if v := boxMuller(0, 0); !(v > 8 && v < 9) {
		t.Errorf("boxMuller at its largest radius gives %v", v)
	}
}

// rejecting is a source whose first word intN must reject.
type rejecting struct{ n int }

func (r *rejecting) Uint64() uint64 {
	r.n++
	if r.n == 1 {
		return 0
	}
	return math.MaxUint64
}

func TestIntNRejects(t *testing.T) {
	src := new(rejecting)
	if k := intN(rand.New(src), 3); k != 2 || src.n != 2 {
		t.Errorf("intN gives %d after %d words, want 2 after 2", k, src.n)
	}
}
