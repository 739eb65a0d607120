package nn

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// dataPanics checks that f panics with a message that begins with want.
func dataPanics(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got, _ := recover().(string); got == "" || !strings.HasPrefix(got, want) {
			t.Errorf("panics with %q, want %q", got, want)
		}
	}()
	f()
}

// numbered returns n samples, sample i having the features i, −i, with targets
// i mod classes, so that rows that were separated or mixed are found out.
func numbered(n, classes int) Dataset {
	d := Dataset{NewMatrix(n, 2), NewMatrix(n, 1)}
	for i := range n {
		d.X.Set(i, 0, float64(i))
		d.X.Set(i, 1, float64(-i))
		d.Y.Set(i, 0, float64(i%classes))
	}
	return d
}

// samplesOf returns the numbers of the samples in d, and reports rows that
// numbered did not make.
func samplesOf(t *testing.T, d Dataset, classes int) []int {
	t.Helper()
	var rows []int
	for i := range d.Len() {
		n := int(d.X.At(i, 0))
		if d.X.At(i, 1) != float64(-n) || d.Y.At(i, 0) != float64(n%classes) {
			t.Errorf("row %d: %v, %v", i, d.X.Row(i), d.Y.Row(i))
		}
		rows = append(rows, n)
	}
	return rows
}

func isPermutation(rows []int, n int) bool {
	rows = slices.Clone(rows)
	slices.Sort(rows)
	for i, r := range rows {
		if i != r {
			return false
		}
	}
	return len(rows) == n
}

func TestSplit(t *testing.T) {
	for _, n := range []int{0, 1, 7} {
		for k := range n + 1 {
			a, b := numbered(n, 3).Split(k)
			if a.Len() != k || b.Len() != n-k || a.Y.Rows != k {
				t.Errorf("Split(%d) of %d: %d and %d samples", k, n, a.Len(), b.Len())
			}
			if got := append(samplesOf(t, a, 3), samplesOf(t, b, 3)...); !isPermutation(got, n) || !slices.IsSorted(got) {
				t.Errorf("Split(%d) of %d: %v", k, n, got)
			}
		}
	}
	d := numbered(5, 5)
	a, _ := d.Split(2)
	a.X.Set(0, 0, 99)
	if d.X.At(0, 0) != 99 {
		t.Error("Split copies")
	}
	a.X.Data = append(a.X.Data, 77) // must not reach the other part
	if d.X.At(2, 0) != 2 {
		t.Error("appending to the first part changes the second")
	}
	if a, b := (Dataset{}).Split(0); a.Len() != 0 || b.Len() != 0 {
		t.Error("Split of no samples")
	}
}

func TestShuffle(t *testing.T) {
	for _, n := range []int{0, 1, 2, 9, 100} {
		a, b, c := numbered(n, 4), numbered(n, 4), numbered(n, 4)
		a.Shuffle(rand.New(rand.NewPCG(1, 2)))
		b.Shuffle(rand.New(rand.NewPCG(1, 2)))
		c.Shuffle(rand.New(rand.NewPCG(1, 3)))
		x, y, z := samplesOf(t, a, 4), samplesOf(t, b, 4), samplesOf(t, c, 4)
		if !isPermutation(x, n) {
			t.Errorf("Shuffle of %d: %v", n, x)
		}
		if !slices.Equal(x, y) {
			t.Errorf("the same seed gives %v and %v", x, y)
		}
		if n > 9 && (slices.Equal(x, z) || slices.IsSorted(x)) {
			t.Errorf("Shuffle of %d: %v, with another seed %v", n, x, z)
		}
		order := numbered(n, 4).order(rand.New(rand.NewPCG(1, 2)))
		if !slices.Equal(x, order) && n > 0 {
			t.Errorf("Shuffle gives %v, the order of Batches %v", x, order)
		}
	}
	x := numbered(50, 1).X
	auto := Dataset{x, x}
	auto.Shuffle(rand.New(rand.NewPCG(1, 2)))
	if x.At(0, 0) == 0 && x.At(1, 0) == 1 && x.At(2, 0) == 2 {
		t.Error("samples that are their own targets are shuffled twice")
	}
	d := numbered(64, 3)
	rng := rand.New(rand.NewPCG(1, 2))
	if a := testing.AllocsPerRun(10, func() { d.Shuffle(rng) }); a != 0 {
		t.Errorf("Shuffle allocates %v times", a)
	}
}

