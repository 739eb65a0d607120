package nn

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Metrics compare predictions y with targets t, of which row i of each belongs
// to sample i. Sums run in order of samples.
//
// Of a classifier, y has a column for each class, the largest of which is the
// class predicted (the first of equals; NaN counts as less than any number),
// and t either as many columns, the largest of which is the right class, or one
// column of class indices. If y has one column, the probability of class 1 of
// two, values of at least ½ mean class 1 in y and t.

// classCount returns the number of classes and panics unless y and t fit.
func classCount(op string, y, t *Matrix) int {
	y.check(op)
	t.check(op)
	if y.Rows != t.Rows || y.Cols == 0 || t.Cols != 1 && t.Cols != y.Cols {
		mismatch(op, y, t)
	}
	return max(y.Cols, 2)
}

// predictedClass returns the class that a row of y means.
func predictedClass(row []float64) int {
	if len(row) > 1 {
		return classOf(row)
	}
	if row[0] >= 0.5 {
		return 1
	}
	return 0
}

// rightClass returns the class that row i of t means if y has so many columns.
func rightClass(op string, t *Matrix, i, columns int) int {
	row := t.Row(i)
	switch {
	case len(row) > 1:
		return classOf(row)
	case columns > 1:
		return classIndex(op, i, row[0], columns)
	case !(row[0] >= 0 && row[0] <= 1):
		panic(fmt.Sprintf("nn: %s: target %v in row %d is not a probability; predictions have one column, so there are two classes", op, row[0], i))
	}
	return predictedClass(row)
}

// classOf returns the index of the largest value, the first of equals.
func classOf(row []float64) int {
	k := 0
	for j, v := range row {
		if v > row[k] || row[k] != row[k] && v == v {
			k = j
		}
	}
	return k
}

// Accuracy returns the part of the rows of y whose largest value is that of
// the right class. Rows of t are as for [CrossEntropy]. If y has one column,
// values of at least ½ mean class 1, in t as well. Without rows the result is
// NaN. Unlike the loss, metrics know no index to ignore: leave out such rows.
// Outputs of shape (steps, n) are to be reshaped to a row for each step.
//
// If each sample has several labels, with a column of 0 or 1 for each, reshape
// y and t to one column; the result is the part of the labels that are right.
func Accuracy(y, t *Matrix) float64 {
	classCount("Accuracy", y, t)
	right := 0
	for i := range y.Rows {
		if predictedClass(y.Row(i)) == rightClass("Accuracy", t, i, y.Cols) {
			right++
		}
	}
	return float64(right) / float64(y.Rows)
}

// TopKAccuracy returns the part of the rows of y in which the value of the
// right class is one of the k largest; of equal values the first is taken as
// the larger. Rows of t are as for [CrossEntropy]. Without rows the result is
// NaN. It panics if k is not positive or y has only one column.
func TopKAccuracy(y, t *Matrix, k int) float64 {
	classCount("TopKAccuracy", y, t)
	if k < 1 || y.Cols < 2 {
		panic(fmt.Sprintf("nn: TopKAccuracy: k is %d and y is %d×%d; it needs a column for each class", k, y.Rows, y.Cols))
	}
	right := 0
	for i := range y.Rows {
		row := y.Row(i)
		c := rightClass("TopKAccuracy", t, i, y.Cols)
		before := 0
		for j, v := range row {
			// cmp.Compare puts NaN before all numbers.
			if d := cmp.Compare(v, row[c]); d > 0 || d == 0 && j < c {
				before++
			}
		}
		if before < k {
			right++
		}
	}
	return float64(right) / float64(y.Rows)
}

// Confusion returns a classes×classes matrix; row i, column j counts the
// samples of class i that were predicted to be of class j. Rows of y and t are
// as for [Accuracy].
func Confusion(y, t *Matrix) *Matrix {
	n := classCount("Confusion", y, t)
	z := NewMatrix(n, n)
	for i := range y.Rows {
		z.Row(rightClass("Confusion", t, i, y.Cols))[predictedClass(y.Row(i))]++
	}
	return z
}

