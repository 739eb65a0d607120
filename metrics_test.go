package nn

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestMetricsGolden(t *testing.T) {
	for _, c := range golden(t, "metrics") {
		in := func(name string) *Matrix { // as a column
			a := c.In[name]
			return NewMatrix(len(a.Data), 1, a.floats()...)
		}
		number := func(name string, got float64) {
			t.Helper()
			c.check(t, name, []float64{got}, c.Out[name])
		}
		switch c.Op {
		case "classification":
			if c.num("zero_division") == 1 {
				continue // a score without denominator is 0 here
			}
			y, right := OneHot(in("y_pred"), int(c.num("classes"))), in("y_true")
			for range 3 {
				r := Report(y, right)
				c.check(t, "confusion", r.Confusion.Data, c.Out["confusion"])
				number("accuracy", r.Accuracy)
				number("accuracy", Accuracy(y, right))
				number("mcc", r.Matthews)
				var p, q, f []float64
				for _, s := range r.Classes {
					p, q, f = append(p, s.Precision), append(q, s.Recall), append(f, s.F1)
				}
				c.check(t, "precision", p, c.Out["precision"])
				c.check(t, "recall", q, c.Out["recall"])
				c.check(t, "f1", f, c.Out["f1"])
				for name, s := range map[string]Scores{"micro": r.Micro, "macro": r.Macro, "weighted": r.Weighted} {
					number("precision_"+name, s.Precision)
					number("recall_"+name, s.Recall)
					number("f1_"+name, s.F1)
					if s.Support != y.Rows {
						t.Errorf("%s: %s support = %d, want %d", c.Name, name, s.Support, y.Rows)
					}
				}
				// The same once more with one-hot targets, and with one column.
				if right.Cols == 1 && y.Cols > 1 {
					right = OneHot(right, y.Cols)
				} else if y.Cols == 2 {
					y, right = in("y_pred"), in("y_true")
				}
			}
		case "topk_accuracy":
			scores, k := c.In["scores"].matrix(), int(c.num("k"))
			number("accuracy", TopKAccuracy(scores, in("y_true"), k))
			number("accuracy", TopKAccuracy(scores, OneHot(in("y_true"), scores.Cols), k))
		case "roc_auc":
			number("auc", ROCAUC(in("score"), in("y_true")))
		case "log_loss":
			proba := c.In["proba"].matrix()
			number("loss", LogLoss(proba, in("y_true")))
			number("loss", LogLoss(proba, OneHot(in("y_true"), proba.Cols)))
		case "regression":
			y, right := in("y_pred"), in("y_true")
			number("mse", MeanSquaredError(y, right))
			number("rmse", RootMeanSquaredError(y, right))
			number("mae", MeanAbsoluteError(y, right))
			number("r2", R2(y, right))
		case "standard_scaler":
			x, x2 := c.In["X"].matrix(), c.In["X_new"].matrix()
			s := StandardScaler(x)
			c.check(t, "mean", s.Shift, c.Out["mean"])
			c.check(t, "scale", s.Scale, c.Out["scale"])
			Standardize(x)(x2)
			c.check(t, "transformed", x.Data, c.Out["transformed"])
			c.check(t, "transformed_new", x2.Data, c.Out["transformed_new"])
		case "minmax_scaler":
			x, x2 := c.In["X"].matrix(), c.In["X_new"].matrix()
			MinMax(x, c.num("min"), c.num("max"))(x2)
			c.check(t, "transformed", x.Data, c.Out["transformed"])
			c.check(t, "transformed_new", x2.Data, c.Out["transformed_new"])
		case "one_hot":
			x := in("cat")
			classes := Classes(x)
			c.check(t, "categories", classes, c.Out["categories"])
			if err := ClassIndices(x, classes); err != nil {
				t.Error(err)
			}
			c.check(t, "onehot", OneHot(x, len(classes)).Data, c.Out["onehot"])
			err := ClassIndices(in("cat_new"), classes)
			if want := "nn: ClassIndices: label 2 in row 1 is not among the 3 classes"; err == nil || err.Error() != want {
				t.Errorf("ClassIndices(%v, %v): %v, want %s", in("cat_new").Data, classes, err, want)
			}
		default:
			t.Errorf("%s: no test for %s", c.Name, c.Op)
		}
	}
}

