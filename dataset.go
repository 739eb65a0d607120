package nn

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
)

// A Dataset is samples X and their targets Y, row by row. Its methods panic
// if X and Y have different numbers of rows, and all but Len if only one of
// them is set.
// The zero value is a dataset without samples. X and Y may be the same matrix,
// as for a network that is to reproduce its input.
type Dataset struct{ X, Y *Matrix }

// Len returns the number of samples.
func (d Dataset) Len() int {
	if d.X == nil {
		return 0
	}
	return d.X.Rows
}

// check panics unless each sample has a target.
func (d Dataset) check(op string) {
	switch {
	case d.X == nil && d.Y == nil:
	case d.X == nil || d.Y == nil:
		panic(fmt.Sprintf("nn: %s: X and Y must both be set", op))
	case d.X.Rows != d.Y.Rows:
		panic(fmt.Sprintf("nn: %s: X is %d×%d but Y is %d×%d; a sample is a row of each", op,
			d.X.Rows, d.X.Cols, d.Y.Rows, d.Y.Cols))
	}
}

// Split returns the first n samples and the others. Both are views: changing
// them changes d. It panics unless 0 ≤ n ≤ d.Len().
//
//	data.Shuffle(rng)
//	train, test := data.Split(data.Len() * 4 / 5)
func (d Dataset) Split(n int) (Dataset, Dataset) {
	d.checkSplit("Split", n)
	return d.view(0, n), d.view(n, d.Len())
}

func (d Dataset) checkSplit(op string, n int) {
	d.check(op)
	if n < 0 || n > d.Len() {
		panic(fmt.Sprintf("nn: %s: n is %d with %d samples", op, n, d.Len()))
	}
}

// view returns samples lo to hi−1, not copied.
func (d Dataset) view(lo, hi int) Dataset {
	if d.X == nil {
		return Dataset{}
	}
	x, y := rowView(d.X, lo, hi), rowView(d.Y, lo, hi)
	return Dataset{&x, &y}
}

// rowView returns rows lo to hi−1 of m, not copied.
func rowView(m *Matrix, lo, hi int) Matrix {
	return Matrix{hi - lo, m.Cols, m.Data[lo*m.Cols : hi*m.Cols : hi*m.Cols]}
}

// take returns a copy of the given samples.
func (d Dataset) take(rows []int) Dataset {
	if d.X == nil {
		return Dataset{}
	}
	t := Dataset{new(Matrix), new(Matrix)}
	takeRows(t.X, d.X, rows)
	takeRows(t.Y, d.Y, rows)
	return t
}

// takeRows sets z, whatever its shape, to the given rows of x.
func takeRows(z, x *Matrix, rows []int) {
	z.Resize(len(rows), x.Cols)
	grain := gatherPart/(x.Cols+1) + 1
	t := gatherTasks.get()
	*t = gatherTask{z, x, rows}
	parallel(len(rows), grain, t)
	*t = gatherTask{}
	gatherTasks.put(t)
}

// A gatherTask is takeRows as a loop over rows. They come from memory, mostly, and one
// processor can't have so many reads under way that it is kept busy.
type gatherTask struct {
	z, x *Matrix
	rows []int
}

// gatherPart is the number of values that take some 4 µs.
const gatherPart = 1 << 12

var gatherTasks freelist[gatherTask]

func (t *gatherTask) run(lo, hi int) {
	for i, r := range t.rows[lo:hi] {
		copy(t.z.Row(lo+i), t.x.Row(r))
	}
}

// Shuffle puts the samples in random order, in place. It panics if X and Y are
// views of the same memory at different places, or if rng is nil.
func (d Dataset) Shuffle(rng *rand.Rand) {
	d.check("Shuffle")
	if rng == nil {
		panic("nn: Shuffle: rng is nil")
	}
	same := d.sameMemory()
	if !same && overlaps(d.X.Data, d.Y.Data) {
		panic("nn: Shuffle: X and Y share a part of their memory; Clone one")
	}
	for i := d.Len() - 1; i > 0; i-- { // Fisher and Yates
		j := intN(rng, i+1)
		swapRows(d.X, i, j)
		if !same {
			swapRows(d.Y, i, j)
		}
	}
}