// unequal returns a dataset with the given numbers of samples of each class, mixed.
func unequal(oneHot bool, counts ...int) Dataset {
	d := Dataset{new(Matrix), new(Matrix)}
	for c, m := range counts {
		for range m {
			d.Y.Data = append(d.Y.Data, float64(10*c))
		}
	}
	n := len(d.Y.Data)
	d.Y.Rows, d.Y.Cols = n, 1
	d.X = NewMatrix(n, 1)
	for i := range n {
		d.X.Data[i] = float64(i)
	}
	if oneHot {
		d.Y.Scale(0.1, d.Y)
		d.Y = OneHot(d.Y, len(counts))
	}
	d.Shuffle(rand.New(rand.NewPCG(9, 9)))
	return d
}

// classCounts returns how many samples of each class there are.
func classCounts(d Dataset, classes int) []int {
	counts := make([]int, classes)
	for i := range d.Len() {
		if d.Y.Cols == 1 {
			counts[int(d.Y.At(i, 0)/10)]++
		} else {
			counts[classOf(d.Y.Row(i))]++
		}
	}
	return counts
}

func TestSplitStratified(t *testing.T) {
	for _, counts := range [][]int{{50, 30, 20}, {97, 2, 1}, {7}, {1, 1, 1, 1}, {13, 0, 29, 5}} {
		for _, oneHot := range []bool{false, true} {
			for _, seed := range []uint64{0, 1, 2} {
				d := unequal(oneHot, counts...)
				var rng, again *rand.Rand
				if seed > 0 {
					rng, again = rand.New(rand.NewPCG(seed, 0)), rand.New(rand.NewPCG(seed, 0))
				}
				for k := range d.Len() + 1 {
					a, b := d.SplitStratified(k, rng)
					a2, _ := d.SplitStratified(k, again)
					if !slices.Equal(a.X.Data, a2.X.Data) || !slices.Equal(a.Y.Data, a2.Y.Data) {
						t.Fatalf("seed %d: the same seed gives another split", seed)
					}
					if a.Len() != k || b.Len() != d.Len()-k {
						t.Fatalf("SplitStratified(%d) of %d: %d and %d samples", k, d.Len(), a.Len(), b.Len())
					}
					seen := map[float64]bool{}
					for _, v := range append(slices.Clone(a.X.Data), b.X.Data...) {
						seen[v] = true
					}
					if len(seen) != d.Len() {
						t.Fatalf("SplitStratified(%d): %d samples of %d", k, len(seen), d.Len())
					}
					for c, m := range classCounts(a, len(counts)) {
						exact := float64(k) * float64(counts[c]) / float64(d.Len())
						if float64(m) < math.Floor(exact) || float64(m) > math.Ceil(exact) {
							t.Errorf("SplitStratified(%d) of %v: %d of class %d, want %.2f rounded", k, counts, m, c, exact)
						}
					}
				}
			}
		}
	}
	d := unequal(false, 5, 5)
	a, b := d.SplitStratified(4, nil)
	pos := func(v float64) int { return slices.Index(d.X.Data, v) }
	for _, p := range []Dataset{a, b} {
		if !slices.IsSortedFunc(p.X.Data, func(v, w float64) int { return pos(v) - pos(w) }) {
			t.Errorf("without rng %v does not keep the order of %v", p.X.Data, d.X.Data)
		}
	}
	if a, b := (Dataset{}).SplitStratified(0, nil); a.Len() != 0 || b.Len() != 0 {
		t.Error("SplitStratified of no samples")
	}
}