// Scores says how well a classifier finds a class. With tp samples of the class
// that were found, fn that were not, and fp others that were taken for it,
//
//	Precision = tp/(tp + fp)
//	Recall    = tp/(tp + fn)
//	F1        = 2·tp/(2·tp + fp + fn)
//	Support   = tp + fn
//
// A score is 0 if its denominator is. In averages over classes, Support is the
// number of all samples.
type Scores struct {
	Precision, Recall, F1 float64
	Support               int
}

func newScores(tp, fp, fn float64) Scores {
	return Scores{ratio(tp, tp+fp), ratio(tp, tp+fn), ratio(tp+tp, tp+tp+fp+fn), int(tp + fn)}
}

// ratio returns a/b, or 0 if b is 0.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// A ClassReport is what [Report] says of a classifier.
type ClassReport struct {
	Names     []string // of the classes; nil if not given
	Confusion *Matrix  // see [Confusion]
	Accuracy  float64  // the part of the samples that is right; NaN without samples
	Classes   []Scores // of each class
	Micro     Scores   // of tp, fp and fn summed over the classes: each is the accuracy
	Macro     Scores   // the mean of the classes' scores
	Weighted  Scores   // the mean weighted by Support
	// Matthews is the correlation of predicted and right class, from −1 to 1,
	//
	//	(c·n − Σ pₖtₖ) / √((n² − Σ pₖ²)(n² − Σ tₖ²)),
	//
	// with n samples, c of them right, pₖ predicted to be of class k and tₖ
	// of class k (Gorodkin, 2004); 0 if the denominator is.
	Matthews float64
}

// Report returns the scores of a classifier. Rows of y and t are as for
// [Accuracy]. It panics unless there is a name for each class or none. Print
// the result for a table like that of scikit-learn's classification_report:
//
//	fmt.Print(nn.Report(net.Predict(test.X), test.Y))
func Report(y, t *Matrix, names ...string) ClassReport {
	classCount("Report", y, t)
	c := Confusion(y, t)
	if len(names) != 0 && len(names) != c.Rows {
		panic(fmt.Sprintf("nn: Report: %d names for %d classes", len(names), c.Rows))
	}
	r := ClassReport{Names: names, Confusion: c, Classes: make([]Scores, c.Rows)}
	n, right := float64(y.Rows), 0.0
	pt, pp, tt := 0.0, 0.0, 0.0 // Σ pₖtₖ, Σ pₖ², Σ tₖ²
	for k := range r.Classes {
		pk, tk, tp := 0.0, 0.0, c.At(k, k)
		for j, v := range c.Row(k) {
			pk += c.At(j, k)
			tk += v
		}
		s := newScores(tp, pk-tp, tk-tp)
		r.Classes[k] = s
		r.Macro.add(1, s)
		r.Weighted.add(tk, s)
		right += tp
		pt, pp, tt = math.FMA(pk, tk, pt), math.FMA(pk, pk, pp), math.FMA(tk, tk, tt)
	}
	r.Accuracy = right / n
	r.Micro = newScores(right, n-right, n-right)
	r.Macro = r.Macro.over(float64(c.Rows), y.Rows)
	r.Weighted = r.Weighted.over(n, y.Rows)
	nn := float64(n * n)
	r.Matthews = ratio(math.FMA(right, n, -pt), math.Sqrt(float64((nn-pp)*(nn-tt))))
	return r
}

// add adds w·s, but for the support.
func (a *Scores) add(w float64, s Scores) {
	a.Precision = math.FMA(w, s.Precision, a.Precision)
	a.Recall = math.FMA(w, s.Recall, a.Recall)
	a.F1 = math.FMA(w, s.F1, a.F1)
}

// over returns the scores divided by n, with the given support.
func (a Scores) over(n float64, support int) Scores {
	return Scores{ratio(a.Precision, n), ratio(a.Recall, n), ratio(a.F1, n), support}
}

