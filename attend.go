package nn

// sequences are steps of the samples of a batch, as attention finds them in a
// matrix: step t of sample b begins with the value b·sample + t·step.
type sequences struct {
	data         []float64
	step, sample int
}

// from returns the values from step t of sample b on, without the first at of
// each step.
func (s sequences) from(b, t, at int) []float64 { return s.data[b*s.sample+t*s.step+at:] }

// An attendTask is attention, forward or back, as a loop over the heads of the
// samples. They have no number of the result in common.
type attendTask struct {
	batch, heads, width, queries, keys int

	causal  bool
	padding []float64 // not 0 where a key is padding, samples padded apart; nil: nowhere
	padded  int
	angles  *Matrix   // of the rotation, or nil
	weights []float64 // P: keys columns, a row for each sample, head and query; nil if not to be kept

	q, k, v, o sequences // o is do on the way back
	back       bool
	dq, dk, dv sequences
}

var (
	attendTasks   freelist[attendTask]
	attendScratch freelist[Matrix]
)

// attendRows is how many queries of a head are handled at a time. With a
// causal mask the keys after the last of them are left out.
const attendRows = 32

// start runs the task and frees it.
func (t *attendTask) start() {
	work := 1 + 2*t.queries*t.keys*t.width
	parallel(t.batch*t.heads, ceilDiv(1<<17, work), t)
	*t = attendTask{}
	attendTasks.put(t)
}

func (t *attendTask) run(lo, hi int) {
	scratch := attendScratch.get()
	for i := lo; i < hi; i++ {
		b, h := i/t.heads, i%t.heads
		if t.back {
			t.backward(b, h, scratch)
		} else {
			t.forward(b, h, scratch)
		}
	}
	attendScratch.put(scratch)
}

// seen returns the number of keys that query i sees, if not padding.
func (t *attendTask) seen(i int) int {
	if t.causal {
		return i + 1
	}
	return t.keys
}

func (t *attendTask) forward(b, h int, scratch *Matrix) {
	d, at, ld := t.width, h*t.width, t.keys
	if t.angles != nil {
		t.rotate(t.q, b, at, t.queries, 1)
		t.rotate(t.k, b, at, t.keys, 1)
	}
	k, v := t.k.from(b, 0, at), t.v.from(b, 0, at)
	for lo := 0; lo < t.queries; lo += attendRows {
		rows := min(attendRows, t.queries-lo)
		seen := t.seen(lo + rows - 1)
		var w []float64
		if t.weights != nil {
			w = t.weights[((b*t.heads+h)*t.queries+lo)*ld:]
		} else {
			w = scratch.Resize(rows, ld).Data
		}
		gemm(false, true, rows, seen, d, t.q.from(b, lo, at), t.q.step, k, t.k.step, w, ld, false)
		for i := range rows {
			row, n := w[i*ld:][:ld], t.seen(lo+i)
			if t.padding == nil {
				softmax(row[:n], row[:n])
			} else {
				softmaxAmong(row[:n], t.padding[b*t.padded:])
			}
			clear(row[n:])
		}
		o := t.o.from(b, lo, at)
		if !t.causal {
			gemm(false, false, rows, d, ld, w, ld, v, t.v.step, o, t.o.step, false)
			continue
		}
		// A weight of 0 would do for keys that a query does not see, but not for
		// all their values, and not for the bits of a step by itself: 0·Inf is NaN.
		gemm(false, false, rows, d, lo, w, ld, v, t.v.step, o, t.o.step, false)
		for i := 0; i < rows; i += 4 {
			// Four queries see the first of their keys together.
			gemm(false, false, min(4, rows-i), d, i+1, w[i*ld+lo:], ld, t.v.from(b, lo, at), t.v.step, o[i*t.o.step:], t.o.step, true)
			for j := i + 1; j < min(i+4, rows); j++ {
				oj := o[j*t.o.step:][:d]
				for k := i + 1; k <= j; k++ {
					vaxpy(oj, oj, w[j*ld+lo+k], t.v.from(b, lo+k, at)[:d])
				}
			}
		}
	}
}

// softmaxAmong sets the elements of x that are not padding to their softmax,
// as if there were no others, and the others to 0.
func softmaxAmong(x, padding []float64) {
	n := 0
	for j, v := range x {
		if padding[j] == 0 {
			x[n] = v
			n++
		}
	}
	softmax(x[:n], x[:n])
	for j := len(x) - 1; j >= 0; j-- {
		if padding[j] != 0 {
			x[j] = 0
			continue
		}
		n--
		x[j] = x[n]
	}
}

func (t *attendTask) backward(b, h int, scratch *Matrix) {
	d, at, ld := t.width, h*t.width, t.keys
	k, v := t.k.from(b, 0, at), t.v.from(b, 0, at)
	dk, dv := t.dk.from(b, 0, at), t.dv.from(b, 0, at)
	for j := range t.keys {
		clear(dk[j*t.dk.step:][:d])
		clear(dv[j*t.dv.step:][:d])
	}
	for lo := 0; lo < t.queries; lo += attendRows {
		rows := min(attendRows, t.queries-lo)
		seen := t.seen(lo + rows - 1)
		w := t.weights[((b*t.heads+h)*t.queries+lo)*ld:]
		q, do := t.q.from(b, lo, at), t.o.from(b, lo, at)
		// dP, which becomes dS
		g := scratch.Resize(rows, ld).Data
		gemm(false, true, rows, seen, d, do, t.o.step, v, t.v.step, g, ld, false)
		for i := range rows {
			n := t.seen(lo + i)
			gi, wi := g[i*ld:][:n], w[i*ld:][:n]
			vshift(gi, -vdot(gi, wi), gi)
			vmul(gi, wi, gi)
			clear(g[i*ld+n:][:seen-n])
		}
		gemm(false, false, rows, d, seen, g, ld, k, t.k.step, t.dq.from(b, lo, at), t.dq.step, false)
		gemm(true, false, seen, d, rows, g, ld, q, t.q.step, dk, t.dk.step, true)
		gemm(true, false, seen, d, rows, w, ld, do, t.o.step, dv, t.dv.step, true)
	}
	if t.angles != nil {
		t.rotate(t.dq, b, at, t.queries, -1)
		t.rotate(t.dk, b, at, t.keys, -1)
	}
}

// rotate rotates the first steps of a head by the angles of their positions, or
// with sign −1 by the opposite ones.
func (t *attendTask) rotate(x sequences, b, at, steps int, sign float64) {
	for i := range steps {
		rotate(x.from(b, i, at)[:t.width], t.angles.Row(i), sign)
	}
}