func TestFolds(t *testing.T) {
	type folds func(d Dataset, k int, rng *rand.Rand) iter.Seq2[Dataset, Dataset]
	for name, f := range map[string]folds{"Folds": Dataset.Folds, "FoldsStratified": Dataset.FoldsStratified} {
		for _, c := range []struct{ n, k, classes int }{{2, 2, 1}, {3, 2, 2}, {10, 5, 2}, {23, 4, 3}, {7, 7, 3}} {
			for _, seed := range []uint64{0, 1} {
				what := fmt.Sprintf("%s(%d) of %d, seed %d", name, c.k, c.n, seed)
				d := numbered(c.n, c.classes)
				var rng, again *rand.Rand
				if seed > 0 {
					rng, again = rand.New(rand.NewPCG(seed, 0)), rand.New(rand.NewPCG(seed, 0))
				}
				seq, same := f(d, c.k, rng), f(d, c.k, again)
				var all, once, twice []int
				times := 0
				for train, valid := range seq {
					times++
					v := samplesOf(t, valid, c.classes)
					if !isPermutation(append(samplesOf(t, train, c.classes), v...), c.n) {
						t.Errorf("%s: %v and %v are not all samples", what, train, valid)
					}
					if len(v) < c.n/c.k || len(v) > (c.n+c.k-1)/c.k {
						t.Errorf("%s: a part has %d samples", what, len(v))
					}
					all, once = append(all, v...), append(once, samplesOf(t, train, c.classes)...)
					if name == "FoldsStratified" {
						per := make([]int, c.classes)
						for _, r := range v {
							per[r%c.classes]++
						}
						for class, m := range per {
							whole := (c.n - class + c.classes - 1) / c.classes
							if m < whole/c.k || m > (whole+c.k-1)/c.k {
								t.Errorf("%s: %d samples of class %d in a part, of %d in all", what, m, class, whole)
							}
						}
					}
				}
				for train := range same {
					twice = append(twice, samplesOf(t, train, c.classes)...)
				}
				if times != c.k || !isPermutation(all, c.n) {
					t.Errorf("%s: %d parts, validated %v", what, times, all)
				}
				if !slices.Equal(once, twice) {
					t.Errorf("%s: the same seed gives other folds", what)
				}
				twice = nil
				for train := range seq {
					twice = append(twice, samplesOf(t, train, c.classes)...)
				}
				if !slices.Equal(once, twice) {
					t.Errorf("%s: other folds the second time", what)
				}
				if name == "Folds" && seed == 0 && !slices.IsSorted(all) {
					t.Errorf("%s without rng: %v", what, all)
				}
				for range seq {
					break
				}
			}
		}
	}
}

