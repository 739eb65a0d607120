package nn

import (
	"iter"
	"math/rand/v2"
)

// A Dataset is samples X and their targets Y, row by row.
type Dataset struct{ X, Y *Matrix }

// Len returns the number of samples.
func (d Dataset) Len() int { return d.X.Rows }

// Batches yields the samples and targets in batches of the given size (the
// last may be smaller), in random order, or in order if rng is nil. The
// matrices are used again for the next batch.
func (d Dataset) Batches(size int, rng *rand.Rand) iter.Seq2[*Matrix, *Matrix] {
	return func(yield func(x, y *Matrix) bool) {
		var b batcher
		for b.begin(d, size, rng); b.next(); {
			if !yield(&b.x, &b.y) {
				return
			}
		}
	}
}

// batcher walks through a dataset in batches, with the memory of the last walk.
type batcher struct {
	d     Dataset
	size  int
	order []int  // of the samples
	pos   int    // samples done
	x, y  Matrix // the batch
}

// begin starts a walk over d in random order, or in order if rng is nil.
func (b *batcher) begin(d Dataset, size int, rng *rand.Rand) {
	b.d, b.size, b.pos = d, size, 0
	if len(b.order) != d.Len() {
		b.order = make([]int, d.Len())
	}
	for i := range b.order {
		b.order[i] = i
	}
	if rng != nil {
		shuffle(b.order, rng)
	}
}

// next sets x and y to the next batch and reports whether there is one.
func (b *batcher) next() bool {
	rows := b.order[b.pos:min(b.pos+b.size, len(b.order))]
	if len(rows) == 0 {
		return false
	}
	b.pos += len(rows)
	b.x.Resize(len(rows), b.d.X.Cols)
	b.y.Resize(len(rows), b.d.Y.Cols)
	for i, r := range rows {
		copy(b.x.Row(i), b.d.X.Row(r))
		copy(b.y.Row(i), b.d.Y.Row(r))
	}
	return true
}