// String returns a table with a line for each class and lines for the averages.
func (r ClassReport) String() string {
	name := func(k int) string {
		if r.Names != nil {
			return r.Names[k]
		}
		return strconv.Itoa(k)
	}
	width := len("weighted avg")
	for k := range r.Classes {
		width = max(width, len([]rune(name(k))))
	}
	var b strings.Builder
	line := func(name string, s Scores) {
		fmt.Fprintf(&b, "%*s  %9.2f %9.2f %9.2f %9d\n", width, name, s.Precision, s.Recall, s.F1, s.Support)
	}
	fmt.Fprintf(&b, "%*s  %9s %9s %9s %9s\n\n", width, "", "precision", "recall", "f1-score", "support")
	for k, s := range r.Classes {
		line(name(k), s)
	}
	fmt.Fprintf(&b, "\n%*s  %9s %9s %9.2f %9d\n", width, "accuracy", "", "", r.Accuracy, r.Macro.Support)
	line("macro avg", r.Macro)
	line("weighted avg", r.Weighted)
	return b.String()
}

// ROCAUC returns the area under the receiver operating characteristic: the
// probability that a random sample of class 1 has a larger y than a random one
// of class 0, where a tie counts ½ (the statistic of Mann and Whitney). y has
// one column of scores, which need not be probabilities, t one of 0 or 1.
//
// If y has several columns the result is the mean, over its columns, of the
// area for that class against all others, and rows of t are as for
// [CrossEntropy] (or have a 1 for each of several labels). The result is NaN if
// a class has no samples or all of them, and if y contains a NaN.
func ROCAUC(y, t *Matrix) float64 {
	return oneAgainstRest("ROCAUC", y, t, func(groups []tally, positives, negatives int64) float64 {
		twice, below := int64(0), negatives // twice the pairs in order; negatives of smaller score
		for _, g := range groups {
			below -= g.negatives
			twice += g.positives * (2*below + g.negatives)
		}
		return float64(twice) / 2 / (float64(positives) * float64(negatives))
	})
}

// AveragePrecision returns the area under the curve of precision over recall,
//
//	Σₙ (Rₙ − Rₙ₋₁)·Pₙ
//
// with Pₙ and Rₙ the precision and recall if all samples with one of the n
// largest different scores are taken for the class. y and t are as for [ROCAUC].
// The result is NaN if a class has no samples, and if y contains a NaN.
func AveragePrecision(y, t *Matrix) float64 {
	return oneAgainstRest("AveragePrecision", y, t, func(groups []tally, positives, _ int64) float64 {
		s, tp, all := 0.0, int64(0), int64(0)
		for _, g := range groups {
			tp += g.positives
			all += g.positives + g.negatives
			s = math.FMA(float64(g.positives), float64(tp)/float64(all), s)
		}
		return s / float64(positives)
	})
}

// tally counts the samples of one score.
type tally struct{ positives, negatives int64 }

// oneAgainstRest returns the mean over the columns of y of f, given the tallies
// from the largest score to the smallest, and their sums.
func oneAgainstRest(op string, y, t *Matrix, f func(groups []tally, positives, negatives int64) float64) float64 {
	classCount(op, y, t)
	type sample struct {
		score    float64
		positive bool
	}
	samples := make([]sample, y.Rows)
	var groups []tally
	sum := 0.0
	for j := range y.Cols {
		var all tally
		for i := range samples {
			score, positive := y.At(i, j), false
			if score != score {
				return math.NaN()
			}
			switch {
			case t.Cols > 1:
				positive = t.At(i, j) >= 0.5
			case y.Cols > 1:
				positive = rightClass(op, t, i, y.Cols) == j
			default:
				positive = rightClass(op, t, i, 1) == 1
			}
			samples[i] = sample{score, positive}
		}
		slices.SortFunc(samples, func(a, b sample) int { return cmp.Compare(b.score, a.score) })
		groups = groups[:0]
		for i, s := range samples {
			if i == 0 || s.score != samples[i-1].score {
				groups = append(groups, tally{})
			}
			g := &groups[len(groups)-1]
			if s.positive {
				g.positives++
				all.positives++
			} else {
				g.negatives++
				all.negatives++
			}
		}
		sum += f(groups, all.positives, all.negatives)
	}
	return sum / float64(y.Cols)
}

