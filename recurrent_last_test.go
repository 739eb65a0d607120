package nn

import (
	"fmt"
	"testing"
)

// A recurrent layer and Last after it give the same together as one by one, and hold
// less memory.
func TestLastAlone(t *testing.T) { kernelSets(t, testLastAlone) }

func testLastAlone(t *testing.T) {
	for _, l := range []Layer{
		RNN(3), RNN(5).WithReLU().WithLearnedState(), LSTM(3), LSTM(4).WithLearnedState(), GRU(3), GRU(5).WithLearnedState(),
	} {
		for _, steps := range []int{1, 2, 6} {
			for _, batch := range []int{1, recurrentPacked - 1, recurrentPacked, 2*recurrentPacked + 1} {
				testLastAloneOf(t, l, steps, batch)
			}
		}
	}
}

func testLastAloneOf(t *testing.T, l Layer, steps, batch int) {
	t.Helper()
	const n = 2
	rng := testRand()
	ls := Layers{l, Last()}
	out, err := ls.Build(Shape{steps, n}, rng)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range l.Params() {
		q.Value.Copy(randomMatrix(rng, q.Value.Rows, q.Value.Cols))
	}
	what := fmt.Sprintf("%s, %d steps, batch of %d", describe(l), steps, batch)
	x, dy := randomMatrix(rng, batch, steps*n), randomMatrix(rng, batch, out.Size())
	var y, dx *Matrix
	grads := func(f func()) (all []float64) {
		for _, q := range l.Params() {
			q.zeroGrad()
		}
		f()
		for _, q := range l.Params() {
			all = append(all, q.Grad.Data...)
		}
		return all
	}
	one := new(Pass)
	want := grads(func() {
		one.reset(true, rng)
		y = ls[1].Forward(one, l.Forward(one, x)).Clone()
		dx = l.Backward(one, ls[1].Backward(one, dy)).Clone()
	})
	both := new(Pass)
	checkBits(t, what+": gradients", grads(func() {
		both.reset(true, rng)
		checkBits(t, what+": output", ls.Forward(both, x).Data, y.Data)
		checkBits(t, what+": dx", ls.Backward(both, dy).Data, dx.Data)
	}), want)
	if len(both.stack) != 0 {
		t.Errorf("%s: %d matrices left", what, len(both.stack))
	}
	if steps > 1 && passValues(both) >= passValues(one) {
		t.Errorf("%s: a pass holds %d values, one by one %d", what, passValues(both), passValues(one))
	}
	checkBits(t, what+": gradients without dx", grads(func() {
		both.reset(true, rng)
		ls.Forward(both, x)
		ls.BackwardParams(both, dy)
	}), want)
	both.reset(false, nil)
	checkBits(t, what+": prediction", ls.Forward(both, x).Data, y.Data)
}