// The report is that of scikit-learn's own test of classification_report,
// made from the confusion matrix in its test of confusion_matrix.
func TestReportString(t *testing.T) {
	var pred, right []float64
	for i, row := range [][]int{{19, 4, 1}, {4, 3, 24}, {0, 2, 18}} {
		for j, n := range row {
			for range n {
				right, pred = append(right, float64(i)), append(pred, float64(j))
			}
		}
	}
	y := OneHot(NewMatrix(len(pred), 1, pred...), 3)
	r := Report(y, NewMatrix(len(right), 1, right...))
	want := `              precision    recall  f1-score   support

           0       0.83      0.79      0.81        24
           1       0.33      0.10      0.15        31
           2       0.42      0.90      0.57        20

    accuracy                           0.53        75
   macro avg       0.53      0.60      0.51        75
weighted avg       0.51      0.53      0.47        75
`
	if got := r.String(); got != want {
		t.Errorf("Report:\n%s\nwant\n%s", got, want)
	}
	r = Report(y, NewMatrix(len(right), 1, right...), "setosa", "versicolor", "größte von allen")
	got := strings.Split(r.String(), "\n")
	for i, want := range []string{
		"                  precision    recall  f1-score   support",
		"",
		"          setosa       0.83      0.79      0.81        24",
		"      versicolor       0.33      0.10      0.15        31",
		"größte von allen       0.42      0.90      0.57        20",
		"",
		"        accuracy                           0.53        75",
	} {
		if got[i] != want {
			t.Errorf("line %d: %q, want %q", i, got[i], want)
		}
	}
}

func TestAccuracyTable(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name string
		y, t *Matrix
		want float64
	}{
		{"one sample", NewMatrix(1, 1, 0.5), NewMatrix(1, 1, 1), 1},
		{"below half", NewMatrix(2, 1, 0.49999, nan), NewMatrix(2, 1, 1, 0), 0.5},
		{"soft binary", NewMatrix(2, 1, 0.9, 0.9), NewMatrix(2, 1, 0.8, 0.2), 0.5},
		{"first of equals", NewMatrix(2, 3, 1, 1, 0, 0, 1, 1), NewMatrix(2, 1, 0, 2), 0.5},
		{"NaN is least", NewMatrix(2, 3, nan, -5, nan, nan, nan, nan), NewMatrix(2, 1, 1, 0), 1},
		{"−0 and 0", NewMatrix(1, 2, math.Copysign(0, -1), 0), NewMatrix(1, 1, 0), 1},
		{"infinities", NewMatrix(2, 2, math.Inf(-1), -1e308, 5, math.Inf(1)), NewMatrix(2, 1, 1, 1), 1},
		{"soft rows", NewMatrix(2, 2, 0.1, 0.9, 0.6, 0.4), NewMatrix(2, 2, 0.2, 0.8, 0.3, 0.7), 0.5},
		{"no samples", NewMatrix(0, 3), NewMatrix(0, 1), nan},
	} {
		if got := Accuracy(c.y, c.t); got != c.want && !(got != got && c.want != c.want) {
			t.Errorf("%s: Accuracy(%v, %v) = %v, want %v", c.name, c.y.Data, c.t.Data, got, c.want)
		}
		if c.y.Cols > 1 {
			if got := TopKAccuracy(c.y, c.t, 1); got != c.want && !(got != got && c.want != c.want) {
				t.Errorf("%s: TopKAccuracy(%v, %v, 1) = %v, want %v", c.name, c.y.Data, c.t.Data, got, c.want)
			}
			if got := TopKAccuracy(c.y, c.t, 9); got != 1 && c.y.Rows > 0 {
				t.Errorf("%s: TopKAccuracy(%v, %v, 9) = %v, want 1", c.name, c.y.Data, c.t.Data, got)
			}
		}
	}
}