// LogLoss returns the mean of −ln p, where p is the probability that a row of
// y gives to the right class, or for soft targets the mean of −Σⱼ tⱼ·ln yⱼ.
// Probabilities are held between 2⁻⁵² and 1, so that being wrong for certain
// costs 36 and not ∞. Rows of t are as for [CrossEntropy]; if y has one column,
// y and t are probabilities of class 1. Without rows the result is NaN.
func LogLoss(y, t *Matrix) float64 {
	classCount("LogLoss", y, t)
	s := 0.0
	for i := range y.Rows {
		yi, ti := y.Row(i), t.Row(i)
		switch {
		case y.Cols == 1:
			rightClass("LogLoss", t, i, 1) // is it a probability?
			s = math.FMA(ti[0], surprise(yi[0]), s)
			s = math.FMA(1-ti[0], surprise(1-yi[0]), s)
		case t.Cols == 1:
			s += surprise(yi[rightClass("LogLoss", t, i, y.Cols)])
		default:
			for j, p := range yi {
				s = math.FMA(ti[j], surprise(p), s)
			}
		}
	}
	return s / float64(y.Rows)
}

// surprise returns −ln p for p held between 2⁻⁵² and 1.
func surprise(p float64) float64 { return -log(max(min(p, 1), 0x1p-52)) }

// MeanSquaredError returns the mean of (y − t)² over all elements, or NaN if
// there are none. Like the other measures of regression it panics if y and t
// have different shapes.
func MeanSquaredError(y, t *Matrix) float64 {
	sameShape("MeanSquaredError", y, t)
	return sumSquaredErrors(y, t) / float64(len(y.Data))
}

// RootMeanSquaredError returns the square root of [MeanSquaredError], which
// has the unit of y.
func RootMeanSquaredError(y, t *Matrix) float64 {
	sameShape("RootMeanSquaredError", y, t)
	return math.Sqrt(sumSquaredErrors(y, t) / float64(len(y.Data)))
}

func sumSquaredErrors(y, t *Matrix) float64 {
	s := 0.0
	for i, v := range y.Data {
		e := v - t.Data[i]
		s = math.FMA(e, e, s)
	}
	return s
}

// MeanAbsoluteError returns the mean of |y − t| over all elements, or NaN if
// there are none.
func MeanAbsoluteError(y, t *Matrix) float64 {
	sameShape("MeanAbsoluteError", y, t)
	s := 0.0
	for i, v := range y.Data {
		s += math.Abs(v - t.Data[i])
	}
	return s / float64(len(y.Data))
}

// R2 returns the coefficient of determination,
//
//	1 − Σ(y−t)²/Σ(t−t̄)²
//
// with t̄ the mean of t: 1 if all predictions are right, 0 if they are no better
// than t̄. If targets have several columns it is the mean over the columns. A
// column of t that is constant counts 1 if it is predicted exactly, else 0.
// Without elements the result is NaN.
func R2(y, t *Matrix) float64 {
	sameShape("R2", y, t)
	if len(y.Data) == 0 {
		return math.NaN()
	}
	mean, sum := columnMeans(t), 0.0
	for j := range y.Cols {
		residual, total := 0.0, 0.0
		for i := range y.Rows {
			e, d := y.At(i, j)-t.At(i, j), t.At(i, j)-mean[j]
			residual, total = math.FMA(e, e, residual), math.FMA(d, d, total)
		}
		switch {
		case total != 0:
			sum += 1 - residual/total
		case residual == 0:
			sum++
		case residual != residual:
			sum = residual
		}
	}
	return sum / float64(y.Cols)
}

func sameShape(op string, y, t *Matrix) {
	y.check(op)
	t.check(op)
	if y.Rows != t.Rows || y.Cols != t.Cols {
		mismatch(op, y, t)
	}
}