// sameMemory reports whether X and Y hold the same numbers in one place.
func (d Dataset) sameMemory() bool {
	return d.X == d.Y || len(d.X.Data) > 0 && len(d.Y.Data) > 0 && &d.X.Data[0] == &d.Y.Data[0]
}

func swapRows(m *Matrix, i, j int) {
	x, y := m.Row(i), m.Row(j)
	for k := range x {
		x[k], y[k] = y[k], x[k]
	}
}

// SplitStratified returns n samples and the others, chosen at random so that
// both parts have the classes in the proportions of the whole: of a class with
// m samples the first part gets n·m/d.Len(), rounded up or down. The class of a
// sample is the value of its target or, if targets have several columns, the
// column of the largest. Both parts are copies, in random order. With a nil rng
// the choice is fixed and the parts keep the order of d.
func (d Dataset) SplitStratified(n int, rng *rand.Rand) (Dataset, Dataset) {
	d.checkSplit("SplitStratified", n)
	order := d.order(rng)
	// Of the samples sorted by class every (Len/n)th is taken, which meets
	// each class in proportion and takes n in all.
	taken := make([]bool, len(order))
	for i, r := range d.byClass("SplitStratified", order) {
		if m := int64(len(order)); int64(i+1)*int64(n)/m > int64(i)*int64(n)/m {
			taken[r] = true
		}
	}
	return d.divide(order, func(r int) bool { return taken[r] })
}

// Folds yields the k ways to train on k−1 parts of the samples and validate on
// the part that is left: cross-validation. Each sample is in one valid part.
// The sizes of the parts differ by at most one. Samples go to the parts at
// random, the same each time that the result is ranged over, or, with a nil
// rng, in order. Both parts are copies. Folds panics unless 2 ≤ k ≤ d.Len().
//
//	for train, valid := range data.Folds(5, rng) {
func (d Dataset) Folds(k int, rng *rand.Rand) iter.Seq2[Dataset, Dataset] {
	d.checkFolds("Folds", k)
	order := d.order(rng)
	fold := make([]int, len(order))
	for i, r := range order {
		fold[r] = int(int64(i) * int64(k) / int64(len(order)))
	}
	return d.folds(k, order, fold)
}

// FoldsStratified is like [Dataset.Folds], with the samples of each class (see
// [Dataset.SplitStratified]) spread evenly: of a class, the parts have the same
// number or one more.
func (d Dataset) FoldsStratified(k int, rng *rand.Rand) iter.Seq2[Dataset, Dataset] {
	d.checkFolds("FoldsStratified", k)
	order := d.order(rng)
	fold := make([]int, len(order))
	for i, r := range d.byClass("FoldsStratified", order) {
		fold[r] = i % k // dealt like cards
	}
	return d.folds(k, order, fold)
}

func (d Dataset) checkFolds(op string, k int) {
	d.check(op)
	if k < 2 || k > d.Len() {
		panic(fmt.Sprintf("nn: %s: k is %d with %d samples", op, k, d.Len()))
	}
}

// folds yields the training and validation parts of k folds, where sample r is
// validated in fold[r].
func (d Dataset) folds(k int, order, fold []int) iter.Seq2[Dataset, Dataset] {
	return func(yield func(train, valid Dataset) bool) {
		for f := range k {
			if !yield(d.divide(order, func(r int) bool { return fold[r] != f })) {
				return
			}
		}
	}
}

// order returns the indices of the samples in random order, or in order if rng is nil.
func (d Dataset) order(rng *rand.Rand) []int {
	order := make([]int, d.Len())
	for i := range order {
		order[i] = i
	}
	if rng != nil {
		shuffle(order, rng)
	}
	return order
}

// byClass returns order sorted by class, the order kept within a class.
func (d Dataset) byClass(op string, order []int) []int {
	if d.X == nil {
		return nil
	}
	class := make([]int, d.Len())
	if d.Y.Cols == 1 {
		classes := distinct(op, d.Y)
		for r, v := range d.Y.Data {
			class[r], _ = slices.BinarySearch(classes, v)
		}
	} else {
		for r := range class {
			class[r] = classOf(d.Y.Row(r))
		}
	}
	sorted := slices.Clone(order)
	slices.SortStableFunc(sorted, func(a, b int) int { return class[a] - class[b] })
	return sorted
}