// naiveAUC counts pairs.
func naiveAUC(y, t []float64) float64 {
	s, n := 0.0, 0.0
	for i, a := range t {
		for j, b := range t {
			if a == 1 && b == 0 {
				n++
				if y[i] > y[j] {
					s++
				} else if y[i] == y[j] {
					s += 0.5
				}
			}
		}
	}
	return s / n
}

// naivePrecision sums precision over each different threshold.
func naivePrecision(y, t []float64) float64 {
	thresholds := slices.Clone(y)
	slices.Sort(thresholds)
	thresholds = slices.Compact(thresholds)
	slices.Reverse(thresholds)
	s, last, positives := 0.0, 0.0, 0.0
	for _, v := range t {
		positives += v
	}
	for _, h := range thresholds {
		tp, all := 0.0, 0.0
		for i, v := range y {
			if v >= h {
				all++
				tp += t[i]
			}
		}
		s += (tp/positives - last) * tp / all
		last = tp / positives
	}
	return s
}

func TestRankingMetrics(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{2, 3, 17, 200} {
		y, right := NewMatrix(n, 1), NewMatrix(n, 1)
		for i := range n {
			y.Data[i] = float64(intN(rng, 8)) // with ties
			right.Data[i] = float64(intN(rng, 2))
		}
		right.Data[0], right.Data[1] = 0, 1
		auc, ap := naiveAUC(y.Data, right.Data), naivePrecision(y.Data, right.Data)
		if got := ROCAUC(y, right); math.Abs(got-auc) > 1e-14 {
			t.Errorf("n = %d: ROCAUC = %v, want %v", n, got, auc)
		}
		if got := AveragePrecision(y, right); math.Abs(got-ap) > 1e-14 {
			t.Errorf("n = %d: AveragePrecision = %v, want %v", n, got, ap)
		}
		// Two columns, of p and 1−p, give the same area for both classes.
		y2 := NewMatrix(n, 2)
		for i, v := range y.Data {
			y2.Set(i, 0, 1-v)
			y2.Set(i, 1, v)
		}
		for _, r := range []*Matrix{right, OneHot(right, 2)} {
			if got := ROCAUC(y2, r); math.Abs(got-auc) > 1e-14 {
				t.Errorf("n = %d: ROCAUC of two columns = %v, want %v", n, got, auc)
			}
		}
	}
	// scikit-learn's documentation: average_precision_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) = 0.83…
	y, right := NewMatrix(4, 1, 0.1, 0.4, 0.35, 0.8), NewMatrix(4, 1, 0, 0, 1, 1)
	if got, want := AveragePrecision(y, right), 0.5+1.0/3; math.Abs(got-want) > 1e-15 {
		t.Errorf("AveragePrecision = %v, want %v", got, want)
	}
	if got := ROCAUC(y, right); got != 0.75 {
		t.Errorf("ROCAUC = %v, want 0.75", got)
	}
	// Three classes: the mean of each against the rest.
	y = NewMatrix(4, 3, 0.7, 0.2, 0.1, 0.1, 0.2, 0.7, 0.3, 0.4, 0.3, 0.2, 0.5, 0.3)
	right = NewMatrix(4, 1, 0, 2, 1, 2)
	want := 0.0
	for j := range 3 {
		var a, b []float64
		for i := range 4 {
			a, b = append(a, y.At(i, j)), append(b, OneHot(right, 3).At(i, j))
		}
		want += naiveAUC(a, b) / 3
	}
	if got := ROCAUC(y, right); math.Abs(got-want) > 1e-15 {
		t.Errorf("ROCAUC of three classes = %v, want %v", got, want)
	}
}

