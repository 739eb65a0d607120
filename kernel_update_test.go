package nn

import (
	"math"
	"testing"
)

// The updates of the optimizers, written as the formulas say.
func TestUpdates(t *testing.T) { kernelSets(t, testUpdates) }

func testUpdates(t *testing.T) {
	const mu, fresh, rate, decay = 0.9, 0.75, 0.01, 0.003
	a := adamNumbers{beta1: 0.9, rest1: 0.1, beta2: 0.999, rest2: 0.001, rate: 0.02, root: 1.7, epsilon: 1e-8, keep: 0.995}
	rng := testRand()
	for _, n := range kernelSizes() {
		for _, special := range []bool{false, true} {
			w, m, v, g := wild(rng, n, special), wild(rng, n, special), wild(rng, n, special), wild(rng, n, special)
			for i := range v {
				v[i] = math.Abs(v[i])
			}
			check := func(name string, step func(w, m, v, g []float64), formula func(i int) (w, m, v float64)) {
				t.Helper()
				gw, doneW := fenced(t, w)
				gm, doneM := fenced(t, m)
				gv, doneV := fenced(t, v)
				gg, doneG := fenced(t, g)
				step(gw, gm, gv, gg)
				doneW()
				doneM()
				doneV()
				doneG()
				ww, wm, wv := make([]float64, n), make([]float64, n), make([]float64, n)
				for i := range n {
					ww[i], wm[i], wv[i] = formula(i)
				}
				checkBits(t, name+": w", gw, ww)
				checkBits(t, name+": m", gm, wm)
				checkBits(t, name+": v", gv, wv)
				checkBits(t, name+": g", gg, g)
			}
			check("sgd", func(w, m, v, g []float64) { sgdStep(w, g, rate, decay) }, func(i int) (_, _, _ float64) {
				return math.FMA(-rate, math.FMA(decay, w[i], g[i]), w[i]), m[i], v[i]
			})
			check("momentum", func(w, m, v, g []float64) { momentumStep(w, m, g, mu, fresh, rate, decay) }, func(i int) (_, _, _ float64) {
				b := math.FMA(mu, m[i], float64(fresh*math.FMA(decay, w[i], g[i])))
				return math.FMA(-rate, b, w[i]), b, v[i]
			})
			check("nesterov", func(w, m, v, g []float64) { nesterovStep(w, m, g, mu, fresh, rate, decay) }, func(i int) (_, _, _ float64) {
				d := math.FMA(decay, w[i], g[i])
				b := math.FMA(mu, m[i], float64(fresh*d))
				return math.FMA(-rate, math.FMA(mu, b, d), w[i]), b, v[i]
			})
			check("adam", func(w, m, v, g []float64) { adamStep(w, m, v, g, &a) }, func(i int) (_, _, _ float64) {
				mi := math.FMA(a.beta1, m[i], float64(a.rest1*g[i]))
				vi := math.FMA(a.beta2, v[i], float64(float64(a.rest2*g[i])*g[i]))
				return math.FMA(-a.rate, mi/math.FMA(math.Sqrt(vi), a.root, a.epsilon), float64(a.keep*w[i])), mi, vi
			})
		}
	}
}

func TestDropMask(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		for _, n := range kernelSizes() {
			for _, rate := range []float64{0.001, 0.2, 0.5, 0.999999} {
				key := uint64(n)<<40 + 12345
				drop := min(uint64(math.Round(rate*0x1p16)), 0xffff)
				want := make([]float64, n)
				for i := range want {
					if mix(key, uint64(i/4))>>(i%4*16)&0xffff >= drop {
						want[i] = 0x1p16 / float64(0x10000-drop)
					}
				}
				got, done := fenced(t, make([]float64, n))
				dropMask(got, rate, key)
				done()
				checkBits(t, "dropMask", got, want)
			}
		}
	})
}