func TestBatches(t *testing.T) {
	for _, n := range []int{0, 1, 2, 7, 64} {
		for _, size := range []int{1, 2, 3, 7, 100, math.MaxInt} {
			for _, seed := range []uint64{0, 1} {
				what := fmt.Sprintf("Batches(%d) of %d, seed %d", size, n, seed)
				d := numbered(n, 3)
				var rng *rand.Rand
				if seed > 0 {
					rng = rand.New(rand.NewPCG(seed, 0))
				}
				var got []int
				for x, y := range d.Batches(size, rng) {
					if x.Rows != y.Rows || x.Rows != min(size, n-len(got)) || len(x.Data) != 2*x.Rows || len(y.Data) != y.Rows {
						t.Errorf("%s: a batch of %d×%d and %d×%d", what, x.Rows, x.Cols, y.Rows, y.Cols)
					}
					got = append(got, samplesOf(t, Dataset{x, y}, 3)...)
					x.Fill(99) // a copy
				}
				if !isPermutation(got, n) || seed == 0 && !slices.IsSorted(got) || seed > 0 && n > 10 && slices.IsSorted(got) {
					t.Errorf("%s: %v", what, got)
				}
				if got := samplesOf(t, d, 3); !isPermutation(got, n) || !slices.IsSorted(got) {
					t.Errorf("%s changes the dataset", what)
				}
				// The trainer's walk sees the same batches, of views where it can.
				var b batcher
				if seed > 0 {
					rng = rand.New(rand.NewPCG(seed, 0))
				}
				var walk []int
				for b.begin(d, size, rng); b.next(); {
					walk = append(walk, samplesOf(t, Dataset{&b.x, &b.y}, 3)...)
					if seed == 0 && &b.x.Data[0] != &d.X.Data[2*(b.pos-b.x.Rows)] {
						t.Errorf("%s: samples in order are copied", what)
					}
				}
				if !slices.Equal(got, walk) || b.pos != n {
					t.Errorf("%s: batcher gives %v, want %v", what, walk, got)
				}
			}
		}
	}
	for range numbered(9, 1).Batches(2, nil) {
		break
	}
	for range (Dataset{}).Batches(2, nil) {
		t.Error("a batch of no samples")
	}
}

// A walk in order after one at random must not write to the dataset, nor one
// at random after one in order.
func TestBatcherViews(t *testing.T) {
	d := numbered(10, 3)
	rng := rand.New(rand.NewPCG(1, 2))
	var b batcher
	for i := range 6 {
		r := rng
		if i%2 == 0 {
			r = nil
		}
		for b.begin(d, 4, r); b.next(); {
		}
		if got := samplesOf(t, d, 3); !isPermutation(got, 10) || !slices.IsSorted(got) {
			t.Fatalf("walk %d changes the dataset: %v", i, got)
		}
	}
}

func TestBatcherAllocs(t *testing.T) {
	d, rng := numbered(65, 3), rand.New(rand.NewPCG(1, 2))
	var b batcher
	for name, r := range map[string]*rand.Rand{"in order": nil, "at random": rng} {
		n := testing.AllocsPerRun(10, func() {
			for b.begin(d, 8, r); b.next(); {
			}
		})
		if n != 0 {
			t.Errorf("an epoch %s allocates %v times", name, n)
		}
	}
}

// samples yields the samples of d from one slice that is used again.
func samples(d Dataset) iter.Seq2[[]float64, []float64] {
	return func(yield func(x, y []float64) bool) {
		x, y := make([]float64, d.X.Cols), make([]float64, d.Y.Cols)
		for i := range d.Len() {
			copy(x, d.X.Row(i))
			copy(y, d.Y.Row(i))
			if !yield(x, y) {
				return
			}
		}
	}
}

func TestStream(t *testing.T) {
	for _, n := range []int{0, 1, 2, 7, 64} {
		for _, size := range []int{1, 2, 3, 7, 100} {
			for _, buffer := range []int{0, 1, 2, 10, 64, 1000} {
				what := fmt.Sprintf("Stream(%d, %d) of %d", size, buffer, n)
				d := numbered(n, 3)
				collect := func(seq iter.Seq2[*Matrix, *Matrix]) (rows, sizes []int) {
					for x, y := range seq {
						if len(x.Data) != x.Rows*x.Cols || len(y.Data) != y.Rows*y.Cols || x.Rows != y.Rows {
							t.Errorf("%s: batch of %d×%d, %d×%d", what, x.Rows, x.Cols, y.Rows, y.Cols)
						}
						rows, sizes = append(rows, samplesOf(t, Dataset{x, y}, 3)...), append(sizes, x.Rows)
					}
					return
				}
				want, wantSizes := collect(d.Batches(size, nil))
				got, sizes := collect(Stream(samples(d), size, buffer, nil))
				if !slices.Equal(got, want) || !slices.Equal(sizes, wantSizes) {
					t.Errorf("%s in order: %v in batches of %v, want %v in %v", what, got, sizes, want, wantSizes)
				}
				got, sizes = collect(Stream(samples(d), size, buffer, rand.New(rand.NewPCG(1, 2))))
				if !isPermutation(got, n) || !slices.Equal(sizes, wantSizes) {
					t.Errorf("%s: %v in batches of %v, want sizes %v", what, got, sizes, wantSizes)
				}
				for i, r := range got {
					if r > i+buffer {
						t.Errorf("%s: sample %d comes at %d, before it was read", what, r, i)
					}
				}
				if buffer < 2 && !slices.Equal(got, want) {
					t.Errorf("%s: %v, want them in order", what, got)
				}
				if buffer >= n && buffer > 1 {
					// A buffer of all samples: Fisher and Yates, from the end.
					order := d.order(rand.New(rand.NewPCG(1, 2)))
					slices.Reverse(order)
					if n > 0 && !slices.Equal(got[:n-1], order[:n-1]) {
						t.Errorf("%s: %v, want %v", what, got, order)
					}
				}
				for range Stream(samples(d), size, buffer, rand.New(rand.NewPCG(1, 2))) {
					break
				}
			}
		}
	}
}