func TestMetricsUndefined(t *testing.T) {
	nan := math.NaN()
	none, score := NewMatrix(0, 1), NewMatrix(2, 1, 0.25, 0.75)
	for name, v := range map[string]float64{
		"ROCAUC without samples":            ROCAUC(none, none),
		"ROCAUC of class 1 only":            ROCAUC(score, NewMatrix(2, 1, 1, 1)),
		"ROCAUC of class 0 only":            ROCAUC(score, NewMatrix(2, 1, 0, 0)),
		"ROCAUC of NaN":                     ROCAUC(NewMatrix(2, 1, 1, nan), NewMatrix(2, 1, 0, 1)),
		"ROCAUC without class 2":            ROCAUC(NewMatrix(2, 3), NewMatrix(2, 1, 0, 1)),
		"AveragePrecision without class 1":  AveragePrecision(score, NewMatrix(2, 1, 0, 0)),
		"AveragePrecision of NaN":           AveragePrecision(NewMatrix(2, 1, 1, nan), NewMatrix(2, 1, 0, 1)),
		"LogLoss without samples":           LogLoss(NewMatrix(0, 3), none),
		"LogLoss of NaN":                    LogLoss(NewMatrix(1, 1, nan), NewMatrix(1, 1, 1)),
		"MeanSquaredError of nothing":       MeanSquaredError(none, none),
		"RootMeanSquaredError of nothing":   RootMeanSquaredError(none, none),
		"MeanAbsoluteError of nothing":      MeanAbsoluteError(none, none),
		"R2 of nothing":                     R2(none, none),
		"R2 without columns":                R2(NewMatrix(3, 0), NewMatrix(3, 0)),
		"R2 of NaN and a constant target":   R2(NewMatrix(2, 2, nan, 1, 1, 2), NewMatrix(2, 2, 1, 1, 1, 2)),
		"Accuracy in a report of no sample": Report(NewMatrix(0, 2), none).Accuracy,
	} {
		if v == v {
			t.Errorf("%s = %v, want NaN", name, v)
		}
	}
	r := Report(NewMatrix(0, 2), none)
	if r.Macro != (Scores{}) || r.Weighted != (Scores{}) || r.Micro != (Scores{}) || r.Matthews != 0 {
		t.Errorf("report without samples: %+v, want scores 0", r)
	}
	if got := AveragePrecision(score, NewMatrix(2, 1, 1, 1)); got != 1 {
		t.Errorf("AveragePrecision of class 1 only = %v, want 1", got)
	}
}

func TestPerfectReport(t *testing.T) {
	right := NewMatrix(7, 1, 0, 1, 2, 2, 1, 0, 2)
	r := Report(OneHot(right, 3), right)
	one := Scores{1, 1, 1, 7}
	if r.Accuracy != 1 || r.Matthews != 1 || r.Micro != one || r.Macro != one || r.Weighted != one {
		t.Errorf("Report of a perfect classifier = %+v", r)
	}
}

func TestLogLossBinary(t *testing.T) {
	y, right := NewMatrix(3, 1, 0.8, 0.3, 1), NewMatrix(3, 1, 1, 0.25, 0)
	// −(ln 0.8 + (0.25·ln 0.3 + 0.75·ln 0.7) + ln 2⁻⁵²)/3
	want := -(math.Log(0.8) + 0.25*math.Log(0.3) + 0.75*math.Log(0.7) - 52*math.Ln2) / 3
	if got := LogLoss(y, right); math.Abs(got-want) > 1e-14 {
		t.Errorf("LogLoss = %v, want %v", got, want)
	}
	y2, right2 := NewMatrix(3, 2), NewMatrix(3, 2)
	for i := range 3 {
		y2.Set(i, 0, 1-y.Data[i])
		y2.Set(i, 1, y.Data[i])
		right2.Set(i, 0, 1-right.Data[i])
		right2.Set(i, 1, right.Data[i])
	}
	if got := LogLoss(y2, right2); math.Abs(got-want) > 1e-14 {
		t.Errorf("LogLoss of two columns = %v, want %v", got, want)
	}
}