// divide returns the samples of which first is true and the others, as copies,
// in the given order.
func (d Dataset) divide(order []int, first func(r int) bool) (Dataset, Dataset) {
	var a, b []int
	for _, r := range order {
		if first(r) {
			a = append(a, r)
		} else {
			b = append(b, r)
		}
	}
	return d.take(a), d.take(b)
}

// Batches yields the samples and targets in batches of the given size (the
// last may be smaller), in random order, another each time that the result is
// ranged over, or in order if rng is nil. The matrices are copies, which the
// program may change; they are used again for the next batch. Batches panics
// if size is not positive.
func (d Dataset) Batches(size int, rng *rand.Rand) iter.Seq2[*Matrix, *Matrix] {
	d.checkBatches(size)
	return func(yield func(x, y *Matrix) bool) {
		b := batcher{copies: true}
		for b.begin(d, size, rng); b.next(); {
			if !yield(&b.x, &b.y) {
				return
			}
		}
	}
}

func (d Dataset) checkBatches(size int) {
	d.check("Batches")
	if size <= 0 {
		panic(fmt.Sprintf("nn: Batches: size is %d; a batch has at least one sample", size))
	}
}

// batcher walks through a dataset in batches, with the memory of the last
// walk. Samples that lie one after the other in the dataset are not copied
// unless copies is set: x and y are not to be changed.
type batcher struct {
	d      Dataset
	size   int
	order  []int  // of the samples
	pos    int    // samples done
	x, y   Matrix // the batch
	copies bool
	mx, my Matrix // memory for gathered samples
}

// begin starts a walk over d in random order, or in order if rng is nil.
func (b *batcher) begin(d Dataset, size int, rng *rand.Rand) {
	d.checkBatches(size)
	b.d, b.size, b.pos = d, size, 0
	n := d.Len()
	if cap(b.order) < n {
		b.order = make([]int, n)
	}
	b.order = b.order[:n]
	for i := range b.order {
		b.order[i] = i
	}
	if rng != nil {
		shuffle(b.order, rng)
	}
}

// next sets x and y to the next batch and reports whether there is one.
func (b *batcher) next() bool {
	rows := b.order[b.pos:]
	if len(rows) == 0 {
		return false
	}
	rows = rows[:min(b.size, len(rows))]
	b.pos += len(rows)
	if !b.copies && consecutive(rows) {
		lo, hi := rows[0], rows[0]+len(rows)
		b.x, b.y = rowView(b.d.X, lo, hi), rowView(b.d.Y, lo, hi)
		return true
	}
	takeRows(&b.mx, b.d.X, rows)
	takeRows(&b.my, b.d.Y, rows)
	b.x, b.y = b.mx, b.my
	return true
}

// consecutive reports whether rows are r, r+1, r+2, …
func consecutive(rows []int) bool {
	for i, r := range rows {
		if r != rows[0]+i {
			return false
		}
	}
	return true
}

// Stream gathers samples and their targets, which need not fit in memory, into
// batches of the given size (the last may be smaller):
//
//	rows, err := nn.CSV{Target: "price"}.Rows(file)
//	…
//	for x, y := range nn.Stream(rows.All(), 64, 10000, rng) {
//		trainer.Step(x, y)
//	}
//	err = rows.Err()
//
// Each sample is drawn at random from the next ones in a buffer of the given
// size, which is all that is held in memory; the larger it is, the better they
// are mixed. With a buffer of less than 2 samples, or a nil rng, samples keep
// their order.
//
// The slices are copied at once, so the source may use them again. The
// matrices are used again for the next batch. Stream panics if size is not
// positive or buffer is negative, and if a sample or target has another length
// than the first. Errors are the source's to keep.
func Stream(samples iter.Seq2[[]float64, []float64], size, buffer int, rng *rand.Rand) iter.Seq2[*Matrix, *Matrix] {
	if size <= 0 || buffer < 0 {
		panic(fmt.Sprintf("nn: Stream: size is %d and buffer %d", size, buffer))
	}
	return func(yield func(x, y *Matrix) bool) {
		var batch, held rowStack
		flush := func() bool {
			ok := yield(&batch.x, &batch.y)
			batch.reset()
			return ok
		}
		n := 0
		for x, y := range samples {
			if n++; n == 1 {
				batch.x.Cols, batch.y.Cols = len(x), len(y)
				held.x.Cols, held.y.Cols = len(x), len(y)
			}
			if len(x) != batch.x.Cols || len(y) != batch.y.Cols {
				panic(fmt.Sprintf("nn: Stream: sample %d has %d values and a target of %d, those before %d and %d",
					n, len(x), len(y), batch.x.Cols, batch.y.Cols))
			}
			switch {
			case rng == nil || buffer < 2:
				batch.push(x, y)
			case held.x.Rows < buffer:
				held.push(x, y)
				continue
			default: // x takes the place of a sample drawn
				i := intN(rng, buffer)
				batch.push(held.x.Row(i), held.y.Row(i))
				copy(held.x.Row(i), x)
				copy(held.y.Row(i), y)
			}
			if batch.x.Rows == size && !flush() {
				return
			}
		}
		for held.x.Rows > 0 {
			i, last := intN(rng, held.x.Rows), held.x.Rows-1
			batch.push(held.x.Row(i), held.y.Row(i))
			copy(held.x.Row(i), held.x.Row(last))
			copy(held.y.Row(i), held.y.Row(last))
			held.pop()
			if batch.x.Rows == size && !flush() {
				return
			}
		}
		if batch.x.Rows > 0 {
			flush()
		}
	}
}

