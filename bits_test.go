package nn

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// bitsHash is of the networks that TestBits trains: the same on every
// architecture, for every GOMAXPROCS and build.
const bitsHash = "6c022e6c969e9660e14d51af0b13cd06e7238e7be3ab52606b7729dec4365e5f"

// TestBits trains networks with everything in them, and compares what they
// have become with a constant, with every set of kernels.
func TestBits(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		for _, procs := range []int{1, 2, 7} {
			old := runtime.GOMAXPROCS(procs)
			if got := trainedHash(t); got != bitsHash {
				t.Errorf("with GOMAXPROCS %d trained networks have the hash %s, want %s", procs, got, bitsHash)
			}
			runtime.GOMAXPROCS(old)
		}
	})
}

// trainedHash returns the hash of the networks of bitsTrainers after training.
func trainedHash(t *testing.T) string {
	h := sha256.New()
	save := func(n *Network) {
		if err := n.Save(h); err != nil {
			t.Fatal(err)
		}
	}
	for _, tr := range bitsTrainers() {
		n := 48
		rng := testRand()
		d := Dataset{X: NewMatrix(n, tr.Net.In().Size()), Y: NewMatrix(n, 1)}
		for i := range d.X.Data {
			if tr.Net.layers.Indices() > 0 {
				d.X.Data[i] = float64(intN(rng, 5))
			} else {
				d.X.Data[i] = normal(rng)
			}
		}
		for i := range d.Y.Data {
			d.Y.Data[i] = float64(intN(rng, 2))
		}
		switch tr.Loss {
		case Hinge, SquaredHinge: // −1 or 1
			d.Y.Scale(2, d.Y).AddScalar(d.Y, -1)
		case KLDivergence, CosineSimilarity: // rows of their own
			d.Y = New(nil, Input(3), Softmax()).Predict(randomMatrix(rng, n, 3))
		}
		if tr.BatchSize == 0 {
			tr.BatchSize = 20
		}
		for range tr.Train(d, 3) {
		}
		save(tr.Net)
		if tr.EMA != nil {
			save(tr.Averaged())
		}
		fmt.Fprintf(h, "%x", tr.Evaluate(d))
		y := tr.Net.Predict(d.X)
		fmt.Fprintf(h, "%x", y.Data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// bitsTrainers returns trainers whose networks together have every layer,
// activation, initialiser, loss, optimizer and schedule in them.
func bitsTrainers() []*Trainer {
	src := func() rand.Source { return rand.NewPCG(1, 2) }
	var activations []Layers
	for a := Identity; a <= Tanh; a++ {
		activations = append(activations, Layers{Dense(2), a})
	}
	everything := New(src(), Input(6),
		Embedding(5, 3).WithPadding(1), Reshape(-1, 6), PReLU(), Flatten(), Dropout(0.2), GaussianNoise(0.1),
		Concat(activations...), Residual(Dense(4), Tanh).WithShortcut(Dense(4).WithoutBias()),
		Dense(3), Softmax())

	trainers := []*Trainer{
		{Net: everything, Loss: &CrossEntropyLoss{Smoothing: 0.1, Weights: []float64{1, 2, 0.5}}, Optimizer: &Adam{AMSGrad: true, WeightDecay: 0.01},
			ClipNorm: 0.5, ClipValue: 0.1, L1: 1e-4, L2: 1e-3, Accumulate: 2, EMA: &EMA{Decay: 0.9}},
		{Net: New(src(), Input(130), Dense(257), ReLU, Dense(129), GELU, Dense(2), Softmax()), // large enough for blocks and goroutines
			Optimizer: &SGD{LearningRate: 0.1, Momentum: 0.9, Nesterov: true, WeightDecay: 1e-3}, BatchSize: 48},
	}
	// Small networks, that share out what is left: each end with each of its
	// losses, and in turn each initialiser, optimizer and schedule.
	inits := []Initializer{GlorotUniform, GlorotNormal, HeUniform, HeNormal, LeCunUniform, LeCunNormal, Orthogonal, Constant(0.1)}
	schedules := []Schedule{ConstantRate(0.01), StepDecay(0.01, 0.5, 2), MultiStepDecay(0.01, 0.5, 2, 5), ExponentialDecay(0.01, 0.9, 1), LinearDecay(0.01, 8),
		PolynomialDecay(0.01, 0.001, 1.5, 8), CosineDecay(0.01, 8), CosineDecayTo(0.01, 0.001, 8), CosineRestarts(0.01, 0, 3, 2), Warmup(4, ConstantRate(0.01)),
		OneCycle(0.01, 9), Cyclic(0.001, 0.01, 2, 3), CyclicHalving(0.001, 0.01, 2, 3), CyclicDecay(0.001, 0.01, 0.9, 2, 3)}
	optimizers := func(s Schedule) []Optimizer {
		return []Optimizer{&SGD{Schedule: s, Momentum: 0.9}, &SGD{Schedule: s}, &Adam{Schedule: s}, &NAdam{Schedule: s}, &RAdam{Schedule: s}, &Adamax{Schedule: s},
			&RMSProp{Schedule: s, Centered: true, Momentum: 0.5}, &Adagrad{Schedule: s}, &Adadelta{Schedule: s}, &Lion{Schedule: s, WeightDecay: 0.1}}
	}
	i := 0
	add := func(out int, end Layer, losses ...Loss) {
		for _, loss := range losses {
			net := New(rand.NewChaCha8([32]byte{byte(i)}), Input(3),
				Dense(5).WithInit(inits[i%len(inits)]), SiLU, Dense(out).WithInit(inits[(i+3)%len(inits)]), end)
			o := optimizers(schedules[i%len(schedules)])
			trainers = append(trainers, &Trainer{Net: net, Loss: loss, Optimizer: o[i%len(o)]})
			i++
		}
	}
	add(3, Softmax(), CrossEntropy, SmoothCrossEntropy(0.1), &FocalCrossEntropyLoss{Gamma: 2})
	add(3, Softmax(), KLDivergence)
	add(3, Identity, CosineSimilarity)
	add(1, Identity, Hinge, SquaredHinge)
	add(1, Sigmoid, BinaryCrossEntropy, &BinaryCrossEntropyLoss{PosWeight: []float64{2}}, &FocalLoss{Gamma: 2, Alpha: 0.25}, MSE, MAE, Huber(0.1), Poisson)
	for _, end := range []Layer{Tanh, Softplus, GELU, Identity} {
		add(1, end, MSE, Huber(1), &PoissonLoss{LogRate: true}, MAE)
	}
	return trainers
}

// Nothing but math.FMA makes a fused multiply-add: the compiler's own would
// differ between architectures.
func TestNoHiddenFMA(t *testing.T) {
	goTool := goCommand(t)
	fused := regexp.MustCompile(`\(([^()]*\.go):(\d+)\)\s+(V?FN?M(?:ADD|SUB)\w*)`)
	for _, env := range []string{"GOARCH=arm64", "GOARCH=amd64 GOAMD64=v3"} {
		cmd := exec.Command(goTool, "build", "-gcflags=-S", ".")
		cmd.Env = append(os.Environ(), append(strings.Fields(env), "GOOS=linux", "CGO_ENABLED=0")...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", env, err, out)
		}
		found := 0
		lines := map[string][]string{}
		for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
			m := fused.FindStringSubmatch(s.Text())
			if m == nil {
				continue
			}
			found++
			file := m[1]
			if lines[file] == nil {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				lines[file] = strings.Split(string(text), "\n")
			}
			var n int
			fmt.Sscan(m[2], &n)
			if !strings.Contains(lines[file][n-1], "math.FMA(") {
				t.Errorf("%s: %s:%d has %s without asking for it: %s", env, filepath.Base(file), n, m[3], strings.TrimSpace(lines[file][n-1]))
			}
		}
		if found == 0 {
			t.Errorf("%s: no fused multiply-add found at all; has the compiler's listing changed?", env)
		}
	}
}