func TestR2Columns(t *testing.T) {
	y := NewMatrix(3, 2, 1, 5, 2, 5, 4, 7)
	right := NewMatrix(3, 2, 1, 5, 2, 6, 3, 7)
	// Columns: 1 − 1/2 and 1 − 1/2.
	if got := R2(y, right); got != 0.5 {
		t.Errorf("R2 = %v, want 0.5", got)
	}
	// 0.1 three times has a mean that rounds to another number if it is summed plainly.
	constant := NewMatrix(3, 1, 0.1, 0.1, 0.1)
	if got := R2(NewMatrix(3, 1, 0.1, 0.1, 0.2), constant); got != 0 {
		t.Errorf("R2 for a constant target = %v, want 0", got)
	}
	if got := R2(constant, constant); got != 1 {
		t.Errorf("R2 of a constant predicted exactly = %v, want 1", got)
	}
}

func TestMetricsPanic(t *testing.T) {
	y3, y1 := NewMatrix(2, 3), NewMatrix(2, 1)
	for _, c := range []struct {
		want string
		f    func()
	}{
		{"nn: Accuracy: 2×3 and 3×1 do not fit", func() { Accuracy(y3, NewMatrix(3, 1)) }},
		{"nn: Accuracy: 2×3 and 2×2 do not fit", func() { Accuracy(y3, NewMatrix(2, 2)) }},
		{"nn: Accuracy: 2×0 and 2×1 do not fit", func() { Accuracy(NewMatrix(2, 0), y1) }},
		{"nn: Accuracy: label 3 in row 1 is not one of the class indices 0 to 2", func() { Accuracy(y3, NewMatrix(2, 1, 0, 3)) }},
		{"nn: Accuracy: label -1 in row 0 is not", func() { Accuracy(y3, NewMatrix(2, 1, -1, 3)) }},
		{"nn: Confusion: label 0.5 in row 0 is not", func() { Confusion(y3, NewMatrix(2, 1, 0.5, 3)) }},
		{"nn: Confusion: target 2 in row 1 is not a probability", func() { Report(y1, NewMatrix(2, 1, 0, 2)) }},
		{"nn: Confusion: target NaN in row 0 is not a probability", func() { Report(y1, NewMatrix(2, 1, math.NaN(), 2)) }},
		{"nn: Report: 2 names for 3 classes", func() { Report(y3, y1, "a", "b") }},
		{"nn: TopKAccuracy: k is 0 and y is 2×3", func() { TopKAccuracy(y3, y1, 0) }},
		{"nn: TopKAccuracy: k is 1 and y is 2×1", func() { TopKAccuracy(y1, y1, 1) }},
		{"nn: ROCAUC: 2×1 and 2×2 do not fit", func() { ROCAUC(y1, NewMatrix(2, 2)) }},
		{"nn: AveragePrecision: 2×1 and 0×1 do not fit", func() { AveragePrecision(y1, NewMatrix(0, 1)) }},
		{"nn: LogLoss: target -1 in row 0", func() { LogLoss(y1, NewMatrix(2, 1, -1, 0)) }},
		{"nn: R2: 2×3 and 2×1 do not fit", func() { R2(y3, y1) }},
		{"nn: MeanSquaredError: 2×3 and 2×1 do not fit", func() { MeanSquaredError(y3, y1) }},
		{"nn: RootMeanSquaredError: 2×3 and 2×1 do not fit", func() { RootMeanSquaredError(y3, y1) }},
		{"nn: MeanAbsoluteError: 2×3 and 2×1 do not fit", func() { MeanAbsoluteError(y3, y1) }},
	} {
		dataPanics(t, c.want, c.f)
	}
}