func TestStreamAllocs(t *testing.T) {
	allocs := func(n int) float64 {
		src := samples(numbered(n, 3))
		return testing.AllocsPerRun(5, func() {
			for range Stream(src, 8, 16, rand.New(rand.NewPCG(1, 2))) {
			}
		})
	}
	if a, b := allocs(100), allocs(2000); a != b {
		t.Errorf("Stream allocates %v times for 100 samples, %v for 2000", a, b)
	}
}

func TestOneHot(t *testing.T) {
	z := OneHot(NewMatrix(3, 1, 2, 0, math.Copysign(0, -1)), 3)
	if want := []float64{0, 0, 1, 1, 0, 0, 1, 0, 0}; z.Rows != 3 || z.Cols != 3 || !slices.Equal(z.Data, want) {
		t.Errorf("OneHot = %d×%d %v, want %v", z.Rows, z.Cols, z.Data, want)
	}
	if z := OneHot(NewMatrix(0, 1), 5); z.Rows != 0 || z.Cols != 5 {
		t.Errorf("OneHot of nothing is %d×%d, want 0×5", z.Rows, z.Cols)
	}
}

func TestClassIndices(t *testing.T) {
	y := NewMatrix(5, 1, 30, -1.5, 30, 20, -1.5)
	classes := Classes(y)
	if want := []float64{-1.5, 20, 30}; !slices.Equal(classes, want) {
		t.Errorf("Classes = %v, want %v", classes, want)
	}
	if err := ClassIndices(y, classes); err != nil || !slices.Equal(y.Data, []float64{2, 0, 2, 1, 0}) {
		t.Errorf("ClassIndices: %v, %v", y.Data, err)
	}
	y = NewMatrix(2, 1, 20, math.NaN())
	if err := ClassIndices(y, classes); err == nil || y.Data[0] != 20 {
		t.Errorf("ClassIndices of NaN: %v, y %v", err, y.Data)
	}
	wantPanic(t, "nn: ClassIndices: the 2 classes are not in increasing order", func() { ClassIndices(y, []float64{20, 10}) })
	if c := Classes(new(Matrix)); len(c) != 0 || ClassIndices(new(Matrix), c) != nil {
		t.Errorf("Classes of nothing = %v", c)
	}
}