// rowStack is samples that grow and shrink at the end.
type rowStack struct{ x, y Matrix }

func (h *rowStack) push(x, y []float64) {
	h.x.Data, h.x.Rows = append(h.x.Data, x...), h.x.Rows+1
	h.y.Data, h.y.Rows = append(h.y.Data, y...), h.y.Rows+1
}

func (h *rowStack) pop() {
	h.x.Rows, h.y.Rows = h.x.Rows-1, h.y.Rows-1
	h.x.Data, h.y.Data = h.x.Data[:h.x.Rows*h.x.Cols], h.y.Data[:h.y.Rows*h.y.Cols]
}

func (h *rowStack) reset() {
	h.x.Rows, h.y.Rows = 0, 0
	h.x.Data, h.y.Data = h.x.Data[:0], h.y.Data[:0]
}

// OneHot returns a matrix with a row for every class index in labels, zero but
// for a 1 in the column of the class. It panics if a label is not one of
// 0, 1, …, classes−1.
func OneHot(labels *Matrix, classes int) *Matrix {
	labels.check("OneHot")
	z := NewMatrix(len(labels.Data), max(classes, 0))
	for i, v := range labels.Data {
		z.Row(i)[classIndex("OneHot", i, v, classes)] = 1
	}
	return z
}

// classIndex returns v, found in row i, as an index below classes, or panics.
func classIndex(op string, i int, v float64, classes int) int {
	if !(v >= 0 && v < float64(classes)) || v != math.Floor(v) {
		panic(fmt.Sprintf("nn: %s: label %v in row %d is not one of the class indices 0 to %d", op, v, i, classes-1))
	}
	return int(v)
}

// Classes returns the distinct values in y in increasing order, to number the
// classes of a column of labels such as 10, 20, 30:
//
//	classes := nn.Classes(train.Y)
//	err := nn.ClassIndices(train.Y, classes)
//
// It panics if y contains a NaN.
func Classes(y *Matrix) []float64 { return distinct("Classes", y) }

func distinct(op string, y *Matrix) []float64 {
	y.check(op)
	for i, v := range y.Data {
		if v != v {
			panic(fmt.Sprintf("nn: %s: label %d is NaN", op, i))
		}
	}
	values := slices.Clone(y.Data)
	slices.Sort(values)
	return slices.Compact(values)
}

// ClassIndices replaces each value in y by its index in classes, which must be
// in increasing order, as those of [Classes] are. If a value is not among them it
// returns an error and leaves y as it was. It panics if classes have another order.
func ClassIndices(y *Matrix, classes []float64) error {
	y.check("ClassIndices")
	if !slices.IsSorted(classes) {
		panic(fmt.Sprintf("nn: ClassIndices: the %d classes are not in increasing order", len(classes)))
	}
	for i, v := range y.Data {
		if _, ok := slices.BinarySearch(classes, v); !ok {
			return fmt.Errorf("nn: ClassIndices: label %v in row %d is not among the %d classes", v, i/y.Cols, len(classes))
		}
	}
	for i, v := range y.Data {
		k, _ := slices.BinarySearch(classes, v)
		y.Data[i] = float64(k)
	}
	return nil
}