func TestDatasetPanics(t *testing.T) {
	bad := Dataset{NewMatrix(3, 2), NewMatrix(4, 1)}
	half := Dataset{X: NewMatrix(3, 2)}
	good := numbered(5, 2)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		want string
		f    func()
	}{
		{"nn: Split: X is 3×2 but Y is 4×1; a sample is a row of each", func() { bad.Split(1) }},
		{"nn: Split: X and Y must both be set", func() { half.Split(1) }},
		{"nn: Split: X and Y must both be set", func() { Dataset{Y: NewMatrix(3, 2)}.Split(0) }},
		{"nn: Split: n is 6 with 5 samples", func() { good.Split(6) }},
		{"nn: Split: n is -1 with 5 samples", func() { good.Split(-1) }},
		{"nn: SplitStratified: n is 6 with 5 samples", func() { good.SplitStratified(6, rng) }},
		{"nn: SplitStratified: label 1 is NaN", func() {
			Dataset{NewMatrix(2, 1), NewMatrix(2, 1, 0, math.NaN())}.SplitStratified(1, rng)
		}},
		{"nn: Shuffle: X is 3×2", func() { bad.Shuffle(rng) }},
		{"nn: Folds: k is 1 with 5 samples", func() { good.Folds(1, rng) }},
		{"nn: Folds: k is 6 with 5 samples", func() { good.Folds(6, rng) }},
		{"nn: FoldsStratified: k is 0 with 5 samples", func() { good.FoldsStratified(0, rng) }},
		{"nn: FoldsStratified: X is 3×2", func() { bad.FoldsStratified(2, rng) }},
		{"nn: Batches: size is 0; a batch has at least one sample", func() { good.Batches(0, rng) }},
		{"nn: Batches: size is -3", func() { new(batcher).begin(good, -3, rng) }},
		{"nn: Batches: X is 3×2", func() { bad.Batches(1, rng) }},
		{"nn: Batches: X and Y must both be set", func() { new(batcher).begin(half, 1, rng) }},
		{"nn: Stream: size is 0 and buffer 5", func() { Stream(samples(good), 0, 5, rng) }},
		{"nn: Stream: size is 1 and buffer -1", func() { Stream(samples(good), 1, -1, rng) }},
		{"nn: Stream: sample 2 has 3 values and a target of 1, those before 2 and 1", func() {
			seq := func(yield func(x, y []float64) bool) {
				_ = yield([]float64{1, 2}, []float64{3}) && yield([]float64{1, 2, 3}, []float64{3})
			}
			for range Stream(seq, 4, 0, nil) {
			}
		}},
		{"nn: OneHot: label 3 in row 1 is not one of the class indices 0 to 2", func() { OneHot(NewMatrix(2, 1, 0, 3), 3) }},
		{"nn: OneHot: label -1 in row 0", func() { OneHot(NewMatrix(2, 1, -1, 3), 3) }},
		{"nn: OneHot: label 0.5 in row 0", func() { OneHot(NewMatrix(2, 1, 0.5, 3), 3) }},
		{"nn: OneHot: label NaN in row 0", func() { OneHot(NewMatrix(1, 1, math.NaN()), 3) }},
		{"nn: OneHot: label 0 in row 0", func() { OneHot(NewMatrix(1, 1, 0), 0) }},
		{"nn: Classes: label 0 is NaN", func() { Classes(NewMatrix(1, 1, math.NaN())) }},
	} {
		dataPanics(t, c.want, c.f)
	}
}

// Rows may be taken by several goroutines.
func TestTakeRows(t *testing.T) {
	defer func(old bool) { alwaysSplit = old }(alwaysSplit)
	rng := testRand()
	for _, cols := range []int{0, 1, 3, 784, 5000} {
		x := NewMatrix(40, cols).FillUniform(rng, 0, 1)
		for _, n := range []int{0, 1, 2, 33, 100} {
			rows := make([]int, n)
			want := NewMatrix(n, cols)
			for i := range rows {
				rows[i] = intN(rng, 40)
				copy(want.Row(i), x.Row(rows[i]))
			}
			for _, split := range []bool{false, true} {
				alwaysSplit = split
				z := NewMatrix(7, 3)
				takeRows(z, x, rows)
				if z.Rows != n || z.Cols != cols || !sameBits(z.Data, want.Data) {
					t.Errorf("takeRows of %d rows of %d columns, split %v: not those rows", n, cols, split)
				}
			}
		}
	}
}
